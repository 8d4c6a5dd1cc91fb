/** Commands that take several containers: one failure does not keep the others from being dealt with. */
import { EXIT, MdkError } from "../error.ts";
import { printable, printError } from "./output.ts";

/** Calls `work` with each word; errors are printed as they come, and make the status 1. */
export async function forEach(words: readonly string[], work: (word: string) => void | Promise<void>): Promise<number> {
  let status = 0;
  for (const word of words) {
    try {
      await work(word);
    } catch (error) {
      if (!(error instanceof MdkError)) throw error;
      printError(printable(`mdk: ${error.message}`) + (error.hint === null ? "" : `\n${printable(error.hint)}`));
      status = EXIT.failure;
    }
  }
  return status;
}
