/** `mdk push`. */
import { push, type PushProgress } from "../../engine/image/push.ts";
import { DEFAULT_TAG, parseReference, repositoryOf } from "../../image/reference.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { PlainProgress, TerminalProgress } from "../output/progress.ts";
import { print, printError, writeAll } from "../output/text.ts";
import { givenUp } from "./given-up.ts";

export const command: Command = {
  usage: "push [OPTIONS] NAME[:TAG]",
  summary: "Upload an image to a registry",
  flags: [
    { name: "all-tags", short: "a", type: "bool", help: "Push all tags of an image to the repository" },
    { name: "disable-content-trust", type: "bool", hidden: true, help: "Skip image signing (default true)" },
    { name: "insecure-registry", type: "list", help: "Registry that may be reached without TLS, or with a certificate nobody vouches for" },
    { name: "quiet", short: "q", type: "bool", help: "Suppress verbose output" },
  ],
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands: [word = ""] }: Invocation): Promise<number> {
  const [all, quiet] = [flags.bool("all-tags"), flags.bool("quiet")];
  const reference = parseReference(word);
  if (reference.tag === null && reference.digest === null && !all && !quiet) print("Using default tag: latest");
  await givenUp((signal) => push(context, word, { all, insecureRegistries: flags.list("insecure-registry"), progress: quiet ? null : shown(), signal, warn: (text) => printError(`WARNING: ${text}`) }));
  if (quiet) print(`${repositoryOf(reference)}${all ? "" : `:${reference.tag ?? DEFAULT_TAG}`}`);
  return 0;
}

function shown(): PushProgress {
  const write = (text: string): void => void writeAll(1, Buffer.from(text));
  const lines = isTerminal(1) ? new TerminalProgress(write, () => windowSize(1).columns) : new PlainProgress(write);
  return {
    start: (repository) => write(`The push refers to repository [${repository}]\n`),
    layer: (...line) => lines.layer(...line),
    done: (tag, digest, size) => write(`${tag}: digest: ${digest} size: ${size}\n`),
  };
}
