/** A pull that people watch: Docker's progress on a terminal, its plain lines elsewhere, nothing when asked to be quiet. */
import type { Context } from "../../engine/context.ts";
import { pull, type Pulled } from "../../engine/image/pull.ts";
import { showProgress, type ProgressMode } from "../output/progress.ts";
import { givenUp } from "./given-up.ts";

export interface PullShown {
  readonly platform: string | null;
  readonly quiet: boolean;
  readonly progress: ProgressMode;
  readonly insecureRegistries: readonly string[];
  /** Where it is shown: 1, or 2 when standard output belongs to a container. */
  readonly descriptor: number;
}

/**
 * Pulls and shows it, down to the lines "Digest" and "Status". A signal gives the pull up; it then leaves only what the next one goes on from and
 * throws "pull-cancelled" with the status 128 + n. Throws what pull throws.
 */
export async function pullShown(context: Context, word: string, { platform, insecureRegistries, quiet, progress: mode, descriptor }: PullShown): Promise<Pulled> {
  const shown = showProgress({ mode, quiet, descriptor, elsewhere: "plain" });
  const progress = { start: (tag: string, repository: string): void => shown.tell(`Pulling from ${repository}`, tag), layer: shown.layer.bind(shown) };
  const pulled = await givenUp((signal) => pull(context, word, { platform, insecureRegistries, progress, signal }));
  const { familiarName, parseReference, withDefaultTag } = await import("../../image/reference.ts");
  shown.tell(`Digest: ${pulled.digest}`);
  shown.tell(`Status: ${pulled.upToDate ? "Image is up to date" : "Downloaded newer image"} for ${familiarName(withDefaultTag(parseReference(word)))}`);
  return pulled;
}
