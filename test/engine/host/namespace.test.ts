/** Identities of network namespaces: found again by who wrote them, and by nobody else. */
import { expect, test } from "bun:test";
import { closeSync, copyFileSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext } from "../../../src/engine/context.ts";
import { networkNamespace, openNetworkNamespace } from "../../../src/engine/host/facts.ts";

test("a namespace is opened again on the same boot, by the store that named it and not by a copy of it", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-namespace-"));
  try {
    const contextOf = (name: string) => createContext({ root: join(folder, name), runRoot: join(folder, "run"), environment: {}, now: () => new Date(0) });
    const [original, copy] = [contextOf("original"), contextOf("copy")];
    const identity = networkNamespace(original);
    copy.database();
    copyFileSync(join(folder, "original", "mdk.db"), join(folder, "copy", "mdk.db"));
    expect(identity).toMatch(/^net:\[\d+\] [0-9a-f-]{36} \d+$/);
    expect(networkNamespace(original)).toBe(identity);
    const opened = openNetworkNamespace(original, identity)!;
    expect(readlinkSync(`/proc/self/fd/${opened}`)).toBe(readlinkSync("/proc/self/ns/net"));
    closeSync(opened);
    expect(networkNamespace(copy)).not.toBe(identity);
    expect(openNetworkNamespace(copy, identity)).toBeNull();
    expect(openNetworkNamespace(original, identity.replace(/ [0-9a-f-]{36} /, " 00000000-0000-0000-0000-000000000000 "))).toBeNull();
    expect(openNetworkNamespace(original, identity.replace(/^net:\[\d+\]/, "net:[1]"))).toBeNull();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
