/** `mdk logs`. */
import { EXIT, CommandError } from "../exit.ts";
import { findContainer } from "../../engine/container/find.ts";
import { followLog, type LogSelection } from "../../engine/container/logs.ts";
import { momentOf } from "../grammar/moment.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { printError, stream as write } from "../output/text.ts";

export const command: Command = {
  usage: "logs [OPTIONS] CONTAINER",
  summary: "Fetch the logs of a container",
  flags: [
    { name: "details", type: "bool", help: "Show extra details provided to logs" },
    { name: "follow", short: "f", type: "bool", help: "Follow log output" },
    { name: "since", type: "string", help: "Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)" },
    { name: "tail", short: "n", type: "string", help: "Number of lines to show from the end of the logs (default \"all\")" },
    { name: "timestamps", short: "t", type: "bool", help: "Show timestamps" },
    { name: "until", type: "string", help: "Show logs before a timestamp (2013-01-02T13:23:37Z) or relative (42m for 42 minutes)" },
  ],
  operands: [1, 1],
  run,
};

function run({ context, flags, operands }: Invocation): number {
  const container = findContainer(context, operands[0] ?? "");
  if (container.host.LogConfig.Type === "none") throw new CommandError(EXIT.failure, "no-log", "configured logging driver does not support reading");
  const now = context.now();
  const selection: LogSelection = {
    tail: tailOf(flags.string("tail") ?? "all"), since: momentOf("since", flags.string("since"), now), until: momentOf("until", flags.string("until"), now),
    timestamps: flags.bool("timestamps"), details: flags.bool("details"), follow: flags.bool("follow"),
  };
  followLog(context, container, selection, {
    write: (stream, bytes) => write(container.config.Tty || stream === "stdout" ? 1 : 2, bytes),
    lost: () => printError("mdk: earlier lines are missing: the log was rotated and its oldest file removed (--log-opt max-size, max-file)"),
  });
  return 0;
}

/** Null: all, which Docker's daemon takes everything for that is no number, too. */
function tailOf(text: string): number | null {
  return /^\+?\d+$/.test(text) ? Number(text) : null;
}
