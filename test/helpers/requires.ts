/**
 * A test that needs something of the machine: `testIf(condition, reason)("name", body)` runs it, or skips it and says why.
 * On CI a skip fails the run unless test/skips.txt names it.
 */
import { test } from "bun:test";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

type Body = () => void | Promise<void>;

export function testIf(condition: boolean, reason: string): (name: string, body: Body, timeoutMs?: number) => void {
  if (condition) return (name, body, timeoutMs) => test(name, body, timeoutMs);
  return (name, body) => {
    console.error(`skip: ${name}: ${reason}`);
    test.skip(name, body);
  };
}

export const isRoot = process.getuid?.() === 0;

/** Whether a program is in PATH, sbin included. */
export function hasTool(name: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(join(folder, name)));
}
