/** `mdk pull`. */
import { parseReference } from "../../image/reference.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";
import { pullShown } from "./pull-shown.ts";

export const command: Command = {
  usage: "pull [OPTIONS] NAME[:TAG|@DIGEST]",
  summary: "Download an image from a registry",
  flags: [
    { name: "all-tags", short: "a", type: "bool", help: "Download all tagged images in the repository", missing: true },
    { name: "disable-content-trust", type: "bool", hidden: true, help: "Skip image verification (default true)" },
    { name: "insecure-registry", type: "list", help: "Registry that may be reached without TLS, or with a certificate nobody vouches for" },
    { name: "platform", type: "string", help: "Set platform if server is multi-platform capable" },
    { name: "quiet", short: "q", type: "bool", help: "Suppress verbose output" },
  ],
  operands: [1, 1],
  run: async ({ context, flags, operands }) => {
    const word = operands[0] as string;
    const quiet = flags.bool("quiet");
    const { tag, digest } = parseReference(word);
    if (tag === null && digest === null && !quiet) print("Using default tag: latest");
    const pulled = await pullShown(context, word, {
      platform: flags.string("platform"), quiet, insecureRegistries: flags.list("insecure-registry"), descriptor: 1,
    });
    print(pulled.name);
    return 0;
  },
};
