/** `mdk pull`. */
import { familiarName, parseReference, withDefaultTag } from "../image/reference.ts";
import type { Command, Invocation } from "./flags.ts";
import { print } from "./output.ts";
import { closingLines, pullShown } from "./pull-shown.ts";

export const command: Command = {
  usage: "pull [OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Download an image from a registry",
  flags: [
    { name: "all-tags", short: "a", type: "bool", help: "Download all tagged images in the repository", missing: true },
    { name: "disable-content-trust", type: "bool", help: "Skip image verification (default true)" },
    { name: "insecure-registry", type: "list", help: "Registry that may be pulled from without TLS" },
    { name: "platform", type: "string", help: "Set platform if the image is multi-platform capable" },
    { name: "quiet", short: "q", type: "bool", help: "Suppress verbose output" },
  ],
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const [word = ""] = operands;
  const quiet = flags.bool("quiet");
  const reference = withDefaultTag(parseReference(word));
  if (!quiet && reference.tag !== null && !word.includes(`:${reference.tag}`)) print(`Using default tag: ${reference.tag}`);
  const pulled = await pullShown(context, word, { platform: flags.string("platform"), quiet, insecureRegistries: flags.list("insecure-registry"), descriptor: 1 });
  if (!quiet) print(closingLines(pulled, familiarName(reference)));
  print(pulled.name);
  return 0;
}
