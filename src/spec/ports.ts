/**
 * Ports in Docker's words, the one grammar of them: `-p [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]` with ranges, `--expose`, EXPOSE of
 * an image, and PortBindings of the API. Addresses of the host are of both families. Pure.
 */
import { MdkError } from "../error.ts";
import type { ContainerConfig, HostConfig, PortBinding } from "./container.ts";
import type { PortRange } from "./network.ts";
import { addressText, readAddress } from "./prefix.ts";

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-port", message);

const PORT_MAX = 65535;
/** What no address means: every one of both families. */
const ANY = ["0.0.0.0", "::"] as const;

interface Range {
  readonly first: number;
  readonly last: number;
}

type Protocol = PortRange["protocol"];

/** One port, or neighbours, to publish. */
export interface PortRequest {
  readonly protocol: Protocol;
  readonly containerPort: number;
  /** Each gets the same port: one ("0.0.0.0", "::": every one of its family), or both of these. In canonical form, without brackets. */
  readonly hostAddresses: readonly string[];
  /** How many neighbours from `containerPort` and `host.first` on; more than 1 only where `host` is one port. */
  readonly length: number;
  /** Candidates, tried in order; 0: any free port. */
  readonly host: Range;
}

/** "80", "80-90"; throws MdkError "invalid-port". */
function parseRange(text: string, what: string): Range {
  const dash = text.indexOf("-");
  const first = portNumber(dash === -1 ? text : text.slice(0, dash));
  const last = dash === -1 ? first : portNumber(text.slice(dash + 1));
  if (first === null || last === null || last < first) throw invalid(`invalid ${what}: ${text}`);
  return { first, last };
}

function portNumber(text: string): number | null {
  return /^\d{1,5}$/.test(text) && Number(text) <= PORT_MAX ? Number(text) : null;
}

/** What Go says of a range that is none (docker/go-connections, nat.ParsePortRange). */
function rangeProblem(text: string): string | null {
  if (text === "") return "empty string specified for ports";
  const dash = text.indexOf("-");
  const ends = dash === -1 ? [text] : [text.slice(0, dash), text.slice(dash + 1)];
  for (const end of ends) {
    if (!/^\d+$/.test(end)) return `strconv.ParseUint: parsing ${JSON.stringify(end)}: invalid syntax`;
    if (Number(end) > PORT_MAX) return `strconv.ParseUint: parsing ${JSON.stringify(end)}: value out of range`;
  }
  return Number(ends.at(-1)) < Number(ends[0]) ? `invalid range specified for port: ${text}` : null;
}

function parseProtocol(text: string | undefined): Protocol {
  const protocol = (text ?? "tcp").toLowerCase();
  if (protocol === "sctp") throw invalid("sctp ports are not supported by this version of mdk");
  if (protocol !== "tcp" && protocol !== "udp") throw invalid(`invalid proto: ${text}`);
  return protocol;
}

/** "80/udp", "80", "80-90/tcp": what EXPOSE and a key of PortBindings say. */
function parseContainerPorts(text: string, what: string): Range & { readonly protocol: Protocol } {
  const [ports = "", protocol, extra] = text.split("/");
  if (extra !== undefined) throw invalid(`invalid proto: ${text}`);
  const { first, last } = parseRange(ports, what);
  return { first, last, protocol: parseProtocol(protocol) };
}

function sequence({ first, last }: Range): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** `--expose 80`, `8000-8010/udp`: "80/tcp" each. */
export function parseExposeFlag(text: string): string[] {
  const problem = rangeProblem(text.split("/")[0]!);
  if (problem !== null) throw invalid(`invalid range format for --expose: ${text}, error: ${problem}`);
  const range = parseContainerPorts(text, "range format for --expose");
  return sequence(range).map((port) => `${port}/${range.protocol}`);
}

/** All `-p` of a command line, by container port ("80/tcp"). Throws MdkError "invalid-port" in Docker's words. */
export function parsePublish(specifications: readonly string[]): Record<string, PortBinding[]> {
  const bindings: Record<string, PortBinding[]> = {};
  for (const text of specifications) {
    const { protocol, inside, bindingOf } = parseOne(text);
    for (let port = inside.first; port <= inside.last; port++) (bindings[`${port}/${protocol}`] ??= []).push(bindingOf(port));
  }
  return bindings;
}

/** One `-p`: ports of the container, and where each of them is published. */
interface Publishable {
  readonly protocol: Protocol;
  readonly inside: Range;
  readonly bindingOf: (port: number) => PortBinding;
}

