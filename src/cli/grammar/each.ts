/** Commands that take several containers: one failure does not keep the others from being dealt with. */
import { EXIT } from "../exit.ts";
import { isOfTheWorld, messageOf } from "../../error.ts";
import { hintOf } from "../output/hint.ts";
import { printable, printError } from "../output/text.ts";

/** Calls `work` with each; errors are printed as they come, and make the status 1. */
export async function forEach<T>(items: readonly T[], work: (item: T) => void | Promise<void>): Promise<number> {
  let status = 0;
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      if (!isOfTheWorld(error)) throw error;
      const hint = hintOf(error);
      printError(printable(`mdk: ${messageOf(error)}`) + (hint === null ? "" : `\n${printable(hint)}`));
      status = EXIT.failure;
    }
  }
  return status;
}
