/** Asking before what cannot be taken back. */
import { readSync } from "node:fs";
import { writeAll } from "../output/text.ts";

/** True for "y" on standard input; what is no answer is none. */
export function confirm(question: string): boolean {
  writeAll(1, Buffer.from(`${question}\nAre you sure you want to continue? [y/N] `));
  return /^y(es)?$/i.test(readLine());
}

function readLine(): string {
  const buffer = Buffer.alloc(256);
  return buffer.subarray(0, readSync(0, buffer)).toString("utf8").trim();
}
