/** `mdk ps`. */
import { listSummaries, type Summary } from "../engine/list.ts";
import { ago, humanStatus } from "./human.ts";
import type { Command, Invocation } from "./flags.ts";
import { json, print, printable, table } from "./output.ts";
import { renderTemplate } from "./template.ts";
import { EXIT, MdkError } from "../error.ts";

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

function run({ context, flags }: Invocation): number {
  const last = flags.bool("latest") ? 1 : flags.int("last");
  const filters = flags.list("filter").map(parseFilter);
  const all = flags.bool("all") || last !== null || filters.some(({ key }) => key === "status" || key === "exited");
  let rows = listSummaries(context).filter((summary) => (all || summary.status.word === "running") && matches(summary, filters));
  if (last !== null && last >= 0) rows = rows.slice(0, last);
  const now = context.now();
  const full = flags.bool("no-trunc");
  const shown = rows.map((summary) => rowOf(summary, { now, full }));
  const format = flags.string("format");
  if (flags.bool("quiet")) {
    if (shown.length > 0) print(shown.map((row) => row.ID!).join("\n"));
  } else if (format !== null && format !== "table") printFormatted(format, shown, rows.map((summary) => summary.container.config.Labels));
  else {
    const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
    print(printable(table([["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"], ...shown.map((row) => columns.map((name) => row[name]!))])));
  }
  return 0;
}

function printFormatted(format: string, rows: readonly Row[], labels: readonly Readonly<Record<string, string>>[]): void {
  if (format === "json") {
    for (const row of rows) print(json(row));
    return;
  }
  const template = format.startsWith("table ") ? format.slice("table ".length) : format;
  const lines = rows.map((row, index) => renderTemplate(template, row, { Label: (name) => labels[index]?.[name] ?? "" }));
  if (format.startsWith("table ")) {
    const heads: Row = { ID: "CONTAINER ID", Image: "IMAGE", Command: "COMMAND", RunningFor: "CREATED", CreatedAt: "CREATED AT", Status: "STATUS", State: "STATE", Ports: "PORTS", Names: "NAMES", Networks: "NETWORKS", Labels: "LABELS", Mounts: "MOUNTS", LocalVolumes: "LOCAL VOLUMES", Size: "SIZE" };
    print(table([renderTemplate(template, heads, { Label: (name) => name }), ...lines].map((line) => line.split("\t"))));
  } else for (const line of lines) print(line);
}

function rowOf({ container, status }: Summary, how: { readonly now: Date; readonly full: boolean }): Row {
  const words = [...(container.config.Entrypoint ?? []), ...(container.config.Cmd ?? [])].join(" ");
  const text = how.full || words.length <= 20 ? words : `${words.slice(0, 19)}…`;
  const created = new Date(container.createdMs);
  return {
    ID: how.full ? container.id : container.id.slice(0, 12), Image: container.config.Image, Command: json(text),
    RunningFor: ago(created, how.now),
    Status: humanStatus(status, how.now), State: status.word, Ports: portsOf(container, status.word === "running"), Names: container.name,
    LocalVolumes: "0", Size: "0B",
    // What the usual table does not show is made when a format asks for it.
    get CreatedAt() {
      return `${created.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
    },
    get Labels() {
      return Object.entries(container.config.Labels).map(([key, value]) => `${key}=${value}`).join(",");
    },
    get Networks() {
      return container.host.NetworkMode;
    },
    get Mounts() {
      return (container.host.Binds ?? []).map((bind) => bind.split(":")[0]).join(",");
    },
  };
}

function portsOf(container: Summary["container"], running: boolean): string {
  if (!running) return "";
  const published = container.network?.ports ?? [];
  const taken = new Set(published.map((port) => `${port.containerPort}/${port.protocol}`));
  const exposed = Object.keys(container.config.ExposedPorts ?? {}).filter((port) => !taken.has(port));
  return [...published.map((port) => `${port.hostAddress}:${port.hostPort}->${port.containerPort}/${port.protocol}`), ...exposed].join(", ");
}

interface Filter {
  readonly key: string;
  readonly value: string;
}

const KEYS = ["id", "name", "status", "label", "ancestor", "exited", "network", "volume"];

function parseFilter(text: string): Filter {
  const equals = text.indexOf("=");
  const key = text.slice(0, Math.max(0, equals));
  if (equals === -1) throw new MdkError("invalid-filter", `invalid argument ${JSON.stringify(text)} for "-f, --filter" flag: invalid filter '${text}'`, { status: EXIT.engine });
  if (!KEYS.includes(key)) throw new MdkError("invalid-filter", `invalid filter '${key}'`, { hint: `mdk knows ${KEYS.join(", ")}` });
  return { key, value: text.slice(equals + 1) };
}

/** Values of one key are alternatives, keys add up; labels all have to be there. */
function matches(summary: Summary, filters: readonly Filter[]): boolean {
  const { container, status } = summary;
  const image = container.config.Image;
  const one = ({ key, value }: Filter): boolean => {
    if (key === "id") return container.id.startsWith(value);
    if (key === "name") return container.name.includes(value);
    if (key === "exited") return status.word === "exited" && String(status.code) === value;
    if (key === "network") return container.host.NetworkMode === value;
    if (key === "volume") return (container.host.Binds ?? []).some((bind) => bind.split(":").slice(0, 2).includes(value));
    if (key === "status") return status.word === value;
    if (key === "ancestor") return image === value || image === `${value}:latest` || container.image === value || container.image.startsWith(`sha256:${value}`);
    const [label = "", wanted] = value.split("=", 2);
    return Object.hasOwn(container.config.Labels, label) && (wanted === undefined || container.config.Labels[label] === wanted);
  };
  return KEYS.every((key) => {
    const own = filters.filter((filter) => filter.key === key);
    return own.length === 0 || (key === "label" ? own.every(one) : own.some(one));
  });
}
