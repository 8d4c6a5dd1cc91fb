/** `mdk exec`. */
import { EXIT, CommandError } from "../exit.ts";
import { execInContainer } from "../../engine/session/exec.ts";
import { findContainer } from "../../engine/container/find.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { caller } from "./caller.ts";
import { endStatus, parseDetachKeys } from "./joining.ts";
import { environmentFlags } from "./request.ts";

export const command: Command = {
  usage: "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
  summary: "Execute a command in a running container",
  flags: [
    { name: "detach", short: "d", type: "bool", help: "Detached mode: run command in the background" },
    { name: "detach-keys", type: "string", help: "Override the key sequence for detaching a container" },
    { name: "env", short: "e", type: "list", help: "Set environment variables" },
    { name: "env-file", type: "list", help: "Read in a file of environment variables" },
    { name: "interactive", short: "i", type: "bool", help: "Keep STDIN open even if not attached" },
    { name: "privileged", type: "bool", help: "Give extended privileges to the command" },
    { name: "tty", short: "t", type: "bool", help: "Allocate a pseudo-TTY" },
    { name: "user", short: "u", type: "string", help: "Username or UID (format: \"<name|uid>[:<group|gid>]\")" },
    { name: "workdir", short: "w", type: "string", help: "Working directory inside the container" },
  ],
  operands: [2, Infinity],
  interspersed: false,
  failure: EXIT.failure,
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const [word = "", ...args] = operands;
  const terminal = flags.bool("tty");
  const interactive = flags.bool("interactive");
  const detach = flags.bool("detach");
  if (terminal && interactive && !detach && !isTerminal(0)) throw new CommandError(EXIT.failure, "not-a-terminal", "the input device is not a TTY");
  return endStatus(await execInContainer(context, findContainer(context, word), {
    args, env: environmentFlags(flags, context.environment), workdir: flags.string("workdir"), user: flags.string("user"),
    privileged: flags.bool("privileged"), terminal, interactive,
  }, { detach, client: caller(), detachKeys: parseDetachKeys(flags.string("detach-keys")) }), EXIT.failure);
}
