/** Docker's port words: `-p [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]` with ranges, and `--expose`. Pure. */
import { MdkError, EXIT } from "../../error.ts";
import type { PortBinding } from "../../spec/container.ts";

const invalid = (message: string): MdkError => new MdkError("invalid-port", message, { status: EXIT.engine });

interface Range {
  readonly first: number;
  readonly last: number;
}

function rangeOf(text: string, what: string): Range {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) throw invalid(`invalid ${what}: ${text}`);
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first > 65535 || last > 65535 || last < first) throw invalid(`invalid ${what}: ${text}`);
  return { first, last };
}

function protocolOf(text: string | undefined): string {
  const protocol = (text ?? "tcp").toLowerCase();
  if (protocol === "sctp") throw invalid("sctp ports are not supported by this version of mdk");
  if (protocol !== "tcp" && protocol !== "udp") throw invalid(`invalid proto: ${text}`);
  return protocol;
}

/** `--expose 80`, `8000-8010/udp`: "80/tcp" each. */
export function parseExpose(text: string): string[] {
  const [ports = "", protocol] = text.split("/");
  const range = rangeOf(ports, "range format for --expose");
  return sequence(range).map((port) => `${port}/${protocolOf(protocol)}`);
}

function sequence(range: Range): number[] {
  return Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index);
}

/** All `-p` of a command line, by container port ("80/tcp"). Throws MdkError "invalid-port" in Docker's words. */
export function parsePublish(specifications: readonly string[]): Record<string, PortBinding[]> {
  const bindings: Record<string, PortBinding[]> = {};
  for (const text of specifications) {
    for (const [port, binding] of parseOne(text)) (bindings[port] ??= []).push(binding);
  }
  return bindings;
}

function parseOne(text: string): [string, PortBinding][] {
  const [left = "", protocolText, extra] = text.split("/");
  if (extra !== undefined) throw invalid(`invalid proto: ${text}`);
  const protocol = protocolOf(protocolText);
  const { address, host, container } = splitAddress(left);
  if (container === "") throw invalid(`no port specified: ${text}<empty>`);
  const inside = rangeOf(container, "containerPort");
  if (inside.first === 0) throw invalid(`invalid containerPort: ${container}`);
  if (host === "") return sequence(inside).map((port) => [`${port}/${protocol}`, { HostIp: address, HostPort: "" }]);
  const outside = rangeOf(host, "hostPort");
  const size = inside.last - inside.first;
  if (outside.last - outside.first !== size) {
    // A range of host ports for one container port: any of them.
    if (size === 0) return [[`${inside.first}/${protocol}`, { HostIp: address, HostPort: host }]];
    throw invalid(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  return sequence(inside).map((port, index) => [`${port}/${protocol}`, { HostIp: address, HostPort: String(outside.first + index) }]);
}

function splitAddress(text: string): { address: string; host: string; container: string } {
  if (text.startsWith("[")) {
    throw invalid(`${text}: publishing on an IPv6 address comes with user-defined networks, which this version of mdk does not have`);
  }
  const parts = text.split(":");
  if (parts.length > 3) throw invalid(`invalid IP address: ${text}`);
  const [container = "", host = "", address = ""] = parts.toReversed();
  if (address !== "" && !isAddress(address)) throw invalid(`invalid IP address: ${address}`);
  return { address, host, container };
}

function isAddress(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}
