/** dist/mdk-arm64 under qemu's user emulation, as far as that has the system calls; the rest is `npm run test:arm64`. */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { foreignEmulator } from "../../helpers/foreign.ts";
import { MDK } from "../../helpers/mdk.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const ARM64 = resolve("dist/mdk-arm64");
const built = isRoot && existsSync(ARM64) && process.arch === "x64";
const emulator = built ? foreignEmulator() : null;
const armTest = testIf(emulator !== null, "needs root, a built dist/mdk-arm64, and apt that can download qemu-user-static, on x86_64");

const folder = mkdtempSync(join(tmpdir(), "mdk-arm64-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function mdk(...args: readonly string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const done = Bun.spawnSync([emulator ?? "", ARM64, "--root", join(folder, "root"), "--run-root", join(folder, "run"), "--storage-driver", "overlay2", ...args], { stdin: "ignore", timeout: 60_000 });
  return { code: done.exitCode, out: done.stdout.toString(), err: done.stderr.toString() };
}

armTest("it is an executable for arm64 alone, not larger than 120 MB", () => {
  const head = Buffer.alloc(20);
  readSync(openSync(ARM64, "r"), head, 0, 20, 0);
  expect(head.readUInt16LE(18)).toBe(183); // EM_AARCH64
  expect(statSync(ARM64).size).toBeLessThanOrEqual(120_000_000);
});

armTest("--version says what the other says; without arm64's glibc here, by the loader that it carries", () => {
  expect(mdk("--version")).toEqual({ code: 0, out: Bun.spawnSync([MDK, "--version"]).stdout.toString(), err: "" });
});

armTest("info and doctor know the machine and use the database and libc by FFI", () => {
  expect(mdk("info", "--format", "{{.Architecture}} {{.Containers}} {{.OSType}}")).toMatchObject({ code: 0, out: "aarch64 0 linux\n" });
  const { Findings } = JSON.parse(mdk("doctor", "--json").out) as { Findings: { Name: string; Verdict: string; Found: string }[] };
  const found = (name: string): string | undefined => Findings.find(({ Name }) => Name === name)?.Found;
  expect(found("kernel")).toEndWith(", aarch64");
  expect(found("loader")).toBe("no glibc (musl, or none)");
  expect(found("run root")).toStartWith(join(folder, "run"));
});
