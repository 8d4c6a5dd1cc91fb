/**
 * The door to libc. Every file of sys/ that calls the kernel opens the symbols it needs here, once, at first use:
 * a dlopen of three symbols costs 0.12 ms, of twenty 0.27 ms, so a command pays only for what it touches.
 */
import { dlopen, ptr, read, type FFIFunction, type Pointer } from "bun:ffi";
import { errnoName, errnoText } from "./errno.ts";

export { ptr, type Pointer };

/** A system call that failed: `call` and `object` as the man page would say them. */
export class SysError extends Error {
  override readonly name = "SysError";
  readonly call: string;
  readonly errno: number;
  readonly object: string;

  constructor(call: string, errno: number, object: string) {
    super(`${call}${object === "" ? "" : ` ${object}`}: ${errnoText(errno)}`);
    this.call = call;
    this.errno = errno;
    this.object = object;
  }

  /** "ENOENT": node's errors carry the same property, so callers compare one way. */
  get code(): string {
    return errnoName(this.errno);
  }
}

const LIBC = "libc.so.6";

type Symbols<T extends Record<string, FFIFunction>> = ReturnType<typeof dlopen<T>>["symbols"];

/** Opens libc's symbols at the first call of the returned function and keeps them. */
export function libc<const T extends Record<string, FFIFunction>>(declarations: T): () => Symbols<T> {
  let symbols: Symbols<T> | undefined;
  return () => (symbols ??= dlopen(LIBC, declarations).symbols);
}

const location = libc({ __errno_location: { args: [], returns: "ptr" } });

/** errno of the call that just returned -1 on this thread; meaningless at any other time. */
export function errno(): number {
  return read.i32(location().__errno_location() as Pointer, 0);
}

/** Passes the result of a call through, or throws its SysError. `object`: the path or thing it was about. */
export function check(result: number | bigint, call: string, object = ""): number {
  const number = Number(result);
  if (number === -1) throw new SysError(call, errno(), object);
  return number;
}

/** A NUL-terminated string for the kernel. A string that holds NUL would be cut there: refused. */
export function cstr(text: string): Buffer {
  if (text.includes("\0")) throw new SysError("encode", 22, JSON.stringify(text));
  return Buffer.from(`${text}\0`);
}
