/** `mdk attach`. */
import { EXIT, CommandError } from "../exit.ts";
import { MdkError } from "../../error.ts";
import { findContainer } from "../../engine/container/find.ts";
import { attach } from "../../engine/session/foreground.ts";
import { readStatus } from "../../engine/end/status.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { caller } from "./caller.ts";
import { endStatus, parseDetachKeys } from "./joining.ts";

export const command: Command = {
  usage: "attach [OPTIONS] CONTAINER",
  summary: "Attach local standard input, output, and error streams to a running container",
  flags: [
    { name: "detach-keys", type: "string", help: "Override the key sequence for detaching a container" },
    { name: "no-stdin", type: "bool", help: "Do not attach STDIN" },
    { name: "sig-proxy", type: "bool", help: "Proxy all received signals to the process (default true)" },
  ],
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const container = findContainer(context, operands[0] ?? "");
  const { word } = readStatus(context, container);
  if (word === "paused") throw new MdkError("conflict", "paused", "You cannot attach to a paused container, unpause it first");
  if (word === "restarting") throw new MdkError("conflict", "restarting", "You cannot attach to a restarting container, wait until it is running");
  if (word !== "running") throw new MdkError("conflict", "not-running", "You cannot attach to a stopped container, start it first");
  const stdin = container.config.OpenStdin && !flags.bool("no-stdin");
  if (container.config.Tty && stdin && !isTerminal(0)) throw new CommandError(EXIT.failure, "not-a-terminal", "the input device is not a TTY");
  const end = await attach(context, container, {
    stdin, stdout: true, stderr: true, client: caller(), detachKeys: parseDetachKeys(flags.string("detach-keys")),
    sigProxy: flags.bool("sig-proxy", true) && !container.config.Tty,
  });
  return endStatus(end, EXIT.failure);
}
