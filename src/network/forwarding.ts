/**
 * Forwarding between the links of the network namespace, which containers need to reach anything: switched on where it is off, and
 * remembered. Who switches it on sees to the guard first (guard.ts).
 */
import { existsSync, readdirSync } from "node:fs";
import { MdkError } from "../error.ts";
import type { IpFamily } from "./expressions.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";

/** A sysctl as it was before mdk changed it. */
export interface ChangedSysctl {
  /** "net.ipv4.ip_forward"; with slashes where the name of a link in it may hold dots. */
  readonly name: string;
  readonly old: string;
}

/** Called before the sysctl is changed, so that `clean` can put it back whatever happens in between. */
export type Remember = (sysctl: ChangedSysctl) => void;

export const FORWARDING: Readonly<Record<IpFamily, string>> = { ipv4: "net.ipv4.ip_forward", ipv6: "net.ipv6.conf.all.forwarding" };

export function isForwarding(family: IpFamily): boolean {
  return readSysctl(FORWARDING[family]) !== "0";
}

/** Throws MdkError "sysctl". */
export function switchOn(family: IpFamily, remember: Remember): void {
  if (family === "ipv6") keepRoutes(remember);
  change(FORWARDING[family], "0", "1", remember);
}

/** By links; with slashes, since their names may hold dots. */
const LINK_SYSCTLS = "net/ipv6/conf";
/** Not links; and nobody advertises on loopback. */
const NO_LINKS: ReadonlySet<string> = new Set(["all", "default", "lo"]);
const UNLESS_FORWARDING = "1";
const ALWAYS = "2";

/**
 * A link with accept_ra=1 takes no router advertisements any more once the host forwards, and the routes that it learned by them go at that
 * very moment (rt6_purge_dflt_routers): the host would lose its own way out.
 */
function keepRoutes(remember: Remember): void {
  for (const link of readdirSync(`/proc/sys/${LINK_SYSCTLS}`)) {
    if (NO_LINKS.has(link)) continue;
    const name = `${LINK_SYSCTLS}/${link}/accept_ra`;
    try {
      if (readSysctl(name) === UNLESS_FORWARDING) change(name, UNLESS_FORWARDING, ALWAYS, remember);
    } catch (error) {
      // It has gone meanwhile.
      if (existsSync(`/proc/sys/${name}`)) throw error;
    }
  }
}

/** Puts a sysctl back that was remembered; one of a link that is gone by now is fine. Throws MdkError "sysctl". */
export function restoreSysctl({ name, old }: ChangedSysctl): void {
  try {
    writeSysctl(name, old);
  } catch (error) {
    if (!name.startsWith(`${LINK_SYSCTLS}/`) || existsSync(`/proc/sys/${name}`)) throw error;
  }
}

function change(name: string, old: string, value: string, remember: Remember): void {
  remember({ name, old });
  writeSysctl(name, value);
}

/** RFC 8200, section 5: links with less have no IPv6, and none of its settings (net/ipv6/addrconf.c, addrconf_notify). */
const IPV6_MTU_LEAST = 1280;

/** Whether the kernel has IPv6, for this namespace at least, and a link of such an MTU. */
export function hasIpv6(mtu = IPV6_MTU_LEAST): boolean {
  return mtu >= IPV6_MTU_LEAST && existsSync("/proc/sys/net/ipv6");
}

/** Throws MdkError "no-ipv6" where it has not. */
export function requireIpv6(): void {
  if (hasIpv6()) return;
  throw new MdkError("unsupported", "no-ipv6", "the kernel has no IPv6", { hint: "boot without ipv6.disable=1, or make the network without --ipv6" });
}
