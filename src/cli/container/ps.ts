/** `mdk ps`. */
import { isUp, lives } from "../../engine/end/words.ts";
import { listRunning, summarizeContainers, readDetails, type Summary } from "../../engine/container/list.ts";
import type { Container } from "../../store/containers.ts";
import { networkNamesOf } from "../../store/endpoints.ts";
import { healthWordOf } from "../../engine/container/health.ts";
import type { HealthWord } from "../../runtime/health.ts";
import { ago, dockerDate, humanStatus } from "../output/human.ts";
import type { Context } from "../../engine/context.ts";
import { imageTeller } from "./shown-image.ts";
import { shownPorts } from "./shown-ports.ts";
import type { Command, Invocation, Values } from "../grammar/flags.ts";
import { printRows, type Row } from "../output/rows.ts";
import { humanSize } from "../output/size.ts";
import { json, print, printError } from "../output/text.ts";

export const command: Command = {
  usage: "ps [OPTIONS]",
  summary: "List containers",
  flags: [
    { name: "all", short: "a", type: "bool", help: "Show all containers (default shows just running)" },
    { name: "filter", short: "f", type: "list", help: "Filter output based on conditions provided (ancestor, before, exited, expose, health, id, label, name, network, publish, since, status, volume)" },
    { name: "format", type: "string", help: "Format output using a Go template: fields, json" },
    { name: "last", short: "n", type: "int", help: "Show n last created containers (includes all states)" },
    { name: "latest", short: "l", type: "bool", help: "Show the latest created container (includes all states)" },
    { name: "no-trunc", type: "bool", help: "Don't truncate output" },
    { name: "quiet", short: "q", type: "bool", help: "Only display container IDs" },
    { name: "size", short: "s", type: "bool", help: "Display total file sizes" },
  ],
  operands: [0, 0],
  run,
};

/** What is told of a container: `Head` → its text. A row is made of what the format asks for. */
type Column = (summary: Summary, how: Telling) => string | null;

interface Telling {
  readonly now: Date;
  /** `--no-trunc`. */
  readonly full: boolean;
  /** All of the container; null: it is gone meanwhile. */
  readonly details: (summary: Summary) => Container | null;
  /** "0B (virtual 1.98MB)": what the container wrote, and that with its image. */
  readonly size: (summary: Summary) => string;
  readonly image: ReturnType<typeof imageTeller>;
  readonly health: (summary: Summary) => HealthWord | null;
  /** Names of its networks. */
  readonly networks: (id: string) => readonly string[];
}

const COLUMNS: Readonly<Record<string, readonly [head: string, column: Column]>> = {
  ID: ["CONTAINER ID", ({ container }, { full }) => (full ? container.id : container.id.slice(0, 12))],
  Image: ["IMAGE", ({ container }, { image, full }) => image(container, full)],
  Command: ["COMMAND", commandOf],
  RunningFor: ["CREATED", ({ container }, { now }) => ago(container.createdMs, now)],
  Status: ["STATUS", (summary, { now, health }) => humanStatus(summary.status, health(summary), now)],
  Ports: ["PORTS", ({ container, status, ports }) => (lives(status.word) ? shownPorts(container.exposed, ports) : "")],
  Names: ["NAMES", ({ container }) => container.name],
  CreatedAt: ["CREATED AT", ({ container }) => dockerDate(new Date(container.createdMs))],
  State: ["STATE", ({ status }) => status.word],
  Labels: ["LABELS", (summary, { details }) => Object.entries(details(summary)?.config.Labels ?? {}).map(([key, value]) => `${key}=${value}`).join(",")],
  Networks: ["NETWORKS", ({ container }, { networks }) => networks(container.id).join(",")],
  Mounts: ["MOUNTS", (summary, how) => mountsOf(summary, how)],
  LocalVolumes: ["LOCAL VOLUMES", (summary, { details }) => String((details(summary)?.mounts ?? []).filter(({ type }) => type === "volume").length)],
  Platform: ["PLATFORM", () => null],
  Size: ["SIZE", (summary, { size }) => size(summary)],
};

const USUAL = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];

/** Of `--format raw`. */
const RAW = [
  ["container_id", "ID"], ["image", "Image"], ["command", "Command"], ["created_at", "CreatedAt"], ["state", "State"], ["status", "Status"],
  ["names", "Names"], ["labels", "Labels"], ["ports", "Ports"],
] as const;

