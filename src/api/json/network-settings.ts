/** `NetworkSettings` of Docker's JSON of a container: pure, from its endpoints and ports. */
import { formatAddress } from "../../network/ipam.ts";
import { formatAddress6 } from "../../network/ipam6.ts";
import { BRIDGE } from "../../spec/network-mode.ts";
import type { PortRange } from "../../spec/network.ts";
import { portPairs } from "../../spec/ports.ts";
import type { InspectedEndpoint } from "../../engine/network/inspect.ts";

export interface NetworkSettingsFacts {
  readonly endpoints: readonly InspectedEndpoint[];
  readonly ports: readonly PortRange[];
  /** "80/tcp". */
  readonly exposed: readonly string[];
  /** Null: it does not run. */
  readonly pid: number | null;
}

export function networkSettings({ endpoints, ports, exposed, pid }: NetworkSettingsFacts): Record<string, unknown> {
  const networks = Object.fromEntries(endpoints.map((shown) => [shown.endpoint.networkName ?? shown.endpoint.network, endpointJson(shown)]));
  // Docker's older members tell of the default bridge only.
  const { EndpointID = "", Gateway = "", GlobalIPv6Address = "", GlobalIPv6PrefixLen = 0, IPAddress = "", IPPrefixLen = 0, IPv6Gateway = "", MacAddress = "" } = networks[BRIDGE] ?? {};
  return {
    Bridge: "", SandboxID: "", SandboxKey: pid === null ? "" : `/proc/${pid}/ns/net`, Ports: pid === null || endpoints.length === 0 ? {} : portMapOf(exposed, ports),
    HairpinMode: false, LinkLocalIPv6Address: "", LinkLocalIPv6PrefixLen: 0, SecondaryIPAddresses: null, SecondaryIPv6Addresses: null,
    EndpointID, Gateway, GlobalIPv6Address, GlobalIPv6PrefixLen, IPAddress, IPPrefixLen, IPv6Gateway, MacAddress, Networks: networks,
  };
}

/** EndpointSettings as inspect shows them. */
function endpointJson({ endpoint: { network, settings, connection }, pools, names }: InspectedEndpoint): Record<string, unknown> {
  const [v4, v6] = [connection?.address == null ? null : pools?.v4, connection?.address6 == null ? null : pools?.v6];
  return {
    IPAMConfig: settings.IPAMConfig === null ? null : Object.fromEntries(Object.entries(settings.IPAMConfig).filter(([, address]) => address !== "")),
    Links: settings.Links, Aliases: settings.Aliases, MacAddress: connection?.mac ?? "", DriverOpts: settings.DriverOpts, GwPriority: settings.GwPriority,
    NetworkID: network, EndpointID: connection?.id ?? "",
    Gateway: v4?.gateway == null ? "" : formatAddress(v4.gateway), IPAddress: connection?.address == null ? "" : formatAddress(connection.address), IPPrefixLen: v4?.subnet.prefix ?? 0,
    IPv6Gateway: v6?.gateway == null ? "" : formatAddress6(v6.gateway), GlobalIPv6Address: connection?.address6 == null ? "" : formatAddress6(connection.address6), GlobalIPv6PrefixLen: v6?.subnet.prefix ?? 0,
    DNSNames: names,
  };
}

/** "80/tcp" → bindings, null for a port that is exposed only. */
function portMapOf(exposed: readonly string[], published: readonly PortRange[]): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const port of exposed) map[port] = null;
  for (const port of published) {
    for (const [inside, outside] of portPairs(port)) (map[`${inside}/${port.protocol}`] ??= []).push({ HostIp: port.hostAddress, HostPort: String(outside) });
  }
  return map;
}
