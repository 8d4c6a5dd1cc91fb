/** `mdk load`. */
import { EXIT, CommandError } from "../exit.ts";
import { loadImages } from "../../engine/image/load.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { loading, PROGRESS_FLAG, progressMode, showProgress } from "../output/progress.ts";
import { print } from "../output/text.ts";
import { givenUp } from "./given-up.ts";

export const command: Command = {
  usage: "load [OPTIONS]",
  summary: "Load an image from a tar archive or STDIN",
  flags: [
    { name: "input", short: "i", type: "string", help: "Read from tar archive file or directory, instead of STDIN" },
    { name: "platform", type: "string", help: "Load only the given platform of an image that has several" },
    PROGRESS_FLAG,
    { name: "quiet", short: "q", type: "bool", help: "Suppress the load output" },
  ],
  operands: [0, 0],
  run,
};

async function run({ context, flags }: Invocation): Promise<number> {
  const input = flags.string("input");
  if (input === null && isTerminal(0)) throw new CommandError(EXIT.failure, "load-from-terminal", "requested load from stdin, but stdin is empty");
  const mode = progressMode(flags);
  const quiet = flags.bool("quiet");
  const progress = showProgress({ mode, quiet, descriptor: 1, elsewhere: "nothing" });
  const say = mode === "json" && !quiet ? (text: string): void => progress.add({ stream: `${text}\n` }) : (text: string): void => {
    progress.end();
    print(text);
  };
  await givenUp((signal) =>
    loadImages(context, input, { platform: flags.string("platform"), progress: loading(progress), signal }, ({ id, names, moved }) => {
      for (const { name, from } of moved) say(`The image ${name} already exists, renaming the old one with ID ${from} to empty string`);
      say(names.length === 0 ? `Loaded image ID: ${id}` : names.map((name) => `Loaded image: ${name}`).join("\n"));
      progress.add({ aux: { ID: id } });
    }));
  return 0;
}
