/** `mdk save`. */
import { EXIT, CommandError } from "../exit.ts";
import { saveImages } from "../../engine/image/save.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { PROGRESS_FLAG, progressMode, showProgress } from "../output/progress.ts";
import { printError, stream } from "../output/text.ts";
import { toFile } from "../output/to-file.ts";
import { givenUp } from "./given-up.ts";

export const command: Command = {
  usage: "save [OPTIONS] IMAGE [IMAGE...]",
  summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
  flags: [
    { name: "output", short: "o", type: "string", help: "Write to a file, instead of STDOUT" },
    { name: "platform", type: "string", help: "Save only the image of this platform (os[/arch[/variant]])" },
    PROGRESS_FLAG,
    { name: "quiet", short: "q", type: "bool", help: "Suppress the progress" },
  ],
  operands: [1, Infinity],
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const path = flags.string("output");
  if (path === null && isTerminal(1)) throw new CommandError(EXIT.failure, "save-to-terminal", "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  const progress = showProgress({ mode: progressMode(flags), quiet: flags.bool("quiet"), descriptor: path === null ? 2 : 1, elsewhere: "nothing" });
  await givenUp(async (signal) => {
    const save = async (fd: number): Promise<void> => void (await saveImages(context, operands, (bytes) => stream(fd, bytes), { platform: flags.string("platform"), progress, signal, warn: (text) => printError(`WARNING: ${text}`) }));
    if (path === null) await save(1);
    else await toFile(path, "failed to save image", save);
  });
  return 0;
}
