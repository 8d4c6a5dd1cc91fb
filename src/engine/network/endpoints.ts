/** On which networks a new container is to be, and what is asked of each: judged by what the networks are. */
import { MdkError } from "../../error.ts";
import { contains, parseAddress } from "../../network/ipam.ts";
import { contains6, parseAddress6 } from "../../network/ipam6.ts";
import type { ContainerConfig, HostConfig } from "../../spec/container.ts";
import { ANY_ENDPOINT, type EndpointSettings } from "../../spec/endpoint.ts";
import { endpointSentence } from "../../spec/endpoints-asked.ts";
import { joinedContainer } from "../../spec/namespace-modes.ts";
import { BRIDGE } from "../../spec/network-mode.ts";
import type { Pool } from "../../spec/network-config.ts";
import { listEndpoints } from "../../store/endpoints.ts";
import { findNetworks, readNetwork, type Network } from "../../store/networks.ts";
import type { Context } from "../context.ts";
import { configured } from "./configured.ts";

/** A network that a container is to be on. */
export interface Wish {
  readonly network: Network;
  readonly settings: EndpointSettings;
}

export interface Asking {
  readonly config: Pick<ContainerConfig, "MacAddress">;
  readonly host: Pick<HostConfig, "NetworkMode">;
  /** By name or id of the network. */
  readonly networks: Readonly<Record<string, EndpointSettings>>;
}

/** The mode's network first, then the others as they were asked for. None where it is in another container's namespace. Throws MdkError in Docker's words. */
export function chooseEndpoints(context: Context, { config, host: { NetworkMode: mode }, networks }: Asking): Wish[] {
  if (joinedContainer(mode) !== null) return [];
  const wishes = new Map<string, Wish>();
  for (const word of [mode, ...Object.keys(networks)]) {
    const network = findNetwork(context, word);
    const asked = networks[word] ?? networks[network.name] ?? networks[network.id] ?? ANY_ENDPOINT;
    const settings = word === mode && asked.MacAddress === "" && config.MacAddress !== undefined ? { ...asked, MacAddress: config.MacAddress } : asked;
    if (wishes.has(network.id)) continue;
    checkSettings(network, settings);
    wishes.set(network.id, { network, settings });
  }
  return [...wishes.values()];
}

/** What a container that is there is to be on. Throws MdkError "no-such-network" for one that was removed. */
export function wishesOf(context: Context, container: string): Wish[] {
  return listEndpoints(context.database(), container).map(({ network: id, settings }) => {
    const network = readNetwork(context.database(), id);
    if (network === null) throw new MdkError("not-found", "no-such-network", `network ${id} not found`, { hint: `it was removed: mdk network disconnect ${id.slice(0, 12)} CONTAINER takes the container off it` });
    return { network: configured(context, network), settings };
  });
}

/** Throws MdkError "no-such-network" or "ambiguous-network". */
export function findNetwork(context: Context, word: string): Network {
  const [network, another] = findNetworks(context.database(), word);
  if (network === undefined) throw new MdkError("not-found", "no-such-network", `network ${word} not found`, { hint: "mdk network ls lists them" });
  if (another !== undefined) throw new MdkError("invalid", "ambiguous-network", `network ${word} is ambiguous (2 matches found on ID prefix)`);
  return configured(context, network);
}

/** A network that its user made: containers on it find each other by name. */
export function isUserDefined({ name, driver }: Pick<Network, "name" | "driver">): boolean {
  return name !== BRIDGE && (driver === "bridge" || driver === "macvlan");
}

/** moby daemon/container_operations.go, validateEndpointSettings. Throws MdkError "invalid-endpoint". */
export function checkSettings(network: Network, { IPAMConfig, Aliases }: EndpointSettings): void {
  const reasons: string[] = [];
  if (!isUserDefined(network)) {
    if (IPAMConfig !== null) reasons.push("user specified IP address is supported on user defined networks only");
    if ((Aliases ?? []).length > 0) reasons.push("network-scoped alias is supported only for containers in user defined networks");
  } else if (IPAMConfig !== null) {
    reasons.push(...addressReasons(IPAMConfig.IPv4Address, network.v4, (pool, text) => contains(pool.subnet, parseAddress(text))));
    reasons.push(...addressReasons(IPAMConfig.IPv6Address, network.v6, (pool, text) => contains6(pool.subnet, parseAddress6(text))));
  }
  if (reasons.length > 0) throw new MdkError("invalid", "invalid-endpoint", `invalid config for network ${network.name}: ${endpointSentence(reasons)}`);
}

function addressReasons<P extends Pool<unknown, unknown>>(text: string, pool: P | null, isInside: (pool: P, text: string) => boolean): string[] {
  if (text === "") return [];
  if (pool === null || pool.auto) return ["user specified IP address is supported only when connecting to networks with user configured subnets"];
  return isInside(pool, text) ? [] : [`no configured subnet or ip-range contain the IP address ${text}`];
}
