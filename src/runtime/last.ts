/** What must be done even if this process is killed before it can: a shim waits for that (shim/last.zig). */
import { closeSync, constants, openSync } from "node:fs";
import { SysError } from "../sys/ffi.ts";
import { spawnDescriptor } from "../sys/process.ts";
import { sendWithDescriptors, socketpair } from "../sys/socket.ts";
import { openShim } from "./shim.ts";

/** Has `text` written to the file when this process ends before it calls the returned function. Throws node's errors of the file. */
export function leaveLast(runRoot: string, path: string, text: string): () => void {
  const file = openSync(path, constants.O_WRONLY);
  const [channel, theirs] = socketpair();
  try {
    spawnDescriptor(openShim(runRoot), ["mdk-shim", "last", text], ["ignore", "ignore", "ignore", theirs, file]).unref();
  } catch (error) {
    closeSync(channel);
    throw error;
  } finally {
    closeSync(theirs);
    closeSync(file);
  }
  return () => {
    try {
      sendWithDescriptors(channel, Buffer.from("d"), []);
    } catch (error) {
      // Killed itself: there is nothing to be told.
      if (!(error instanceof SysError)) throw error;
    } finally {
      closeSync(channel);
    }
  };
}
