/** The image of `run` and `create`: found here, pulled as --pull says, with Docker's words on standard error, or taken from where it lies. */
import { EXIT, CommandError } from "../exit.ts";
import type { Context } from "../../engine/context.ts";
import { findImage, findPlatform, type ImageFacts } from "../../engine/image/layers.ts";
import type { Values } from "../grammar/flags.ts";
import { printError } from "../output/text.ts";
import { platformAsked } from "../platform.ts";

const POLICIES = ["always", "missing", "never"] as const;

/** Does the work that makes a container of the image; one that came for it alone is gone when it fails. Throws MdkError, status 125, and what the work throws. */
export async function withImage<T>(context: Context, flags: Values, word: string, work: (image: ImageFacts) => Promise<T>): Promise<T> {
  if (flags.bool("rootfs")) return await (await import("../../engine/image/located.ts")).withEmptyImage(context, work);
  const location = LOCATED.test(word) ? (await import("../../image/location.ts")).parseLocation(word) : null;
  if (location === null) return await work(await obtainImage(context, flags, word));
  const [{ withLocatedImage }, { givenUp }, { loading, showProgress }] = await Promise.all([import("../../engine/image/located.ts"), import("../image/given-up.ts"), import("../output/progress.ts")]);
  const progress = loading(showProgress({ mode: "auto", quiet: flags.bool("quiet"), descriptor: 2, elsewhere: "nothing" }));
  return await givenUp((signal) => withLocatedImage(context, location, { platform: platformAsked(context, flags), progress, signal }, work));
}

/** What may be one, for who has none. */
const LOCATED = /^(oci|docker)[a-z-]*:/;

async function obtainImage(context: Context, flags: Values, word: string): Promise<ImageFacts> {
  const policy = flags.string("pull") ?? "missing";
  if (!(POLICIES as readonly string[]).includes(policy)) {
    throw new CommandError(EXIT.engine, "invalid-pull", `invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
  }
  const platform = platformAsked(context, flags);
  if (policy !== "always") {
    const image = findImage(context, word, platform);
    if (image !== null) return image;
    if (policy === "never") throw new CommandError(EXIT.engine, "no-such-image", `No such image: ${word}`);
    const { parseReference, familiarName, withDefaultTag } = await import("../../image/reference.ts");
    if (!flags.bool("quiet")) printError(`Unable to find image '${familiarName(withDefaultTag(parseReference(word)))}' locally`);
  }
  const { pullShown } = await import("../image/pull-shown.ts");
  await pullShown(context, word, { platform, quiet: flags.bool("quiet"), progress: "auto", insecureRegistries: flags.list("insecure-registry"), descriptor: 2 });
  const image = findImage(context, word, platform);
  if (image !== null) return image;
  const actual = findPlatform(context, word);
  throw actual === null || platform === null
    ? new CommandError(EXIT.engine, "no-such-image", `No such image: ${word}`)
    : new CommandError(EXIT.engine, "other-platform", `image with reference ${word} was found but does not match the specified platform: wanted ${platform}, actual: ${actual}`);
}
