/** A container that waits for its restart, whose user wants none. */
import { closeSync } from "node:fs";
import { markGivenUp } from "../../store/container-life.ts";
import { readContainer } from "../../store/containers.ts";
import { SysError } from "../../sys/ffi.ts";
import { sendWithDescriptors } from "../../sys/socket.ts";
import type { Context } from "../context.ts";
import { connectMonitor } from "./end.ts";
import { takeOpLock } from "./settle.ts";

/** False: it does not wait for one. Its monitor ends, too. */
export function giveUpRestart(context: Context, id: string, by: "stop" | "kill"): boolean {
  if (readContainer(context.database(), id)?.phase !== "restarting") return false;
  const lock = takeOpLock(context, id, true)!;
  try {
    // Whoever restarts it holds the op lock: it may run by now.
    if (readContainer(context.database(), id)?.phase !== "restarting") return false;
    markGivenUp(context.database(), id, by);
    dismissMonitor(context, id);
    return true;
  } finally {
    closeSync(lock);
  }
}

/** The monitor that waits for the time of the restart; one that does not is told nothing new. */
function dismissMonitor(context: Context, id: string): void {
  const connection = connectMonitor(context, { id });
  if (connection === null) return;
  try {
    sendWithDescriptors(connection.socket, Buffer.from("l"), []);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  } finally {
    closeSync(connection.socket);
  }
}
