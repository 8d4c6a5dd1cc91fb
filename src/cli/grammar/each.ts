/** Commands that take several containers: one failure does not keep the others from being dealt with. */
import { EXIT, MdkError } from "../../error.ts";
import { printable, printError } from "../output/text.ts";

/** Calls `work` with each; errors are printed as they come, and make the status 1. */
export async function forEach<T>(items: readonly T[], work: (item: T) => void | Promise<void>): Promise<number> {
  let status = 0;
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      if (!isOfTheWorld(error)) throw error;
      const hint = error instanceof MdkError ? error.hint : null;
      printError(printable(`mdk: ${error.message}`) + (hint === null ? "" : `\n${printable(hint)}`));
      status = EXIT.failure;
    }
  }
  return status;
}

/** What the kernel or the disk refused for one of them, too: such errors carry its code. A mistake of mdk's own goes on to main. */
function isOfTheWorld(error: unknown): error is Error {
  return error instanceof MdkError || (error instanceof Error && typeof (error as { code?: unknown }).code === "string");
}
