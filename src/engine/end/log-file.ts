/** A container's log file after its monitor's end: its name, and telling in it what it lacks. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

export const logName = (id: string): string => `${id}-json.log`;

/** What is looked through for the ends of lines. */
const TAIL_BYTES = 64 << 10;

/**
 * Adds the monitor's own line (shim/log.zig) about lines that a full disk cost the log's end. Where there is still no room,
 * the last lines make it: what is overwritten needs no new space. A log that is not there lacks nothing.
 */
export function tellLost(path: string, lost: { readonly lines: number; /** RFC 3339. */ readonly time: string }): void {
  let file: number;
  try {
    file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, tail, 0, tail.length, size - tail.length);
    let end = tail.length;
    for (let lines = lost.lines; ; lines++) {
      const line = Buffer.from(`${JSON.stringify({ log: `mdk: ${lines} lines lost: the log could not be written\n`, stream: "stderr", time: lost.time })}\n`);
      const at = size - tail.length + end;
      if (put(file, line, at)) return ftruncateSync(file, at + line.length);
      if (end === 0) return;
      end = tail.lastIndexOf(10, end - 2) + 1;
    }
  } finally {
    closeSync(file);
  }
}

/** False: no space, and the file is as long as it was. */
function put(file: number, line: Buffer, at: number): boolean {
  const { size } = fstatSync(file);
  try {
    if (writeSync(file, line, 0, line.length, at) === line.length) return true;
  } catch (error) {
    if (!["ENOSPC", "EDQUOT"].includes((error as { code?: string }).code ?? "")) throw error;
  }
  ftruncateSync(file, size);
  return false;
}
