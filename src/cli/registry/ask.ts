/** Asking the user for a name and a password, and reading a password that somebody else hands in. */
import { readSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { pollReadable } from "../../sys/poll.ts";
import { withoutEcho } from "../../sys/terminal.ts";
import { CommandError } from "../exit.ts";
import { writeAll } from "../output/text.ts";

const BYTES_MAX = 64 * 1024;
const SIGINT_STATUS = 130;
const [CTRL_C, CTRL_D, BACKSPACE, CTRL_U, DELETE] = [0x03, 0x04, 0x08, 0x15, 0x7f];
const LINE_ENDS = [0x0a, 0x0d];

/** A line that the user types at a prompt, without the blanks around it. */
export function askLine(prompt: string): string {
  writeAll(1, Buffer.from(prompt));
  const bytes: number[] = [];
  for (let byte = readByte(); byte !== null && byte !== LINE_ENDS[0]; byte = readByte()) bytes.push(byte);
  return text(bytes).trim();
}

/** The same, with nothing of it shown. Ctrl-C ends the command with the terminal as it was. */
export function askSecret(prompt: string): string {
  return withoutEcho(0, () => {
    writeAll(1, Buffer.from(prompt));
    try {
      return text(readKeys());
    } finally {
      writeAll(1, Buffer.from("\n"));
    }
  });
}

/** All of standard input, without the end of its last line. Throws "password-too-long". */
export function readSecret(): string {
  const bytes: number[] = [];
  for (let byte = readByte(); byte !== null; byte = readByte()) push(bytes, byte);
  return text(bytes).replace(/\n$/, "").replace(/\r$/, "");
}

/** A line as the terminal itself would edit it, which it does not while each key is given to us. */
function readKeys(): number[] {
  const bytes: number[] = [];
  for (let byte = readByte(); byte !== null && !LINE_ENDS.includes(byte) && byte !== CTRL_D; byte = readByte()) {
    if (byte === CTRL_C) throw new CommandError(SIGINT_STATUS, "login-cancelled", "context canceled");
    if (byte === CTRL_U) bytes.length = 0;
    else if (byte === BACKSPACE || byte === DELETE) dropCharacter(bytes);
    else push(bytes, byte);
  }
  return bytes;
}

/** UTF-8: bytes 10xxxxxx belong to the one before. */
function dropCharacter(bytes: number[]): void {
  while (bytes.length > 0 && (bytes.pop()! & 0xc0) === 0x80);
}

function push(bytes: number[], byte: number): void {
  if (bytes.length === BYTES_MAX) throw new MdkError("invalid", "password-too-long", `a password has at most ${BYTES_MAX} bytes`);
  bytes.push(byte);
}

/** Null at the end. Byte by byte: what follows the line is for somebody else. */
function readByte(): number | null {
  const one = Buffer.alloc(1);
  for (;;) {
    try {
      return readSync(0, one) === 0 ? null : one[0]!;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EOF") return null;
      if (code !== "EAGAIN") throw error;
      pollReadable([0], -1);
    }
  }
}

function text(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("utf8");
}
