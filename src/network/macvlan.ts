/**
 * Macvlan networks: the host's link that containers are on beside the host. A parent "eth0.50" is eth0's tagged part 50, made where it is
 * missing, as Docker makes it (libnetwork macvlan_setup.go). The host itself cannot reach its own macvlans: the kernel's way.
 */
import { MdkError } from "../error.ts";
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import { createVlan, deleteLink, findLink, setUp } from "./link.ts";

export interface MacvlanParent {
  readonly index: number;
  /** Made just now: whoever removes the network removes it too (`removeMacvlanParent`). */
  readonly made: boolean;
}

/** 0 and 4095 are reserved (IEEE 802.1Q). */
const TAG_MAX = 4094;

/** Throws MdkError "no-parent" where the link is not there and cannot be made, "invalid-vlan", or SysError. */
export function ensureMacvlanParent(route: NetlinkSocket, name: string): MacvlanParent {
  const there = findLink(route, name);
  if (there !== null) return { index: there.index, made: false };
  const [, base = "", digits = ""] = /^(.+)\.(\d+)$/.exec(name) ?? [];
  const parent = base === "" ? null : findLink(route, base);
  if (parent === null) {
    throw new MdkError("invalid", "no-parent", `invalid subinterface vlan name ${name}: the host has no network interface ${base === "" ? name : base}`, { hint: "-o parent=INTERFACE names one that `ip link` shows, or INTERFACE.VLAN" });
  }
  const tag = Number(digits);
  if (tag < 1 || tag > TAG_MAX) throw new MdkError("invalid", "invalid-vlan", `vlan id must be between 1-${TAG_MAX}, received: ${digits}`);
  const made = make(route, { name, parent: parent.index, tag });
  route.request([setUp(name)]);
  const link = findLink(route, name);
  if (link === null) throw new SysError("RTM_GETLINK", E.ENODEV, name);
  return { index: link.index, made };
}

/** False where somebody else was faster. */
function make(route: NetlinkSocket, vlan: Parameters<typeof createVlan>[0]): boolean {
  try {
    route.request([createVlan(vlan)]);
    return true;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.errno === E.EEXIST && findLink(route, vlan.name) !== null) return false;
    if (error.errno !== E.EOPNOTSUPP) throw error;
    throw new MdkError("unsupported", "no-vlan", `make the network interface ${vlan.name}: ${error.message}`, { hint: "the kernel needs 802.1q (modprobe 8021q)", cause: error });
  }
}

/** Takes a tagged part away that `ensureMacvlanParent` made; one that is missing, or is no such part by now, is fine. */
export function removeMacvlanParent(route: NetlinkSocket, name: string): void {
  const link = findLink(route, name);
  if (link !== null && link.kind === "vlan") route.request([deleteLink(link.index)]);
}