function parseOne(text: string): Publishable {
  const [left = "", protocolText, extra] = text.split("/");
  if (extra !== undefined) throw invalid(`invalid proto: ${text}`);
  const protocol = parseProtocol(protocolText);
  const { address, host, container } = splitAddress(left);
  if (container === "") throw invalid(`no port specified: ${text}<empty>`);
  const inside = parseRange(container, "containerPort");
  if (inside.first === 0) throw invalid(`invalid containerPort: ${container}`);
  if (host === "") return { protocol, inside, bindingOf: () => ({ HostIp: address, HostPort: "" }) };
  const outside = parseRange(host, "hostPort");
  const size = inside.last - inside.first;
  if (outside.last - outside.first !== size) {
    // A range of host ports for one container port: any of them.
    if (size === 0) return { protocol, inside, bindingOf: () => ({ HostIp: address, HostPort: host }) };
    throw invalid(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  return { protocol, inside, bindingOf: (port) => ({ HostIp: address, HostPort: String(port - inside.first + outside.first) }) };
}

function splitAddress(text: string): { address: string; host: string; container: string } {
  const [container = "", host = "", ...rest] = text.split(":").toReversed();
  const bracketed = rest.toReversed().join(":");
  const address = bracketed.replace(/^\[(.*)\]$/, "$1");
  if (address !== "" && readAddress(address) === null) throw invalid(`invalid IP address: ${address}`);
  return { address, host, container };
}

/** "" is none. Throws MdkError "invalid-port" for what no address is. */
function hostAddressesOf(text: string): readonly string[] {
  if (text === "") return ANY;
  const address = readAddress(text);
  if (address === null) throw invalid(`invalid IP address: ${text}`);
  return [addressText(address).replace(/^::ffff:(?=\d+\.)/, "")];
}

/** "127.0.0.1:80", "[::1]:80". */
export function hostPortText(address: string, port: number | string): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What of a container says which ports are published. */
export interface Publishing {
  readonly config: Pick<ContainerConfig, "ExposedPorts">;
  readonly host: Pick<HostConfig, "PortBindings" | "PublishAllPorts">;
}

/** Ports to publish, neighbours joined; `-P`: each exposed port that no binding has gets a free one of the host. Throws MdkError "invalid-port" for what no port is. */
export function parsePorts({ config, host }: Publishing): PortRequest[] {
  const requests: Growing[] = [];
  // There may be 65,535 of them: nothing is made for each that is not kept.
  for (const key of Object.keys(host.PortBindings)) {
    const { first, last, protocol } = parseContainerPorts(key, "containerPort");
    if (first === 0 || first !== last) throw invalid(`invalid containerPort: ${key}`);
    for (const { HostIp, HostPort } of host.PortBindings[key]!) {
      append(requests, {
        protocol, containerPort: first, hostAddresses: hostAddressesOf(HostIp), length: 1,
        host: HostPort === "" ? { first: 0, last: 0 } : parseRange(HostPort, "hostPort"),
      });
    }
  }
  if (!host.PublishAllPorts) return requests;
  for (const port of Object.keys(config.ExposedPorts ?? {}).flatMap(parseExposeFlag)) {
    const { first, protocol } = parseContainerPorts(port, "containerPort");
    if ((host.PortBindings[port]?.length ?? 0) === 0) requests.push({ protocol, containerPort: first, hostAddresses: ANY, length: 1, host: { first: 0, last: 0 } });
  }
  return requests;
}

type Growing = PortRequest & { length: number };

/** Joins it to the last one, where it is its neighbour on both sides. */
function append(requests: Growing[], request: PortRequest): void {
  const before = requests.at(-1);
  const isNeighbour = before !== undefined && request.host.first === request.host.last && before.host.first === before.host.last && before.host.first !== 0
    && request.host.first === before.host.first + before.length && request.containerPort === before.containerPort + before.length
    && request.protocol === before.protocol && sameAddresses(request.hostAddresses, before.hostAddresses);
  if (isNeighbour) before.length++;
  else requests.push(request);
}

const sameAddresses = (one: readonly string[], other: readonly string[]): boolean => one === other || String(one) === String(other);

/** Each port of a range by itself: [port of the container, port of the host]. */
export function portPairs({ containerPort, hostPort, length }: PortRange): [container: number, host: number][] {
  return Array.from({ length }, (_, index) => [containerPort + index, hostPort + index]);
}
