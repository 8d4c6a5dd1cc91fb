/** What binfmt_misc says that a host can run. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { handledMachines } from "../../../src/engine/build/foreign.ts";

const folder = mkdtempSync(join(tmpdir(), "mdk-binfmt-"));
afterAll(() => rmSync(folder, { recursive: true }));

const entry = (name: string, state: string, magic: string): void => writeFileSync(join(folder, name), `${state}\ninterpreter /usr/bin/${name}\nflags: OCF\noffset 0\nmagic ${magic}\nmask ff\n`);

test("the machines of enabled handlers of ELF are known, in either byte order; without a mount nothing is", () => {
  expect(handledMachines(folder)).toBe(null);
  writeFileSync(join(folder, "status"), "enabled\n");
  writeFileSync(join(folder, "register"), "");
  entry("qemu-aarch64", "enabled", "7f454c460201010000000000000000000200b700");
  entry("qemu-s390x", "enabled", "7f454c4602020100000000000000000000020016");
  entry("qemu-arm", "disabled", "7f454c4601010100000000000000000002002800");
  entry("python", "enabled", "420d0d0a");
  expect(handledMachines(folder)).toEqual(new Set([183, 22]));
  writeFileSync(join(folder, "status"), "disabled\n");
  expect(handledMachines(folder)).toEqual(new Set());
});