async function run({ context, flags }: Invocation): Promise<number> {
  const last = lastOf(flags);
  const format = flags.string("format");
  const full = flags.bool("no-trunc");
  const quiet = flags.bool("quiet");
  if (quiet && format !== null && format !== "table") printError("WARNING: Ignoring custom format, because both --format and --quiet are set.");
  if (quiet && !flags.bool("all") && last === null && flags.list("filter").length === 0) return printIds(await listRunning(context), full);
  let read: ReadonlyMap<string, Container> | null = null;
  const details = ({ container }: Summary): Container | null => (read ??= readDetails(context)).get(container.id) ?? null;
  let named: ReadonlyMap<string, readonly string[]> | null = null;
  const networks = (id: string): readonly string[] => (named ??= networkNamesOf(context.database())).get(id) ?? [];
  const texts = flags.list("filter");
  const filters = texts.length === 0 ? null : await (await import("./ps-filters.ts")).parsePsFilters(context, texts, details);
  const all = flags.bool("all") || last !== null || filters?.all === true;
  // Who asks for those before or after another one means the order among all.
  const listed = await summarizeContainers(context, { all: all || texts.some((text) => /^(before|since)=/.test(text)) });
  const chosen = filters === null ? listed : filters.choose(listed);
  const running = all ? chosen : chosen.filter(({ status }) => isUp(status.word));
  const found = last === null ? running : running.slice(0, last);
  if (quiet) return printIds(found.map(({ container }) => container.id), full);
  const sized = flags.bool("size") || (format !== null && /\bSize\b|\bjson\b/.test(format));
  const size = sized ? await sizes(context) : (): string => "0B";
  await show(found, { now: context.now(), full, details, size, networks, image: imageTeller(context), health: ({ container, status }) => healthWordOf(context, container, status.word) }, { format, sized: flags.bool("size") });
  return 0;
}

function printIds(ids: readonly string[], full: boolean): number {
  if (ids.length > 0) print(ids.map((id) => (full ? id : id.slice(0, 12))).join("\n"));
  return 0;
}

async function show(found: readonly Summary[], how: Telling, { format, sized }: { readonly format: string | null; readonly sized: boolean }): Promise<void> {
  const usual = sized ? [...USUAL, "Size"] : USUAL;
  const plain = format === null || format === "table";
  const entries = Object.entries(COLUMNS).filter(([name]) => !plain || usual.includes(name));
  await printRows({
    command: "ps", type: "*formatter.ContainerContext", usual, raw: sized ? [...RAW, ["size", "Size"]] : RAW,
    heads: Object.fromEntries(entries.map(([name, [head]]) => [name, head])),
    rows: found.map((summary): Row => Object.fromEntries(entries.map(([name, [, column]]) => [name, column(summary, how)]))),
    methodsOf: (index) => ({ Label: (name) => labelOf(how.details(found[index]!), name) }),
  }, format);
}

/** Walks what each container wrote. */
async function sizes(context: Context): Promise<Telling["size"]> {
  const { ownBytes } = await import("../../engine/container/size.ts");
  const { imageBytes } = await import("../../engine/image/layers.ts");
  return ({ container }) => {
    const own = ownBytes(context, container.id);
    return `${humanSize(own)} (virtual ${humanSize(own + imageBytes(context, container.image))})`;
  };
}

/** How many of all states; null: only those that run. Docker's: -n wins over -l, and what is no number of containers means nothing. */
function lastOf(flags: Values): number | null {
  const last = flags.int("last") ?? -1;
  if (last === -1 && flags.bool("latest")) return 1;
  return last > 0 ? last : null;
}

function labelOf(container: Container | null, name: string): string {
  return container !== null && Object.hasOwn(container.config.Labels, name) ? container.config.Labels[name]! : "";
}

/** Sources, cut to 15 characters unless all is asked for. */
function mountsOf(summary: Summary, { details, full }: Telling): string {
  const sources = (details(summary)?.mounts ?? []).flatMap((mount) => (mount.type === "bind" ? [mount.source] : mount.type === "volume" ? [mount.name ?? ""] : []));
  return sources.map((source) => (full || source.length <= 15 ? source : `${source.slice(0, 14)}…`)).join(",");
}

function commandOf({ container }: Summary, { full }: Telling): string {
  const words = container.command;
  return json(full || words.length <= 20 ? words : `${words.slice(0, 19)}…`);
}
