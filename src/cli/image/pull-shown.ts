/** A pull that people watch: Docker's progress on a terminal, its plain lines elsewhere, nothing when asked to be quiet. */
import type { Context } from "../../engine/context.ts";
import { pull, type Pulled, type PullProgress } from "../../engine/image/pull.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import { writeAll } from "../output/text.ts";
import { givenUp } from "./given-up.ts";
import { PlainProgress, TerminalProgress } from "../output/progress.ts";

export interface PullShown {
  readonly platform: string | null;
  readonly quiet: boolean;
  readonly insecureRegistries: readonly string[];
  /** Where it is shown: 1, or 2 when standard output belongs to a container. */
  readonly descriptor: number;
}

/**
 * Pulls and shows it, down to the lines "Digest" and "Status". A signal gives the pull up; it then leaves only what the next one goes on from and
 * throws "pull-cancelled" with the status 128 + n. Throws what pull throws.
 */
export async function pullShown(context: Context, word: string, how: PullShown): Promise<Pulled> {
  const write = (text: string): void => {
    if (!how.quiet) writeAll(how.descriptor, Buffer.from(text));
  };
  const drawn = !how.quiet && isTerminal(how.descriptor);
  const progress: PullProgress = drawn ? new TerminalProgress(write, () => windowSize(how.descriptor).columns) : new PlainProgress(write);
  const pulled = await givenUp((signal) => pull(context, word, { platform: how.platform, insecureRegistries: how.insecureRegistries, progress, signal }));
  const { familiarName, parseReference, withDefaultTag } = await import("../../image/reference.ts");
  const name = familiarName(withDefaultTag(parseReference(word)));
  write(`Digest: ${pulled.digest}\nStatus: ${pulled.upToDate ? "Image is up to date" : "Downloaded newer image"} for ${name}\n`);
  return pulled;
}
