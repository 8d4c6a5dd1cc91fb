/** `mdk ps`. */
import { listRunning, listSummaries, readDetails, type Summary } from "../../engine/container/list.ts";
import type { Container } from "../../store/containers.ts";
import { bridgedOf } from "../../spec/network.ts";
import { formatPorts, portPairs } from "../../spec/ports.ts";
import { ago, humanStatus } from "../output/human.ts";
import type { Command, Invocation, Values } from "../grammar/flags.ts";
import { json, print, printable, table } from "../output/text.ts";
import { EXIT, MdkError } from "../../error.ts";

export const command: Command = {
  usage: "ps [OPTIONS]",
  summary: "List containers",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Show all containers (default shows just running)" },
    { name: "filter", short: "f", type: "list", help: "Filter output based on conditions provided (id, name, status, label, ancestor, exited, network, volume)" },
    { name: "format", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "last", short: "n", type: "int", help: "Show n last created containers (includes all states)" },
    { name: "latest", short: "l", type: "bool", help: "Show the latest created container (includes all states)" },
    { name: "no-trunc", type: "bool", help: "Don't truncate output" },
    { name: "quiet", short: "q", type: "bool", help: "Only display container IDs" },
    { name: "size", short: "s", type: "bool", help: "Display total file sizes", missing: true },
  ],
  operands: [0, 0],
  run,
};

type Row = Readonly<Record<string, string>>;

/** What is told of a container: `Head` → its text. A row is made of what the format asks for. */
type Column = (summary: Summary, how: Telling) => string;

interface Telling {
  readonly now: Date;
  /** `--no-trunc`. */
  readonly full: boolean;
  /** All of the container; null: it is gone meanwhile. */
  readonly details: (summary: Summary) => Container | null;
}

const COLUMNS: Readonly<Record<string, readonly [head: string, column: Column]>> = {
  ID: ["CONTAINER ID", ({ container }, { full }) => (full ? container.id : container.id.slice(0, 12))],
  Image: ["IMAGE", ({ container }) => container.imageName],
  Command: ["COMMAND", commandOf],
  RunningFor: ["CREATED", ({ container }, { now }) => ago(container.createdMs, now)],
  Status: ["STATUS", ({ status }, { now }) => humanStatus(status, now)],
  Ports: ["PORTS", ({ container, status }) => portsOf(container, status.word === "running")],
  Names: ["NAMES", ({ container }) => container.name],
  CreatedAt: ["CREATED AT", ({ container }) => `${new Date(container.createdMs).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`],
  State: ["STATE", ({ status }) => status.word],
  Labels: ["LABELS", (summary, { details }) => Object.entries(details(summary)?.config.Labels ?? {}).map(([key, value]) => `${key}=${value}`).join(",")],
  Networks: ["NETWORKS", (summary, { details }) => details(summary)?.host.NetworkMode ?? ""],
  Mounts: ["MOUNTS", (summary, { details }) => (details(summary)?.host.Binds ?? []).map((bind) => bind.split(":")[0]).join(",")],
  LocalVolumes: ["LOCAL VOLUMES", () => "0"],
  Size: ["SIZE", () => "0B"],
};

const USUAL = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];

async function run({ context, flags }: Invocation): Promise<number> {
  const last = lastOf(flags);
  const filters = flags.list("filter").map(parseFilter);
  const all = flags.bool("all") || last !== null || filters.some(({ key }) => key === "status" || key === "exited");
  if (flags.bool("quiet") && !all && filters.length === 0) {
    const ids = await listRunning(context);
    if (ids.length > 0) print(ids.map((id) => (flags.bool("no-trunc") ? id : id.slice(0, 12))).join("\n"));
    return 0;
  }
  let read: ReadonlyMap<string, Container> | null = null;
  const details = ({ container }: Summary): Container | null => (read ??= readDetails(context)).get(container.id) ?? null;
  const how: Telling = { now: context.now(), full: flags.bool("no-trunc"), details };
  let found = (await listSummaries(context, { all })).filter((summary) => (all || summary.status.word === "running") && matches(summary, filters, details));
  if (last !== null) found = found.slice(0, last);
  const format = flags.string("format");
  if (flags.bool("quiet")) {
    if (found.length > 0) print(found.map((summary) => COLUMNS.ID![1](summary, how)).join("\n"));
  } else if (format !== null && format !== "table") await printFormatted(format, found, how);
  else {
    const columns = USUAL.map((name) => COLUMNS[name]!);
    print(printable(table([columns.map(([head]) => head), ...found.map((summary) => columns.map(([, column]) => column(summary, how)))])));
  }
  return 0;
}

