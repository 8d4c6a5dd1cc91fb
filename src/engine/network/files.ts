/** The files that tell a container of its network: hosts, hostname, resolv.conf. */
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { formatAddress } from "../../network/ipam.ts";
import { generateHosts, generateResolvConf, hostNames, RESOLV_CONF, SYSTEMD_RESOLV_CONF, type ResolvConfText } from "../../network/resolv.ts";
import { joinedContainer } from "../../spec/namespace-modes.ts";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import type { Connection } from "../../store/endpoints.ts";
import type { Context } from "../context.ts";
import { isUserDefined } from "./endpoints.ts";
import { linkedHosts, linkedVariables, resolveLinks } from "./links.ts";
import { addressesOf } from "./names.ts";
import type { Reservation } from "./network.ts";
import type { Seat } from "./seat.ts";
import { isToldAlready } from "./told.ts";

/** What a start has of its networks. */
interface Starting {
  readonly container: Container;
  readonly reservation: Reservation;
  readonly connections: readonly Connection[];
}

export interface NetworkFiles {
  /** Whom the container's monitor asks for names that are not its networks'; empty without a resolver, and where no network leads out. */
  readonly upstream: readonly string[];
  /** KEY=VALUE: what its links tell its processes, beneath its own environment. */
  readonly variables: readonly string[];
  readonly warnings: readonly string[];
}

/** Writes the three into the container's directory, readable to all in the container as Docker's are. One in another container's network has that one's. */
export function writeNetworkFiles(context: Context, { container, reservation, connections }: Starting, directory: string): NetworkFiles {
  const { config, host } = container;
  if (joinedContainer(host.NetworkMode) !== null) return { upstream: [], variables: [], warnings: [] };
  const { seats, gateways } = reservation;
  const resolv = resolvOf(host, seats);
  const hostGateway = gateways.v4?.place?.v4?.gateway ?? null;
  const linked = seats.flatMap(({ network, settings }) => (isUserDefined(network) ? [] : resolveLinks(context, container, settings)));
  const hosts = generateHosts({
    hostname: config.Hostname, domainname: config.Domainname, extra: host.ExtraHosts ?? [], gateway: hostGateway === null ? null : formatAddress(hostGateway),
    links: linkedHosts(linked), addresses: connections.flatMap(addressesOf),
  });
  for (const [name, text] of [["hosts", hosts], ["hostname", `${config.Hostname}\n`], ["resolv.conf", resolv.text]] as const) {
    const path = `${directory}/${name}`;
    writeFileSync(path, text);
    // Whatever the caller's umask.
    chmodSync(path, 0o644);
  }
  return { upstream: resolv.upstream, variables: linkedVariables(container, linked), warnings: resolv.warning === null || isToldAlready(context, "name-servers-told") ? [] : [resolv.warning] };
}

/** Its resolv.conf, and whom its monitor asks: nobody where no network leads out. */
export function resolvOf(host: Container["host"], seats: readonly Seat[]): ResolvConfText {
  const resolv = generateResolvConf({
    host: readText(RESOLV_CONF), systemd: () => readText(SYSTEMD_RESOLV_CONF), hasResolver: hasResolver(seats),
    servers: host.Dns, search: host.DnsSearch, options: host.DnsOptions, sharesHost: host.NetworkMode === "host",
  });
  return leadOut(seats) ? resolv : { ...resolv, upstream: [] };
}

/** Names are no way out of an internal network (CVE-2024-29018). */
const leadOut = (seats: readonly Seat[]): boolean => seats.some(({ network }) => !network.internal);

/** Its /etc/hosts, changed where it lies: it is mounted in the container, whose own lines stay. Throws MdkError "hosts-too-large" for what the container has made of it. */
export function addLines(context: Context, { id, config }: Container, addresses: readonly string[]): void {
  if (sizeOf(hostsOf(context, id)) > HOSTS_BYTES_MAX) throw new MdkError("exhausted", "hosts-too-large", `the container's /etc/hosts is larger than ${HOSTS_BYTES_MAX} bytes: nothing is added to it`);
  change(context, id, (text) => `${text}${addresses.map((address) => `${address}\t${hostNames(config.Hostname, config.Domainname)}\n`).join("")}`);
}

export function removeLines(context: Context, { id }: Container, addresses: readonly string[]): void {
  change(context, id, (text) => text.split("\n").filter((line) => !addresses.some((address) => line.startsWith(`${address}\t`))).join("\n"));
}

const HOSTS_BYTES_MAX = 1 << 20;
const hostsOf = (context: Context, id: string): string => `${storePaths(context.root).container(id)}/hosts`;
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

function change(context: Context, id: string, edit: (text: string) => string): void {
  const path = hostsOf(context, id);
  const text = sizeOf(path) > HOSTS_BYTES_MAX ? null : readText(path);
  if (text !== null) writeFileSync(path, edit(text));
}

/** Whether its monitor answers for its networks' names. */
export function hasResolver(seats: readonly Pick<Seat, "network">[]): boolean {
  return seats.some(({ network }) => isUserDefined(network));
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
