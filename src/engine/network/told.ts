/** What a user is told of the host once, not at every start: until the next boot, or `clean`. */
import { closeSync, openSync } from "node:fs";
import type { Context } from "../context.ts";

/** Marks below the run root. */
export const TOLD = ["name-servers-told", "no-firewall-told"] as const;

/** Whether that was told already; it is from now on. Throws node's errors. */
export function isToldAlready(context: Context, mark: (typeof TOLD)[number]): boolean {
  try {
    closeSync(openSync(`${context.runRoot}/${mark}`, "wx", 0o600));
    return false;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return true;
    throw error;
  }
}