/** How many of all states; null: only those that run. Docker's: -n wins over -l, and what is no number of containers means nothing. */
function lastOf(flags: Values): number | null {
  const last = flags.int("last") ?? -1;
  if (last === -1 && flags.bool("latest")) return 1;
  return last > 0 ? last : null;
}

async function printFormatted(format: string, found: readonly Summary[], how: Telling): Promise<void> {
  const rows = found.map((summary) => rowOf(([, column]) => column(summary, how)));
  if (format === "json") {
    for (const row of rows) print(json(row));
    return;
  }
  const { renderTemplate } = await import("../output/template.ts");
  const template = format.startsWith("table ") ? format.slice("table ".length) : format;
  const lines = rows.map((row, index) => renderTemplate(template, row, { Label: (name) => labelOf(how.details(found[index]!), name) }));
  if (format.startsWith("table ")) {
    const heads = rowOf(([head]) => head);
    print(table([renderTemplate(template, heads, { Label: (name) => name }), ...lines].map((line) => line.split("\t"))));
  } else for (const line of lines) print(line);
}

function labelOf(container: Container | null, name: string): string {
  return container !== null && Object.hasOwn(container.config.Labels, name) ? container.config.Labels[name]! : "";
}

function rowOf(text: (column: readonly [string, Column]) => string): Row {
  return Object.fromEntries(Object.entries(COLUMNS).map(([name, column]) => [name, text(column)]));
}

function commandOf({ container }: Summary, { full }: Telling): string {
  const words = container.command;
  return json(full || words.length <= 20 ? words : `${words.slice(0, 19)}…`);
}

function portsOf({ exposed, network }: Summary["container"], running: boolean): string {
  if (!running) return "";
  const published = bridgedOf(network)?.ports ?? [];
  if (published.length === 0) return exposed;
  const taken = new Set(published.flatMap((port) => portPairs(port).map(([inside]) => `${inside}/${port.protocol}`)));
  const others = exposed.split(", ").filter((port) => port !== "" && !taken.has(port));
  return [...published.map(formatPorts), ...others].join(", ");
}

interface Filter {
  readonly key: string;
  readonly value: string;
}

const KEYS = ["id", "name", "status", "label", "ancestor", "exited", "network", "volume"];

/** Docker's: a container of mdk never has some of them. */
const STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

function parseFilter(text: string): Filter {
  const equals = text.indexOf("=");
  const key = text.slice(0, Math.max(0, equals));
  if (equals === -1) throw new MdkError("invalid-filter", `invalid argument ${JSON.stringify(text)} for "-f, --filter" flag: invalid filter '${text}'`, { status: EXIT.engine });
  if (!KEYS.includes(key)) throw new MdkError("invalid-filter", `invalid filter '${key}'`, { hint: `mdk knows ${KEYS.join(", ")}` });
  const value = text.slice(equals + 1);
  if (key === "status" && !STATES.includes(value)) throw new MdkError("invalid-filter", `invalid filter 'status=${value}'`, { hint: `mdk knows ${STATES.join(", ")}` });
  return { key, value };
}

/** Docker's match: the text itself, or a regular expression that fits a part of it; one that is none fits nothing. */
function fits(pattern: string, text: string): boolean {
  if (pattern === text) return true;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

/** Values of one key are alternatives, keys add up; labels all have to be there. */
function matches(summary: Summary, filters: readonly Filter[], details: Telling["details"]): boolean {
  const { container, status } = summary;
  const image = container.imageName;
  const one = ({ key, value }: Filter): boolean => {
    if (key === "id") return fits(value, container.id);
    if (key === "name") return fits(value, container.name) || fits(value, `/${container.name}`);
    if (key === "exited") return status.word === "exited" && String(status.code) === value;
    if (key === "network") return details(summary)?.host.NetworkMode === value;
    if (key === "volume") return (details(summary)?.host.Binds ?? []).some((bind) => bind.split(":").slice(0, 2).includes(value));
    if (key === "status") return status.word === value;
    if (key === "ancestor") return image === value || image === `${value}:latest` || container.image === value || container.image.startsWith(`sha256:${value}`);
    const equals = value.indexOf("=");
    const labels = details(summary)?.config.Labels ?? {};
    const label = equals === -1 ? value : value.slice(0, equals);
    return Object.hasOwn(labels, label) && (equals === -1 || labels[label] === value.slice(equals + 1));
  };
  return filters.length === 0 || KEYS.every((key) => {
    const own = filters.filter((filter) => filter.key === key);
    return own.length === 0 || (key === "label" ? own.every(one) : own.some(one));
  });
}
