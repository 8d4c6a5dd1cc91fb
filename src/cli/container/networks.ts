/**
 * `--network` and the flags that speak of the first one (`--ip`, `--ip6`, `--network-alias`, `--link`): the network mode, and what is asked
 * of each network (docker/cli, container/opts.go: parseNetworkOpts, applyContainerOptions).
 */
import { EXIT, CommandError } from "../exit.ts";
import { ANY_ENDPOINT, type EndpointSettings } from "../../spec/endpoint.ts";
import { parseMacAddress } from "../../spec/network.ts";
import { parseAttachment, type NetworkAsked } from "../../spec/network-flag.ts";
import { isUserDefinedMode, parseNetworkMode } from "../../spec/network-mode.ts";
import type { Values } from "../grammar/flags.ts";

export interface Networks {
  /** HostConfig.NetworkMode. */
  readonly mode: string;
  /** By the names that were given; one of which nothing is asked, and that is the only one, is left out. */
  readonly networks: Readonly<Record<string, EndpointSettings>>;
}

/** Throws CommandError in docker/cli's words. */
export function networksOf(flags: Values): Networks {
  const given = [...flags.list("network"), ...flags.list("net")].map(parseAttachment);
  const [first, ...others] = given.length === 0 ? [parseAttachment("default")] : given;
  const asked = [withFlags(first!, flags), ...others];
  const networks = new Map<string, EndpointSettings>();
  for (const [index, attachment] of asked.entries()) {
    const name = nameOf(attachment);
    const settings = settingsOf(attachment, index === 0 ? flags.list("link") : []);
    if (networks.has(name)) throw refuse(`network ${JSON.stringify(attachment.target)} is specified multiple times`);
    networks.set(name, settings);
  }
  const kinds = new Set(asked.map(({ target }) => isUserDefinedMode(target)));
  if (kinds.size > 1) throw refuse("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  const told = [...networks].filter(([, settings]) => networks.size > 1 || !Bun.deepEquals(settings, ANY_ENDPOINT));
  return { mode: first!.target, networks: Object.fromEntries(told) };
}

/** By its own name the default bridge is one network, however it was called. */
function nameOf({ target }: NetworkAsked): string {
  if (target.trim() === "") throw refuse("no name set for network");
  return target === "container:" ? target : parseNetworkMode(target);
}

/** The first network has what the older flags say. */
function withFlags(attachment: NetworkAsked, flags: Values): NetworkAsked {
  const aliases = [...flags.list("network-alias"), ...flags.list("net-alias")];
  const conflicting = (flag: string, what: string): CommandError => refuse(`conflicting options: cannot specify both --${flag} and per-network ${what}`);
  if (attachment.aliases.length > 0 && aliases.length > 0) throw conflicting("network-alias", "alias");
  const [ip, ip6, mac] = [flags.string("ip"), flags.string("ip6"), flags.string("mac-address")];
  if (attachment.ip !== "" && ip !== null) throw conflicting("ip", "IPv4 address");
  if (attachment.ip6 !== "" && ip6 !== null) throw conflicting("ip6", "IPv6 address");
  if (attachment.mac !== "" && mac !== null) throw conflicting("mac-address", "MAC address");
  return { ...attachment, aliases: aliases.length > 0 ? aliases : attachment.aliases, ip: ip ?? attachment.ip, ip6: ip6 ?? attachment.ip6 };
}

function settingsOf({ target, aliases, ip, ip6, mac, options, priority }: NetworkAsked, links: readonly string[]): EndpointSettings {
  if (!isUserDefinedMode(target) && aliases.length > 0) throw refuse("network-scoped aliases are only supported for user-defined networks");
  const MacAddress = mac === "" ? "" : parseMacAddress(mac);
  if (MacAddress === null) throw refuse(`${mac} is not a valid mac address`);
  return {
    IPAMConfig: ip === "" && ip6 === "" ? null : { IPv4Address: ip, IPv6Address: ip6 }, Links: links.length === 0 ? null : [...links], Aliases: aliases.length === 0 ? null : [...aliases],
    MacAddress, DriverOpts: Object.keys(options).length === 0 ? null : { ...options }, GwPriority: priority,
  };
}

const refuse = (message: string): CommandError => new CommandError(EXIT.engine, "invalid-flag", message);
