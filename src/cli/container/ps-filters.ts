/** `ps --filter`: which containers are chosen (moby daemon/list.go), in Docker's words for what is no filter. */
import { lives } from "../../engine/end/words.ts";
import { EXIT, CommandError } from "../exit.ts";
import { networkNamesOf } from "../../store/endpoints.ts";
import { portPairs } from "../../spec/ports.ts";
import { findContainer } from "../../engine/container/find.ts";
import type { Summary } from "../../engine/container/list.ts";
import type { Context } from "../../engine/context.ts";
import { MdkError } from "../../error.ts";
import type { Container } from "../../store/containers.ts";
import { healthWordOf } from "../../engine/container/health.ts";
import { fits, parseFilters, type Filter } from "../grammar/filters.ts";
import { isTrue } from "../grammar/flags.ts";
import { hasLabel } from "./labels.ts";

const KEYS = [
  "id", "name", "status", "label", "ancestor", "before", "exited", "expose", "health", "is-task", "isolation", "network", "publish", "since", "volume",
] as const;
type Key = (typeof KEYS)[number];

/** Docker's: a container of mdk never has some of them. */
const STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTHS = ["starting", "healthy", "unhealthy", "none"];

export interface Chosen {
  /** States other than "running" were asked for. */
  readonly all: boolean;
  /** Of all containers, the newest first. */
  readonly choose: (summaries: readonly Summary[]) => readonly Summary[];
}

type Matching = (summary: Summary, value: string) => boolean;

/** `details`: everything of a container, read when it is asked for. Throws MdkError for a filter that is none. */
export async function parsePsFilters(context: Context, texts: readonly string[], details: (summary: Summary) => Container | null): Promise<Chosen> {
  const filters = parseFilters(texts, KEYS);
  filters.forEach(validate);
  const of = (key: Key): readonly string[] => filters.filter((filter) => filter.key === key).map(({ value }) => value);
  const images = await ancestorsOf(context, of("ancestor"));
  const edge = (key: "before" | "since"): string | null => of(key).map((word) => findContainer(context, word).id).at(-1) ?? null;
  const [before, since] = [edge("before"), edge("since")];
  let endpoints: ReadonlyMap<string, readonly string[]> | null = null;
  const matching: Readonly<Record<Exclude<Key, "before" | "since">, Matching>> = {
    id: ({ container }, value) => fits(value, container.id),
    name: ({ container }, value) => fits(value, container.name) || fits(value, `/${container.name}`),
    status: ({ status }, value) => status.word === value,
    label: (summary, value) => hasLabel(details(summary)?.config.Labels ?? {}, value),
    ancestor: ({ container }) => images.has(container.image),
    exited: ({ status }, value) => status.word === "exited" && status.code === Number(value),
    expose: (summary, value) => Object.keys(details(summary)?.config.ExposedPorts ?? {}).some((port) => holds(value, port)),
    publish: (summary, value) => publishedOf(summary, details).some((port) => holds(value, port)),
    health: ({ container, status }, value) => (healthWordOf(context, container, status.word) ?? "none") === value,
    "is-task": (_summary, value) => !isTrue(value),
    isolation: () => true,
    network: ({ container }, value) => (endpoints ??= networkNamesOf(context.database())).get(container.id)?.includes(value) === true,
    volume: (summary, value) => (details(summary)?.mounts ?? []).some((mount) => mount.target === value || (mount.type === "bind" && mount.source === value) || (mount.type === "volume" && mount.name === value)),
  };
  const matches = (summary: Summary): boolean => KEYS.every((key) => {
    const values = of(key);
    if (values.length === 0 || key === "before" || key === "since") return true;
    const one = (value: string): boolean => matching[key](summary, value);
    return key === "label" ? values.every(one) : values.some(one);
  });
  return {
    all: of("status").length > 0,
    choose: (summaries) => between(summaries, before, since).filter(matches),
  };
}

/** Made before the one, and after the other. */
function between(summaries: readonly Summary[], before: string | null, since: string | null): readonly Summary[] {
  const at = (id: string): number => summaries.findIndex(({ container }) => container.id === id);
  return summaries.slice(before === null ? 0 : at(before) + 1, since === null ? undefined : Math.max(0, at(since)));
}

function invalid(message: string): MdkError {
  return new CommandError(EXIT.failure, "invalid-filter", message);
}

function validate({ key, value }: Filter<Key>): void {
  if (key === "status" && !STATES.includes(value)) throw invalid(`invalid filter 'status=${value}'`);
  if (key === "health" && !HEALTHS.includes(value)) throw invalid(`unrecognized filter value for health: ${value}`);
  if (key === "is-task" && isTrue(value) === null) throw invalid(`invalid filter 'is-task=[${value}]'`);
  if (key === "exited" && !/^[+-]?\d+$/.test(value)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
  if (key === "publish" || key === "expose") portsOf(key, value);
}

interface Ports {
  readonly first: number;
  readonly last: number;
  readonly protocol: string;
}

/** "80", "80/udp", "8000-8010/tcp". */
function portsOf(key: string, value: string): Ports {
  if (value.includes(":")) throw invalid(`filter for '${key}' should not contain ':': ${value}`);
  const [range = "", protocol = "tcp"] = value.split("/");
  const [first = "", last = first] = range.split("-");
  for (const port of [first, last]) {
    if (!/^\d+$/.test(port)) throw invalid(`error while looking up for ${key} ${value}: strconv.ParseUint: parsing ${JSON.stringify(port)}: invalid syntax`);
    if (Number(port) > 65535) throw invalid(`error while looking up for ${key} ${value}: strconv.ParseUint: parsing ${JSON.stringify(port)}: value out of range`);
  }
  if (Number(last) < Number(first)) throw invalid(`error while looking up for ${key} ${value}: invalid range specified for the Port: ${range}`);
  return { first: Number(first), last: Number(last), protocol };
}

/** Whether "80/tcp" is among the ports that the filter names. */
function holds(value: string, port: string): boolean {
  const { first, last, protocol } = portsOf("port", value);
  const [number, own] = port.split("/");
  return own === protocol && Number(number) >= first && Number(number) <= last;
}

/** Ports of the host that lead to the container: "8080/tcp"; of one that does not run those that were asked for. */
function publishedOf(summary: Summary, details: (summary: Summary) => Container | null): readonly string[] {
  const { status, ports } = summary;
  if (lives(status.word)) {
    return ports.flatMap((range) => portPairs(range).map(([, port]) => `${port}/${range.protocol}`));
  }
  return Object.entries(details(summary)?.host.PortBindings ?? {}).flatMap(([port, bindings]) => bindings.map(({ HostPort }) => `${HostPort}/${port.split("/")[1]}`));
}

/** Ids of the images that are meant. A word that names none matches nothing. */
async function ancestorsOf(context: Context, words: readonly string[]): Promise<ReadonlySet<string>> {
  if (words.length === 0) return new Set();
  const { findImageId } = await import("../../engine/image/list.ts");
  return new Set(words.flatMap((word) => findImageId(context, word) ?? []));
}
