/**
 * argv to exit status: finds the command, hands it the context (environment and clock included) and prints the one
 * line of an error. The only place that ends the process.
 */
import { EXIT, CommandError, statusOf } from "./cli/exit.ts";
import { isOfTheWorld, MdkError, messageOf } from "./error.ts";
import { HelpRequest, parseFlags, RequestError, UsageError, type Command, type Flag } from "./cli/grammar/flags.ts";
import { resolveCommand } from "./cli/grammar/resolve.ts";
import { usageAs } from "./cli/grammar/tree.ts";
import { hintOf } from "./cli/output/hint.ts";
import { printable, printError, READER_GONE } from "./cli/output/text.ts";
import { versionLine } from "./cli/system/version-line.ts";
import { exitNow } from "./sys/exit.ts";

/** Flags before the command. */
const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "config", type: "string", help: "Location of client config files (default \"~/.docker\")" },
  { name: "config-file", type: "string", help: "Configuration of this host (default \"/etc/mdk/daemon.json\", or MDK_CONFIG_FILE)" },
  { name: "debug", short: "D", type: "bool", help: "Show the cause of an error" },
  { name: "host", short: "H", type: "list", help: "Daemon socket to connect to", missing: true },
  { name: "root", type: "string", help: "Images and containers live here (default \"/var/lib/mdk\", or MDK_ROOT)" },
  { name: "run-root", type: "string", help: "State of running containers (default \"/run/mdk\", with another --root a name of its own; or MDK_RUN_ROOT)" },
  { name: "storage-driver", type: "string", help: "What the store is on: overlay2 (the data root as it is), loop, tmpfs (default: what the data root needs, or MDK_STORAGE_DRIVER)" },
  { name: "version", short: "v", type: "bool", help: "Print version information and quit" },
];

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-v")) {
    console.log(versionLine());
    return 0;
  }
  let command: { readonly name: string; readonly command: Command } | null = null;
  let debug = false;
  try {
    const { flags: globals, operands } = parseFlags(GLOBAL_FLAGS, argv, false);
    debug = globals.bool("debug");
    if (globals.bool("version")) {
      console.log(versionLine());
      return 0;
    }
    const resolved = await resolveCommand(operands, GLOBAL_FLAGS);
    if (typeof resolved === "number") return resolved;
    command = resolved;
    const { flags, operands: rest } = parseFlags(command.command.flags, resolved.argv, command.command.interspersed ?? true);
    checkOperands(command.name, command.command, rest.length);
    const { commandContext: createContext } = await import("./cli/context.ts");
    return await command.command.run({ context: await createContext(globals, { needsRoot: command.command.anyUser !== true, enduring: command.command.enduring === true }), flags, operands: rest });
  } catch (error) {
    if (error instanceof HelpRequest) return await showHelp(command);
    return await report(error, command, { debug, usage: error instanceof UsageError });
  }
}

function checkOperands(name: string, command: Command, count: number): void {
  const [least, most] = command.operands;
  if (count >= least && count <= most) return;
  const bounds = [...(least > 0 ? [`at least ${least}`] : []), ...(most < Infinity ? [`at most ${most}`] : [])].join(" and ");
  const number = least === most ? `${least}` : bounds;
  const noun = (most < Infinity ? most : least) === 1 ? "argument" : "arguments";
  const text = most === 0 ? `'mdk ${name}' accepts no arguments` : `'mdk ${name}' requires ${number} ${noun}`;
  throw new CommandError(EXIT.failure, "usage-operands", text);
}

async function showHelp(command: { readonly name: string; readonly command: Command } | null): Promise<number> {
  const { commandHelp, programHelp } = await import("./cli/grammar/help.ts");
  console.log(command === null ? await programHelp(GLOBAL_FLAGS) : await commandHelp(command.name, command.command));
  return 0;
}

/** What a mistake of mdk's own is called: JavaScript's words for it are of no use to who met it. */
const INTERNAL = "internal error: this is a mistake in mdk, and -D shows where";

interface Reporting {
  readonly debug: boolean;
  /** The grammar refused the line: Docker then shows the usage and no program name. */
  readonly usage: boolean;
}

async function report(error: unknown, called: { readonly name: string; readonly command: Command } | null, how: Reporting): Promise<number> {
  const known = error instanceof MdkError ? error : null;
  const status = statusOf(error, called?.command.failure ?? EXIT.failure);
  if (known?.code === READER_GONE) return status;
  const name = called === null ? "mdk" : `mdk ${called.name}`;
  const message = isOfTheWorld(error) || how.debug ? messageOf(error) : INTERNAL;
  const lines = [how.usage ? printable(message) : `mdk: ${printable(message)}`];
  const hint = hintOf(error);
  if (hint !== null) lines.push(printable(hint));
  if (how.debug && error instanceof Error) lines.push(String(error.stack), ...(error.cause === undefined ? [] : [`caused by: ${String((error.cause as Error)?.stack ?? error.cause)}`]));
  if (how.usage || known?.code === "usage-operands") {
    if (called !== null) lines.push("", `Usage:  mdk ${usageAs(called.name, called.command.usage)}`);
  }
  if (how.usage || known?.code === "usage-operands" || error instanceof RequestError) lines.push("", `Run '${name} --help' for more information`);
  printError(lines.join("\n"));
  return status;
}

exitNow(await main(process.argv.slice(2)));
