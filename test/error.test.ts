/** What is said of errors that nobody made for people. */
import { expect, test } from "bun:test";
import { readFileSync, renameSync, rmdirSync } from "node:fs";
import { isOfTheWorld, MdkError, messageOf } from "../src/error.ts";

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}

test("what the system refused to node reads as Go tells it", () => {
  expect(messageOf(thrown(() => readFileSync("/no/such, file")))).toBe("open /no/such, file: no such file or directory");
  expect(messageOf(thrown(() => readFileSync("/")))).toMatch(/^(open|read)( \/)?: is a directory$/);
  expect(messageOf(thrown(() => rmdirSync("/proc")))).toBe("rmdir /proc: device or resource busy");
  expect(messageOf(thrown(() => renameSync("/no/such", "/tmp/x")))).toBe("rename /no/such /tmp/x: no such file or directory");
  expect(messageOf(new MdkError("invalid", "x", "said"))).toBe("said");
});

test("mistakes of mdk's own are told from facts of the world", () => {
  expect(isOfTheWorld(thrown(() => readFileSync("/no/such")))).toBe(true);
  expect(isOfTheWorld(new MdkError("invalid", "x", "said"))).toBe(true);
  expect(isOfTheWorld(thrown(() => (undefined as unknown as { a: string }).a))).toBe(false);
});
