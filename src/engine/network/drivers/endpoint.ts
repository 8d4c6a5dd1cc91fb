/** What all drivers say of an interface in a container. */
import { formatAddress } from "../../../network/ipam.ts";
import { formatAddress6 } from "../../../network/ipam6.ts";
import type { Attaching } from "./driver.ts";

/** Of a container's namespace, before an interface with IPv6 is made there, which takes them over: it listens to no router, whoever plays one (CVE-2020-13401). */
export const IPV6_SETTINGS = [
  { sysctl: "net.ipv6.conf.default.disable_ipv6", value: "0" }, { sysctl: "net.ipv6.conf.default.accept_ra", value: "0" }, { sysctl: "net.ipv6.conf.lo.disable_ipv6", value: "0" },
] as const;

type Words = { readonly address: string; readonly prefix: number; readonly gateway: string | null } | null;

export interface EndpointShape {
  readonly name: string;
  readonly mac: string;
  readonly ipv4: Words;
  readonly ipv6: Words;
  readonly namespace: number;
}

export function endpointShape({ connection: { address, address6, mac, interface: name }, place: { v4, v6 }, namespace, leads }: Attaching): EndpointShape {
  return {
    name, mac, namespace,
    ipv4: address === null || v4 === null ? null : { address: formatAddress(address), prefix: v4.subnet.prefix, gateway: !leads.v4 || v4.gateway === null ? null : formatAddress(v4.gateway) },
    ipv6: address6 === null || v6 === null ? null : { address: formatAddress6(address6), prefix: v6.subnet.prefix, gateway: !leads.v6 || v6.gateway === null ? null : formatAddress6(v6.gateway) },
  };
}
