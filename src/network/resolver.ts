/**
 * How a container's questions for names reach its monitor: a table of the container's own network namespace leads port 53 of 127.0.0.11 to
 * the ports of the monitor's sockets, which are any (Docker's way). So a program of the container can bind port 53 itself.
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { compare, destinationNat, loadImmediate, loadMeta, loadPayload, type Expression } from "./expressions.ts";
import { parseAddress } from "./ipam.ts";
import { be16, be32 } from "./netlink.ts";
import { commit, deleteTable, newChain, newRule, newTable, type BaseChain } from "./nftables.ts";
import { RESOLVER } from "./resolv.ts";

const ADDRESS = be32(parseAddress(RESOLVER));
const DOMAIN = be16(53);
const IP_DESTINATION = 16;
const PORT_DESTINATION = 2;
const PROTOCOL = { udp: 17, tcp: 6 } as const;

/** Answers need no rule of their own: connection tracking turns them round. */
const OUTPUT = { family: "ip", table: "mdk-resolver", chain: "output", type: "nat", hook: "output", priority: -100 } as const satisfies BaseChain;

/**
 * Leads port 53 of 127.0.0.11 to these ports, in the namespace of the NETLINK_NETFILTER socket; about 0.3 ms. What an earlier resolver there has left
 * is replaced. "unsupported": this kernel has no nf_tables, or no NAT in it, and nothing is changed: then the sockets must be
 * on port 53 themselves. Throws SysError.
 */
export function leadToResolver(firewall: NetlinkSocket, ports: Readonly<Record<"udp" | "tcp", number>>): "led" | "unsupported" {
  try {
    try {
      commit(firewall, table(ports));
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== E.EEXIST) throw error;
      commit(firewall, [deleteTable(OUTPUT), ...table(ports)]);
    }
    return "led";
  } catch (error) {
    const missing: number[] = [E.EPROTONOSUPPORT, E.EAFNOSUPPORT, E.EOPNOTSUPP, E.ENOENT, E.EINVAL];
    if (error instanceof SysError && missing.includes(error.errno)) return "unsupported";
    throw error;
  }
}

function table(ports: Readonly<Record<"udp" | "tcp", number>>): NetlinkMessage[] {
  return [newTable(OUTPUT), newChain(OUTPUT), ...(["udp", "tcp"] as const).map((protocol) => newRule(OUTPUT, lead(protocol, ports[protocol])))];
}

function lead(protocol: "udp" | "tcp", port: number): Expression[] {
  return [
    loadPayload(1, IP_DESTINATION, 4), compare("==", ADDRESS),
    loadMeta("l4proto"), compare("==", Uint8Array.of(PROTOCOL[protocol])),
    loadPayload(2, PORT_DESTINATION, 2), compare("==", DOMAIN),
    loadImmediate(ADDRESS), loadImmediate(be16(port), 1), destinationNat("ipv4", { port: true }),
  ];
}
