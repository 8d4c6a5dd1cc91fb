/** The end of the process, at once. */
import { libc } from "./ffi.ts";

const c = libc({ _exit: { args: ["i32"], returns: "void" } });

/**
 * Ends the process with _exit(2): nothing of the runtime runs any more. process.exit would close every SQLite database
 * and checkpoint each (two fdatasyncs in every command, kernel-traps 11); a WAL that stays is replayed by the next opener.
 * All output must have been written: mdk writes synchronously.
 */
export function exitNow(status: number): never {
  c()._exit(status);
  throw new Error("_exit returned");
}
