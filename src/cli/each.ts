/** Commands that take several containers: one failure does not keep the others from being dealt with. */
import { EXIT, MdkError } from "../error.ts";
import { printable, printError } from "./output.ts";

/** Calls `work` with each; errors are printed as they come, and make the status 1. */
export async function forEach<T>(items: readonly T[], work: (item: T) => void | Promise<void>): Promise<number> {
  let status = 0;
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      if (!(error instanceof MdkError)) throw error;
      printError(printable(`mdk: ${error.message}`) + (error.hint === null ? "" : `\n${printable(error.hint)}`));
      status = EXIT.failure;
    }
  }
  return status;
}
