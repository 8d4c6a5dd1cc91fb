/** --debug-shell: a shell on the files of the step that failed, on the user's terminal. */
import type { BuildRequest } from "../../engine/build/request.ts";
import type { Context } from "../../engine/context.ts";
import { runForeground } from "../../engine/session/foreground.ts";
import { MdkError } from "../../error.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { caller } from "../container/caller.ts";
import { printError } from "../output/text.ts";
import type { Shown } from "./shown.ts";

/** Throws MdkError "no-terminal", before anything runs. */
export function refuseWithoutTerminal(): void {
  if (!isTerminal(0) || !isTerminal(1)) throw new MdkError("invalid", "no-terminal", "--debug-shell needs a terminal");
}

/** The first step that fails gets one: what fails after it fails because the build is given up. */
export function debugShell(context: Context, shown: Shown): NonNullable<BuildRequest["debug"]> {
  return async (begun) => {
    shown.end();
    printError("A shell in the file system of the failed step; the build goes on to its end when it exits.");
    await runForeground(context, begun, { stdin: true, stdout: true, stderr: true, client: caller(), detachKeys: new Uint8Array(), sigProxy: false, warn: (text) => printError(`WARNING: ${text}`) });
  };
}
