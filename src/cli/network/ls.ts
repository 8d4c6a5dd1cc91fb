/** `mdk network ls`. */
import { inspectNetwork } from "../../engine/network/inspect.ts";
import { isPredefined } from "../../spec/network-request.ts";
import { listNetworks, type Network } from "../../store/networks.ts";
import type { Context } from "../../engine/context.ts";
import { EXIT, CommandError } from "../exit.ts";
import { hasLabel } from "../container/labels.ts";
import { fits, parseFilters, type Filter } from "../grammar/filters.ts";
import { isTrue, type Command, type Invocation } from "../grammar/flags.ts";
import { printRows, type Row } from "../output/rows.ts";
import { print } from "../output/text.ts";

const KEYS = ["dangling", "driver", "id", "label", "name", "scope", "type"] as const;
type Key = (typeof KEYS)[number];

export const command: Command = {
  usage: "network ls [OPTIONS]",
  summary: "List networks",
  flags: [
    { name: "filter", short: "f", type: "list", help: "Provide filter values (e.g. \"driver=bridge\")" },
    { name: "format", type: "string", help: "Format output using a custom template: table, json, or a Go template" },
    { name: "no-trunc", type: "bool", help: "Do not truncate the output" },
    { name: "quiet", short: "q", type: "bool", help: "Only display network IDs" },
  ],
  operands: [0, 0],
  run,
};

const HEADS = { ID: "NETWORK ID", Name: "NAME", Driver: "DRIVER", Scope: "SCOPE", IPv4: "IPV4", IPv6: "IPV6", Internal: "INTERNAL", Labels: "LABELS", CreatedAt: "CREATED AT" };
/** Digits of an id that is cut. */
const SHORT_ID = 12;

async function run({ context, flags }: Invocation): Promise<number> {
  const isMeant = matcher(context, parseFilters(flags.list("filter"), KEYS));
  const networks = listNetworks(context.database()).filter(isMeant).toSorted((a, b) => naturally(a.name, b.name));
  const [quiet, format] = [flags.bool("quiet"), flags.string("format") ?? "table"];
  const idOf = ({ id }: Network): string => (flags.bool("no-trunc") ? id : id.slice(0, SHORT_ID));
  if (quiet && (format === "table" || format === "raw")) {
    const prefix = format === "raw" ? "network_id: " : "";
    if (networks.length > 0) print(networks.map((network) => `${prefix}${idOf(network)}`).join("\n"));
    return 0;
  }
  const rows = networks.map((network): Row => ({
    ID: idOf(network), Name: network.name, Driver: network.driver, Scope: "local", IPv4: "true", IPv6: String(network.ipv6), Internal: String(network.internal),
    Labels: Object.entries(network.labels).map(([key, value]) => `${key}=${value}`).join(","), CreatedAt: goTime(network.createdMs),
  }));
  const methodsOf = (index: number): { Label: (name: string) => string } => ({ Label: (name) => networks[index]?.labels[name] ?? "" });
  await printRows({
    command: "network", type: "*network.networkContext", heads: HEADS, usual: ["ID", "Name", "Driver", "Scope"],
    raw: [["network_id", "ID"], ["name", "Name"], ["driver", "Driver"], ["scope", "Scope"]], rows, methodsOf,
  }, format);
  return 0;
}

/** Go's Time.String of a time in UTC: zeros at the fraction's end are left out. */
function goTime(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace(/\.?0*Z$/, " +0000 UTC");
}

/** Numbers in names by their value: "a2" before "a10" (docker/cli, sortorder.NaturalLess). */
function naturally(a: string, b: string): number {
  const parts = (text: string): string[] => text.match(/\d+|\D+/g) ?? [];
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [one, other] = [left[index]!, right[index]!];
    const order = /^\d/.test(one) && /^\d/.test(other) ? Number(one) - Number(other) : one < other ? -1 : one > other ? 1 : 0;
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

const invalid = (message: string): CommandError => new CommandError(EXIT.failure, "invalid-filter", message);

/** Filters of one key are alternatives, those of several all hold; labels all do (moby daemon/network/filter.go). */
function matcher(context: Context, filters: readonly Filter<Key>[]): (network: Network) => boolean {
  for (const { key, value } of filters) {
    if (key === "type" && value !== "builtin" && value !== "custom") throw invalid(`invalid filter: 'type'='${value}'`);
    if (key === "dangling" && isTrue(value) === null) throw invalid(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
  }
  const isDangling = (network: Network): boolean => !isPredefined(network.name) && inspectNetwork(context, network).endpoints.length === 0;
  const matching: Readonly<Record<Key, (network: Network, value: string) => boolean>> = {
    dangling: (network, value) => isDangling(network) === isTrue(value), driver: ({ driver }, value) => driver === value,
    id: ({ id }, value) => fits(value, id), label: ({ labels }, value) => hasLabel(labels, value), name: ({ name }, value) => fits(value, name),
    scope: (_network, value) => value === "local", type: ({ name }, value) => isPredefined(name) === (value === "builtin"),
  };
  return (network) => KEYS.every((key) => {
    const values = filters.filter((filter) => filter.key === key).map(({ value }) => value);
    const one = (value: string): boolean => matching[key](network, value);
    return values.length === 0 || (key === "label" ? values.every(one) : values.some(one));
  });
}
