/** `mdk cp`. */
import { closeSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { findContainer } from "../../engine/container/find.ts";
import { keepTrailing } from "../../spec/copy-paths.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { CommandError, EXIT } from "../exit.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { humanSize } from "../output/size.ts";
import { printError, stream, writeAll } from "../output/text.ts";

export const command: Command = {
  usage: "cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tmdk cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  summary: "Copy files/folders between a container and the local filesystem\n\nUse '-' as the source to read a tar archive from stdin\nand extract it to a directory destination in a container.\nUse '-' as the destination to stream a tar archive of a\ncontainer source to stdout.",
  flags: [
    { name: "archive", short: "a", type: "bool", help: "Archive mode (copy all uid/gid information)" },
    { name: "follow-link", short: "L", type: "bool", help: "Always follow symbol link in SRC_PATH" },
    { name: "quiet", short: "q", type: "bool", help: "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached" },
  ],
  operands: [2, 2],
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const [source = "", destination = ""] = operands;
  if (source === "") throw refused("source can not be empty");
  if (destination === "") throw refused("destination can not be empty");
  const [from, to] = [split(source), split(destination)];
  if (from.container !== null && to.container !== null) throw refused("copying between containers is not supported");
  const quiet = flags.given("quiet") ? flags.bool("quiet") : !isTerminal(1);
  const followLink = flags.bool("follow-link");
  if (from.container !== null) {
    const { copyFrom } = await import("../../engine/container/copy-from.ts");
    const container = findContainer(context, from.container);
    const request = { word: from.container, path: from.path, followLink };
    if (to.path === "-") return copyFrom(context, container, { ...request, to: (part) => stream(1, part), told() {} }), 0;
    const local = localPath(to.path);
    return await shown({ quiet, header: "Copying from container - ", to: local }, (told) => copyFrom(context, container, { ...request, to: local, told }));
  }
  if (to.container === null) throw refused("must specify at least one container source");
  const { copyTo } = await import("../../engine/container/copy-to.ts");
  const container = findContainer(context, to.container);
  const request = { word: to.container, path: to.path, followLink, archive: flags.bool("archive"), from: from.path === "-" ? standardInput() : localPath(from.path) };
  return await shown({ quiet, header: "Copying to container - ", to: destination }, (told) => copyTo(context, container, { ...request, told }));
}

interface Showing {
  readonly quiet: boolean;
  readonly header: string;
  readonly to: string;
}

/** How often a terminal is written to. */
const SHOWN_EVERY_MS = 75;
const LINE_START = "\r\x1b[K";

/** On a terminal the bytes so far, and where Docker says it, what was copied. */
async function shown({ quiet, header, to }: Showing, copy: (told: (bytes: number) => void) => number | Promise<number>): Promise<number> {
  const live = !quiet && isTerminal(2);
  const write = (text: string): boolean => writeAll(2, Buffer.from(text));
  let lastMs = performance.now();
  let copied: number;
  try {
    copied = await copy((bytes) => {
      if (!live || performance.now() - lastMs < SHOWN_EVERY_MS) return;
      lastMs = performance.now();
      write(`${LINE_START}${header}${humanSize(bytes)}`);
    });
  } finally {
    if (live) write(LINE_START);
  }
  if (!quiet) printError(`Successfully copied ${humanSize(copied)} to ${to}`);
  return 0;
}

function refused(message: string): CommandError {
  return new CommandError(EXIT.failure, "cp-operands", message);
}

/** "./file:name" and "/file:name" are of the host; everything else with a colon is a container's. */
function split(word: string): { readonly container: string | null; readonly path: string } {
  const colon = word.indexOf(":");
  if (word.startsWith("/") || word.startsWith(".") || colon <= 0) return { container: null, path: word };
  return { container: word.slice(0, colon), path: word.slice(colon + 1) };
}

function localPath(written: string): string {
  return keepTrailing(resolve(written), written);
}

const CHUNK = 1 << 18;

async function* standardInput(): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const chunk = Buffer.alloc(CHUNK);
    const length = await readInput(chunk);
    if (length === 0) return closeSync(0);
    yield chunk.subarray(0, length);
  }
}

/** A pipe of others may be O_NONBLOCK. */
async function readInput(chunk: Buffer): Promise<number> {
  for (;;) {
    try {
      return readSync(0, chunk);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      await Bun.sleep(1);
    }
  }
}
