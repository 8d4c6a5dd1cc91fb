/**
 * How containers and the world reach each other here, decided once for each start: by the store's table in the kernel's nf_tables, which translates
 * addresses and keeps networks apart; or, where the kernel cannot have it, without a firewall: then the container's monitor serves published ports
 * (shim/proxy.zig), and answers on port 53 itself when it is asked for names.
 */
import { canHaveFirewall } from "../../network/firewall.ts";
import { hasIpv6, isForwarding } from "../../network/forwarding.ts";
import { networkNames } from "../../network/names.ts";
import type { Context } from "../context.ts";
import { isToldAlready } from "./told.ts";

export type Way = "nf_tables" | "proxy";

/** Looked at anew each time: a module may have been loaded meanwhile. `tag`: what names the store's table; null: it has none yet. */
export function wayHere(tag: string | null): Way {
  return canHaveFirewall(networkNames(tag ?? UNUSED_TAG)) ? "nf_tables" : "proxy";
}

const UNUSED_TAG = "000000";

/** Where a container's resolver listens: anywhere, where port 53 can be led there (network/resolver.ts). */
export const resolverPort = (way: Way): number => (way === "nf_tables" ? 0 : 53);

/** What is missing without a firewall: for the first start that meets it. */
export function warningsOf(context: Context, way: Way): string[] {
  if (way === "nf_tables" || isToldAlready(context, "no-firewall-told")) return [];
  const apart = isForwarding("ipv4") || (hasIpv6() && isForwarding("ipv6"))
    ? "This host forwards packets, and nothing keeps networks apart, or others from containers, internal networks included."
    : "";
  return [`This kernel has no nf_tables with NAT: containers reach each other and this host, and nothing beyond it unless the host translates addresses itself; published ports are served by a proxy. ${apart}`.trim()];
}
