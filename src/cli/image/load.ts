/** `mdk load`. */
import { EXIT, CommandError } from "../exit.ts";
import type { LayerProgress } from "../../engine/image/copy.ts";
import { loadImages } from "../../engine/image/load.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { TerminalProgress } from "../output/progress.ts";
import { print, writeAll } from "../output/text.ts";
import { givenUp } from "./given-up.ts";

export const command: Command = {
  usage: "load [OPTIONS]",
  summary: "Load an image from a tar archive or STDIN",
  flags: [
    { name: "input", short: "i", type: "string", help: "Read from tar archive file or directory, instead of STDIN" },
    { name: "platform", type: "string", help: "Load only the given platform of an image that has several" },
    { name: "quiet", short: "q", type: "bool", help: "Suppress the load output" },
  ],
  operands: [0, 0],
  run,
};

async function run({ context, flags }: Invocation): Promise<number> {
  const input = flags.string("input");
  if (input === null && isTerminal(0)) throw new CommandError(EXIT.failure, "load-from-terminal", "requested load from stdin, but stdin is empty");
  await givenUp((signal) =>
    loadImages(context, input ?? "/dev/stdin", { platform: flags.string("platform"), progress: flags.bool("quiet") ? null : drawn(), signal }, ({ id, names, moved }) => {
      for (const { name, from } of moved) print(`The image ${name} already exists, renaming the old one with ID ${from} to empty string`);
      print(names.length === 0 ? `Loaded image ID: ${id}` : names.map((name) => `Loaded image: ${name}`).join("\n"));
    }));
  return 0;
}

/** Bars where somebody looks at them; in pipes Docker says nothing of layers. */
function drawn(): LayerProgress | null {
  if (!isTerminal(1)) return null;
  const progress = new TerminalProgress((text) => void writeAll(1, Buffer.from(text)), () => windowSize(1).columns);
  return { layer: (id, status, current, total) => progress.layer(id, status === "Downloading" ? "Loading layer" : status, current, total) };
}
