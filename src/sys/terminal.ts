/** Terminals by descriptor: node:tty costs 2 ms, process.stdout 9. */
import { libc } from "./ffi.ts";

const c = libc({
  isatty: { args: ["i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
});

const TIOCGWINSZ = 0x5413n;

export function isTerminal(descriptor: number): boolean {
  return c().isatty(descriptor) === 1;
}

/** Rows and columns (characters) of a terminal; zeros when it has none or is no terminal. */
export function windowSize(descriptor: number): { rows: number; columns: number } {
  const size = new Uint16Array(4);
  if (c().ioctl(descriptor, TIOCGWINSZ, size) !== 0) return { rows: 0, columns: 0 };
  return { rows: size[0]!, columns: size[1]! };
}
