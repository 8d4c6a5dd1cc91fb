/** `--network NAME` or `--network name=NAME,KEY=VALUE,…` as Docker's command line reads it (docker/cli, opts/network.go). Pure. */
import { MdkError } from "../error.ts";
import { parseRecord } from "./csv.ts";

/** What one --network says; "": nothing is asked for. */
export interface NetworkAsked {
  readonly target: string;
  readonly aliases: readonly string[];
  readonly ip: string;
  readonly ip6: string;
  readonly mac: string;
  readonly options: Readonly<Record<string, string>>;
  /** The network with the highest one has the default route. */
  readonly priority: number;
}

const PLAIN: NetworkAsked = { target: "", aliases: [], ip: "", ip6: "", mac: "", options: {}, priority: 0 };

const KEYS: Readonly<Record<string, (attachment: NetworkAsked, value: string) => Partial<NetworkAsked>>> = {
  name: (_, target) => ({ target }), alias: ({ aliases }, value) => ({ aliases: [...aliases, value] }), ip: (_, ip) => ({ ip }), ip6: (_, ip6) => ({ ip6 }), "mac-address": (_, mac) => ({ mac }),
  "driver-opt": ({ options }, value) => ({ options: { ...options, ...driverOption(value) } }), "gw-priority": (_, value) => ({ priority: priorityOf(value) }),
  "link-local-ip": () => { throw new MdkError("unsupported", "invalid-network-flag", "link-local-ip is not supported by this version of mdk"); },
};

/** Throws MdkError in Docker's words. */
export function parseAttachment(text: string): NetworkAsked {
  if (!/\w=\w/.test(text)) return { ...PLAIN, target: text };
  let attachment = PLAIN;
  for (const field of parseRecord(text)) {
    const equals = field.indexOf("=");
    if (equals < 1) throw invalid(`invalid field ${field}`);
    const key = field.slice(0, equals).toLowerCase().trim();
    const read = Object.hasOwn(KEYS, key) ? KEYS[key]! : null;
    if (read === null) throw invalid(`invalid field key ${key}`);
    attachment = { ...attachment, ...read(attachment, field.slice(equals + 1).trim()) };
  }
  if (attachment.target === "") throw invalid("network name/id is not specified");
  return attachment;
}

function driverOption(text: string): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw invalid("invalid key value pair format in driver options");
  return { [text.slice(0, equals).toLowerCase().trim()]: text.slice(equals + 1).toLowerCase().trim() };
}

function priorityOf(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`invalid gw-priority (${text}): invalid syntax`);
  const priority = Number(text);
  if (!Number.isSafeInteger(priority)) throw invalid(`invalid gw-priority (${text}): value out of range`);
  return priority;
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-network-flag", message);
