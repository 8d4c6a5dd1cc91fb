/** Text to standard output and error. process.stdout costs 9 ms at first touch and cuts what is unsent at exit: never used. */
import { CommandError } from "../exit.ts";
import { writeSync } from "node:fs";

/**
 * Writes everything, whatever the descriptor is: short writes and O_NONBLOCK pipes of others included. False: the pipe's
 * reader is gone.
 */
export function writeAll(descriptor: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EAGAIN") Bun.sleepSync(1);
      else if (code === "EPIPE") return false;
      else throw error;
    }
  }
  return true;
}

/** Code of the error of `stream`: main says nothing about it. */
export const READER_GONE = "reader-gone";
const SIGPIPE = 13;

/** For output without end: throws when nobody reads it any more, with the status of a program that SIGPIPE ended. */
export function stream(descriptor: number, bytes: Uint8Array): void {
  if (!writeAll(descriptor, bytes)) throw new CommandError(128 + SIGPIPE, READER_GONE, "write: broken pipe");
}

/** The first Buffer of a process costs 0.2 ms. */
const encoder = new TextEncoder();

/** One line, or several, to standard output. */
export function print(text: string): void {
  writeAll(1, encoder.encode(`${text}\n`));
}

/** One line, or several, to standard error. */
export function printError(text: string): void {
  writeAll(2, encoder.encode(`${text}\n`));
}

/** Docker's tabwriter: the least width of a column, and what is at least between two. */
const CELL_MIN = 10;
const GAP = 3;

/** Columns padded as Docker pads them, the last as it is. Joined once: hundreds of lines cost a millisecond. */
export function table(rows: readonly (readonly string[])[]): string {
  const cellWidths = rows.map((row) => row.map((cell) => Bun.stringWidth(cell)));
  const widths: number[] = [];
  for (const row of cellWidths) for (let column = 0; column < row.length; column++) widths[column] = Math.max(widths[column] ?? CELL_MIN, row[column]! + GAP);
  const blanks = " ".repeat(Math.max(0, ...widths));
  const parts: string[] = [];
  for (const [index, row] of rows.entries()) {
    const last = row.length - 1;
    for (let column = 0; column < last; column++) parts.push(row[column]!, blanks.slice(0, widths[column]! - cellWidths[index]![column]!));
    parts.push(row[last] ?? "", "\n");
  }
  parts.pop();
  return parts.join("");
}

/** Text of others on a terminal: control characters (escape sequences above all) are shown as \xNN, those that turn the direction of writing as \uNNNN. */
export function printable(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`).replace(TURNING, escaped);
}

const TURNING = /[\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** JSON in which nothing moves a terminal: JSON itself lets 0x7f to 0x9f through. `indent`: blanks a level. */
export function json(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(/[\x7f-\x9f]/g, escaped).replace(TURNING, escaped);
}
