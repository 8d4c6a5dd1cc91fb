/** `mdk pull`. */
import { parseReference, repositoryOf } from "../../image/reference.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { PROGRESS_FLAG, progressMode } from "../output/progress.ts";
import { print } from "../output/text.ts";
import { platformAsked } from "../platform.ts";
import { givenUp } from "./given-up.ts";
import { pullShown } from "./pull-shown.ts";

export const command: Command = {
  usage: "pull [OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Download an image from a registry",
  flags: [
    { name: "all-tags", short: "a", type: "bool", help: "Download all tagged images in the repository" },
    { name: "disable-content-trust", type: "bool", hidden: true, help: "Skip image verification (default true)" },
    { name: "insecure-registry", type: "list", help: "Registry that may be reached without TLS, or with a certificate nobody vouches for" },
    { name: "platform", type: "string", help: "Set platform if server is multi-platform capable" },
    PROGRESS_FLAG,
    { name: "quiet", short: "q", type: "bool", help: "Suppress verbose output" },
  ],
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands: [word = ""] }: Invocation): Promise<number> {
  const quiet = flags.bool("quiet");
  const progress = progressMode(flags);
  // Objects only: a name among them would be none.
  const objects = progress === "json" && !quiet;
  const how = { progress, platform: platformAsked(context, flags), quiet, insecureRegistries: flags.list("insecure-registry"), descriptor: 1 };
  if (flags.bool("all-tags")) {
    const { listRemoteTags } = await import("../../engine/image/pull.ts");
    for (const tag of await givenUp((signal) => listRemoteTags(context, word, { insecureRegistries: how.insecureRegistries, signal }))) await pullShown(context, `${word}:${tag}`, how);
    if (!objects) print(repositoryOf(parseReference(word)));
    return 0;
  }
  const { tag, digest } = parseReference(word);
  if (tag === null && digest === null && !quiet && !objects) print("Using default tag: latest");
  const { name } = await pullShown(context, word, how);
  if (!objects) print(name);
  return 0;
}
