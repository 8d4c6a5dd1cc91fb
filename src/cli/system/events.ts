/** `mdk events`. */
import { watchEvents } from "../../engine/system/events.ts";
import { eventJson } from "../../api/json/event.ts";
import { EVENT_SHAPE } from "../../api/json/shape.ts";
import { findContainer } from "../../engine/container/find.ts";
import type { Context } from "../../engine/context.ts";
import type { Event } from "../../store/events.ts";
import { hasLabel } from "../container/labels.ts";
import { parseFilters, type Filter } from "../grammar/filters.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { momentOf } from "../grammar/moment.ts";
import { openTemplate } from "../output/format.ts";
import { json, print, printable } from "../output/text.ts";

const KEYS = ["container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "type", "volume"] as const;
type Key = (typeof KEYS)[number];

export const command: Command = {
  usage: "events [OPTIONS]",
  summary: "Get real time events from the server",
  flags: [
    { name: "filter", short: "f", type: "list", help: "Filter output based on conditions provided" },
    { name: "format", type: "string", help: "Format output using a custom template: json, or a Go template" },
    { name: "since", type: "string", help: "Show all events created since timestamp" },
    { name: "until", type: "string", help: "Stream events until this timestamp" },
  ],
  operands: [0, 0],
  run,
};

async function run({ context, flags }: Invocation): Promise<number> {
  const now = context.now();
  const moment = (flag: string): number | null => {
    const text = momentOf(flag, flags.string(flag), now);
    return text === null ? null : Date.parse(text);
  };
  const [sinceMs, untilMs] = [moment("since"), moment("until")];
  const format = flags.string("format");
  const template = format === null || format === "json" ? null : await openTemplate(format, "events");
  const isMeant = matcher(context, parseFilters(flags.list("filter"), KEYS));
  await watchEvents(context, {
    // An end without a beginning is about what has been.
    sinceMs: sinceMs ?? (untilMs === null ? null : 0), untilMs,
    take: (event) => {
      if (isMeant(event)) print(template !== null ? template.document(eventJson(event), EVENT_SHAPE) : format === "json" ? json(eventJson(event)) : line(event));
      return true;
    },
  });
  return 0;
}

/** Filters of one key are alternatives, those of several all hold; labels all do (moby, daemon/events/filter.go). */
function matcher(context: Context, filters: readonly Filter<Key>[]): (event: Event) => boolean {
  const of = (key: Key): readonly string[] => filters.filter((filter) => filter.key === key).map(({ value }) => value);
  const ids = new Map(of("container").map((word) => [word, idOf(context, word)]));
  const matching: Readonly<Record<Key, (event: Event, value: string) => boolean>> = {
    container: ({ type, actor, attributes }, value) => type === "container" && (actor === ids.get(value) || actor.startsWith(value) || attributes["name"] === value),
    daemon: () => true,
    event: ({ action }, value) => action === value || action.startsWith(`${value}:`),
    image: ({ type, actor, attributes }, value) => (type === "image" ? [actor, attributes["name"]] : [attributes["image"]]).some((name) => name === value || name?.startsWith(`${value}:`) === true),
    label: ({ attributes }, value) => hasLabel(attributes, value),
    network: ({ type, actor, attributes }, value) => type === "network" && [actor, attributes["name"]].some((name) => name?.startsWith(value) === true),
    node: () => false, plugin: () => false,
    scope: (_event, value) => value === "local",
    type: ({ type }, value) => type === value,
    volume: ({ type, actor }, value) => type === "volume" && actor === value,
  };
  return (event) => KEYS.every((key) => {
    const values = of(key);
    const one = (value: string): boolean => matching[key](event, value);
    return values.length === 0 || (key === "label" ? values.every(one) : values.some(one));
  });
}

/** Null: nobody has that name (any more); events name it all the same. */
function idOf(context: Context, word: string): string | null {
  try {
    return findContainer(context, word).id;
  } catch {
    return null;
  }
}

/** As Docker's command line: local time with nine digits, and the attributes in the order of their names. */
function line({ timeMs, type, action, actor, attributes }: Event): string {
  const names = Object.keys(attributes).toSorted();
  const list = names.length === 0 ? "" : ` (${names.map((name) => `${name}=${attributes[name]}`).join(", ")})`;
  return printable(`${localTime(timeMs)} ${type} ${action} ${actor}${list}`);
}

function localTime(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  const local = new Date(ms + minutes * 60_000).toISOString().replace("Z", "000000");
  const two = (number: number): string => String(Math.trunc(number)).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${local}${minutes === 0 ? "Z" : `${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`}`;
}
