/**
 * Docker's bridges, as its rules name them. The rules by which mdk's bridges pass its chain come before its own, which keep others away from
 * its containers' ports: so mdk's own table keeps its containers away from there, but for ports that Docker has published.
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkSocket } from "../sys/netlink.ts";
import { linkName } from "./expressions.ts";
import type { NetworkNames } from "./names.ts";
import { commit, type RuleInfo } from "./nftables.ts";
import { changeElements, readElements, toHex, type SetName, type SetShape } from "./sets.ts";

export const NEIGHBOURS = "neighbours";
export const NEIGHBOURS_SHAPE = { key: ["ifname"] } as const satisfies SetShape;

/** libnetwork's names for the default bridge and for others. */
const DOCKER_BRIDGE = /^(docker0|br-[0-9a-f]{12})$/;

/** Notes those that the rules speak of, in the store's table; one that is there, or no table, is no error. */
export function noteNeighbours(socket: NetlinkSocket, { table }: NetworkNames, rules: readonly RuleInfo[]): void {
  const names = [...new Set(rules.flatMap(({ to }) => to).filter((name) => DOCKER_BRIDGE.test(name)))];
  if (names.length === 0) return;
  const set: SetName = { family: "inet", table, set: NEIGHBOURS };
  try {
    const known = new Set(readElements(socket, set).map(({ key }) => toHex(key)));
    const added = names.map((name) => ({ key: linkName(name) })).filter(({ key }) => !known.has(toHex(key)));
    if (added.length > 0) commit(socket, changeElements("add", set, added));
  } catch (error) {
    if (!(error instanceof SysError) || (error.errno !== E.ENOENT && error.errno !== E.EEXIST)) throw error;
  }
}
