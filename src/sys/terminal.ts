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

const TCGETS = 0x5401n;
const TCSETSW = 0x5403n;
/** struct termios of the kernel (asm-generic/termbits.h): four words of flags, the line discipline, 19 characters. */
const TERMIOS_BYTES = 36;
const LOCAL_FLAGS = 12;
const [ISIG, ICANON, ECHO] = [0x1, 0x2, 0x8];

/**
 * Calls `read` while a terminal shows nothing of what is typed and gives each key as it comes, Ctrl-C too: a signal would end the process
 * and leave the terminal so. It is then as it was. What is no terminal stays as it is.
 */
export function withoutEcho<T>(descriptor: number, read: () => T): T {
  const before = Buffer.alloc(TERMIOS_BYTES);
  if (c().ioctl(descriptor, TCGETS, before) !== 0) return read();
  const silent = Buffer.from(before);
  silent.writeUInt32LE((silent.readUInt32LE(LOCAL_FLAGS) & ~(ISIG | ICANON | ECHO)) >>> 0, LOCAL_FLAGS);
  c().ioctl(descriptor, TCSETSW, silent);
  try {
    return read();
  } finally {
    c().ioctl(descriptor, TCSETSW, before);
  }
}
