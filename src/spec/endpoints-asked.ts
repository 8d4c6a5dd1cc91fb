/** What a request asks of its networks, as far as words go: what modes rule out, and addresses that are none. Pure. */
import { MdkError } from "../error.ts";
import type { ContainerConfig, CreateRequest, HostConfig } from "./container.ts";
import { decodeEndpoint, type EndpointSettings } from "./endpoint.ts";
import { joinedContainer } from "./namespace-modes.ts";
import { networkOf } from "./network-mode.ts";
import { parseMacAddress } from "./network.ts";
import { readAddress } from "./prefix.ts";

type Asked = Pick<CreateRequest, "config" | "host" | "networks">;

/** moby runconfig/hostconfig_unix.go (validateNetMode) and daemon/container_operations.go. Throws MdkError "invalid-network-mode", "invalid-endpoint". */
export function checkNetworks({ config, host, networks }: Asked): void {
  if (joinedContainer(host.NetworkMode) !== null) checkJoined({ config, host, networks });
  if (host.NetworkMode === "host" && linksOf(networks).length > 0) throw conflict("host type networking can't be used with links. This would result in undefined behavior");
  checkMacAddress(config.MacAddress ?? "", host);
  for (const [name, settings] of Object.entries(networks)) {
    const reasons = endpointReasons(settings);
    if (joinedContainer(host.NetworkMode) !== null && settings.IPAMConfig !== null) reasons.unshift("user specified IP address is supported on user defined networks only");
    if (settings.MacAddress !== "" && networkOf(host.NetworkMode) === null) throw conflict("mac-address and the network mode");
    if (reasons.length > 0) throw new MdkError("invalid", "invalid-endpoint", `invalid config for network ${name}: ${endpointSentence(reasons)}`);
    decodeEndpoint(settings, `EndpointsConfig.${name}`);
  }
  checkCompany(host.NetworkMode, Object.keys(networks));
}

/** What another container's namespace is not asked for once more. */
function checkJoined({ config, host, networks }: Asked): void {
  if (config.Hostname !== "") throw conflict("hostname and the network mode");
  if (linksOf(networks).length > 0) throw conflict("container type network can't be used with links. This would result in undefined behavior");
  if (host.Dns.length > 0) throw conflict("dns and the network mode");
  if ((host.ExtraHosts ?? []).length > 0) throw conflict("custom host-to-IP mapping and the network mode");
  // Published ports are exposed as well: these come first.
  if (Object.keys(host.PortBindings).length > 0 || host.PublishAllPorts) throw conflict("port publishing and the container type network mode");
  if (Object.keys(config.ExposedPorts ?? {}).length > 0) throw conflict("port exposing and the container type network mode");
}

function checkMacAddress(mac: NonNullable<ContainerConfig["MacAddress"]>, { NetworkMode }: Pick<HostConfig, "NetworkMode">): void {
  if (mac === "") return;
  if (parseMacAddress(mac) === null) throw new MdkError("invalid", "invalid-endpoint", `${mac} is not a valid mac address`);
  if (networkOf(NetworkMode) === null) throw conflict("mac-address and the network mode");
}

/** Networks beside that of the mode. */
function checkCompany(mode: HostConfig["NetworkMode"], names: readonly string[]): void {
  const others = names.filter((name) => name !== mode);
  if (others.length === 0) return;
  const refuse = (message: string): never => {
    throw new MdkError("invalid", "invalid-network-mode", message);
  };
  if (joinedContainer(mode) !== null || others.some((name) => joinedContainer(name) !== null)) refuse("container sharing network namespace with another container or host cannot be connected to any other network");
  if (mode === "host" || others.includes("host")) refuse("container cannot be disconnected from host network or connected to host network");
  if (mode === "none" || others.includes("none")) refuse("container cannot be connected to multiple networks with one of the networks in private (none) mode");
}

/** Addresses that are none (moby daemon/container_operations.go, normalizeEndpointIPAMConfig). */
export function endpointReasons({ IPAMConfig, MacAddress }: EndpointSettings): string[] {
  const { IPv4Address: four = "", IPv6Address: six = "" } = IPAMConfig ?? {};
  const isOf = (family: 4 | 6, text: string): boolean => { const address = readAddress(text); return address?.family === family && address.value !== 0n; };
  return [
    ...(four === "" || isOf(4, four) ? [] : [`invalid IPv4 address: ${four}`]), ...(six === "" || isOf(6, six) ? [] : [`invalid IPv6 address: ${six}`]),
    ...(MacAddress === "" || parseMacAddress(MacAddress) !== null ? [] : [`invalid MAC address ${MacAddress}`]),
  ];
}

/** Docker's sentence of them, the first network's name before it where a container is made. */
export function endpointSentence(reasons: readonly string[]): string {
  return `invalid endpoint settings:\n${reasons.length === 1 ? reasons[0]! : reasons.map((reason) => `* ${reason}`).join("\n")}`;
}

const linksOf = (networks: Asked["networks"]): string[] => Object.values(networks).flatMap(({ Links }) => Links ?? []);

const conflict = (what: string): MdkError => new MdkError("invalid", "invalid-network-mode", `conflicting options: ${what}`);
