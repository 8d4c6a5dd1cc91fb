/** `mdk logs`. */
import { EXIT, MdkError } from "../../error.ts";
import { findContainer } from "../../engine/container/find.ts";
import { followLog, nineDigits, type LogSelection } from "../../engine/container/logs.ts";
import { UsageError, type Command, type Invocation } from "../grammar/flags.ts";
import { stream as write } from "../output/text.ts";

export const command: Command = {
  usage: "logs [OPTIONS] CONTAINER",
  summary: "Fetch the logs of a container",
  flags: [
    { name: "details", type: "bool", help: "Show extra details provided to logs", missing: true },
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
  if (container.host.LogConfig.Type === "none") throw new MdkError("no-log", "configured logging driver does not support reading", { status: EXIT.failure });
  const now = context.now();
  const selection: LogSelection = {
    tail: tailOf(flags.string("tail") ?? "all"), since: momentOf(flags.string("since"), now), until: momentOf(flags.string("until"), now),
    timestamps: flags.bool("timestamps"), follow: flags.bool("follow"),
  };
  followLog(context, container, selection, (stream, bytes) => write(container.config.Tty || stream === "stdout" ? 1 : 2, bytes));
  return 0;
}

function tailOf(text: string): number | null {
  if (text === "all" || text.startsWith("-")) return null;
  if (!/^\d+$/.test(text)) throw new UsageError(`invalid argument ${JSON.stringify(text)} for "-n, --tail" flag`);
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** RFC 3339, seconds since 1970 with a fraction, or a Go duration before now; as text that sorts like the log's times. */
function momentOf(text: string | null, now: Date): string | null {
  if (text === null) return null;
  if (/^(\d+(\.\d+)?(ns|us|ms|s|m|h))+$/.test(text)) {
    const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g);
    const span = [...parts].reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0);
    return nineDigits(new Date(now.getTime() - span).toISOString());
  }
  const date = /^\d+(\.\d+)?$/.test(text) ? new Date(Number(text) * 1000) : new Date(text);
  if (Number.isNaN(date.getTime())) throw new MdkError("invalid-time", `invalid value for "since" or "until": failed to parse value as time or duration: ${JSON.stringify(text)}`);
  // An exact time keeps its digits below the millisecond.
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) ? nineDigits(text) : nineDigits(date.toISOString());
}
