/** `mdk push`. */
import { push, type PushProgress } from "../../engine/image/push.ts";
import { DEFAULT_TAG, parseReference, repositoryOf } from "../../image/reference.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { PROGRESS_FLAG, progressMode, showProgress, type ProgressMode } from "../output/progress.ts";
import { print, printError } from "../output/text.ts";
import { givenUp } from "./given-up.ts";

export const command: Command = {
  usage: "push [OPTIONS] NAME[:TAG]",
  summary: "Upload an image to a registry",
  flags: [
    { name: "all-tags", short: "a", type: "bool", help: "Push all tags of an image to the repository" },
    { name: "disable-content-trust", type: "bool", hidden: true, help: "Skip image signing (default true)" },
    { name: "insecure-registry", type: "list", help: "Registry that may be reached without TLS, or with a certificate nobody vouches for" },
    { name: "platform", type: "string", help: "Push only the image of this platform (os[/arch[/variant]])" },
    PROGRESS_FLAG,
    { name: "quiet", short: "q", type: "bool", help: "Suppress verbose output" },
  ],
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands: [word = ""] }: Invocation): Promise<number> {
  const [all, quiet] = [flags.bool("all-tags"), flags.bool("quiet")];
  const reference = parseReference(word);
  const mode = progressMode(flags);
  if (reference.tag === null && reference.digest === null && !all && !quiet && mode !== "json") print("Using default tag: latest");
  await givenUp((signal) => push(context, word, { all, platform: flags.string("platform"), insecureRegistries: flags.list("insecure-registry"), progress: quiet ? null : shown(mode), signal, warn: (text) => printError(`WARNING: ${text}`) }));
  if (quiet) print(`${repositoryOf(reference)}${all ? "" : `:${reference.tag ?? DEFAULT_TAG}`}`);
  return 0;
}

function shown(mode: ProgressMode): PushProgress {
  const lines = showProgress({ mode, quiet: false, descriptor: 1, elsewhere: "plain" });
  return {
    start: (repository) => lines.tell(`The push refers to repository [${repository}]`),
    layer: (...line) => lines.layer(...line),
    done: (tag, digest, size) => {
      lines.tell(`${tag}: digest: ${digest} size: ${size}`);
      lines.add({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
    },
  };
}
