/** What containers are called on networks that users made, and who tells them: a container's names come with its addresses and go with them. */
import { formatAddress } from "../../network/ipam.ts";
import { formatAddress6 } from "../../network/ipam6.ts";
import { addNames, hasView, removeNames, writeView } from "../../runtime/names.ts";
import type { ContainerConfig } from "../../spec/container.ts";
import { parseLink, type EndpointSettings } from "../../spec/endpoint.ts";
import type { Container } from "../../store/containers.ts";
import { listEndpoints, type Connection } from "../../store/endpoints.ts";
import { readNetwork, type Network } from "../../store/networks.ts";
import type { Context } from "../context.ts";
import { isUserDefined } from "./endpoints.ts";

interface Called extends Pick<Container, "id" | "name"> {
  readonly config: Pick<ContainerConfig, "Hostname">;
}

const SHORT_ID = 12;

/** Its name, its aliases, its short id and its hostname: moby's DNSNames. */
export function dnsNames({ id, name, config }: Called, { Aliases }: Pick<EndpointSettings, "Aliases">): string[] {
  return [...new Set([name, ...(Aliases ?? []), id.slice(0, SHORT_ID), ...(config.Hostname === "" ? [] : [config.Hostname])])];
}

/** As text, IPv4 first. */
export function addressesOf({ address, address6 }: Pick<Connection, "address" | "address6">): string[] {
  return [...(address === null ? [] : [formatAddress(address)]), ...(address6 === null ? [] : [formatAddress6(address6)])];
}

/** By family, as the firewall's maps take them. */
export function addressTexts({ address, address6 }: Pick<Connection, "address" | "address6">): { readonly ipv4: string | null; readonly ipv6: string | null } {
  return { ipv4: address === null ? null : formatAddress(address), ipv6: address6 === null ? null : formatAddress6(address6) };
}

/** Others on the network find the container from now on. */
export function announce(context: Context, container: Called, network: Network, settings: EndpointSettings, connection: Connection): void {
  if (isUserDefined(network)) addNames(context.runRoot, { ...entryOf(container, network, settings, connection), reverse: `${container.name}.${network.name}` });
}

/** And from now on they do not: on that network, or on any. */
export function withdraw(context: Context, container: Called, only: string | null = null): void {
  if (!hasView(context.runRoot, container.id)) return;
  for (const { network, settings, connection } of connectionsOf(context, container.id)) {
    if ((only === null || network.id === only) && isUserDefined(network)) removeNames(context.runRoot, entryOf(container, network, settings, connection));
  }
}

/** One that runs has another name now, or other aliases. */
export function announceAgain(context: Context, container: Called): void {
  for (const { network, settings, connection } of connectionsOf(context, container.id)) announce(context, container, network, settings, connection);
}

interface Known {
  readonly network: Network;
  readonly settings: EndpointSettings;
  readonly connection: Connection;
}

/** Of a container that runs, on networks that are still there. */
export function connectionsOf(context: Context, container: string): Known[] {
  return listEndpoints(context.database(), container).flatMap(({ network: id, settings, connection }) => {
    const network = connection === null ? null : readNetwork(context.database(), id);
    return connection === null || network === null ? [] : [{ network, settings, connection }];
  });
}

/** Each name by itself, and below the network's: "web", "web.backend". */
function entryOf(container: Called, network: Network, settings: EndpointSettings, connection: Connection): Parameters<typeof removeNames>[1] {
  const names = dnsNames(container, settings);
  return { network: network.id, endpoint: connection.id, names: [...names, ...names.map((name) => `${name}.${network.name}`)], addresses: addressesOf(connection) };
}

/** What the container's own monitor answers by: its networks, its links, and whom it asks for everything else. */
export function writeNameView(context: Context, id: string, seats: readonly { readonly network: Network; readonly settings: EndpointSettings }[], upstream: readonly string[]): void {
  const named = seats.filter(({ network }) => isUserDefined(network));
  const links = named.flatMap(({ settings }) => (settings.Links ?? []).map(parseLink));
  writeView(context.runRoot, id, { networks: named.map(({ network }) => network.id), links: new Map(links.map(({ container, alias }) => [alias, container])), upstream });
}
