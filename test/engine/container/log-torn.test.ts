/** `logs` of a file that a crash has torn: what is whole is shown. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext } from "../../../src/engine/context.ts";
import { followLog } from "../../../src/engine/container/logs.ts";
import type { Container } from "../../../src/store/containers.ts";

test("a torn line, with the next one right behind it, keeps no other line from being shown", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-log-"));
  try {
    const id = "a".repeat(64);
    mkdirSync(join(folder, "containers", id), { recursive: true });
    const line = (log: string): string => `{"log":${JSON.stringify(log)},"stream":"stdout","time":"2026-01-02T03:04:05.1Z"}\n`;
    writeFileSync(join(folder, "containers", id, `${id}-json.log`), `${line("first\n")}{"log":"to${line("a\ttab\n")}${line("la\tst\n")}{"log":"cut`);
    const context = createContext({ root: folder, runRoot: join(folder, "run"), environment: {}, now: () => new Date() });
    let shown = "";
    const all = { tail: null, since: null, until: null, timestamps: false, details: false, follow: false };
    followLog(context, { id } as Container, all, { write: (_stream, bytes) => void (shown += Buffer.from(bytes).toString()), lost: () => {} });
    expect(shown).toBe("first\nla\tst\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
