/** `mdk import`. */
import { importImage } from "../../engine/image/import.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { print } from "../output/text.ts";
import { platformAsked } from "../platform.ts";
import { givenUp } from "./given-up.ts";

export const command: Command = {
  usage: "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  summary: "Import the contents from a tarball to create a filesystem image",
  flags: [
    { name: "change", short: "c", type: "list", help: "Apply Dockerfile instruction to the created image" },
    { name: "message", short: "m", type: "string", help: "Set commit message for imported image" },
    { name: "platform", type: "string", help: "Set platform if server is multi-platform capable" },
  ],
  // What comes behind the name is passed over, as Docker does.
  operands: [1, Infinity],
  run,
};

async function run({ context, flags, operands: [source = "", name = ""] }: Invocation): Promise<number> {
  print(await givenUp((signal) => importImage(context, {
    source, name: name === "" ? null : name, message: flags.string("message") ?? "", changes: flags.list("change"), platform: platformAsked(context, flags), signal,
  })));
  return 0;
}
