/** `mdk network create`. */
import { createNetwork } from "../../engine/network/networks.ts";
import { parseNetworkRequest } from "../../spec/network-request.ts";
import type { Command, Values } from "../grammar/flags.ts";
import { print } from "../output/text.ts";
import { poolFlags } from "./pools.ts";
import { pairsFlag } from "./words.ts";

export const command: Command = {
  usage: "network create [OPTIONS] NETWORK",
  summary: "Create a network",
  flags: [
    { name: "attachable", type: "bool", help: "Enable manual container attachment (refused: mdk has no clusters)", missing: true },
    { name: "aux-address", type: "map", help: "Auxiliary IPv4 or IPv6 addresses used by Network driver" },
    { name: "config-from", type: "string", help: "The network from which to copy the configuration (refused: not in this version)", missing: true },
    { name: "config-only", type: "bool", help: "Create a configuration only network (refused: not in this version)", missing: true },
    { name: "driver", short: "d", type: "string", help: "Driver to manage the Network: bridge, macvlan (default \"bridge\")" },
    { name: "gateway", type: "list", help: "IPv4 or IPv6 Gateway for the master subnet" },
    { name: "ingress", type: "bool", help: "Create swarm routing-mesh network (refused: mdk has no clusters)", missing: true },
    { name: "internal", type: "bool", help: "Restrict external access to the network" },
    { name: "ip-range", type: "list", help: "Allocate container ip from a sub-range" },
    { name: "ipam-driver", type: "string", help: "IP Address Management Driver (default \"default\")" },
    { name: "ipam-opt", type: "map", help: "Set IPAM driver specific options" },
    { name: "ipv4", type: "bool", help: "Enable or disable IPv4 address assignment (default true)" },
    { name: "ipv6", type: "bool", help: "Enable or disable IPv6 address assignment" },
    { name: "label", type: "list", check: (value) => (/^(=|$)/.test(value) ? `invalid label '${value}': empty name` : null), help: "Set metadata on a network" },
    { name: "opt", short: "o", type: "map", help: "Set driver specific options" },
    { name: "scope", type: "string", help: "Control the network's scope (local)" },
    { name: "subnet", type: "list", help: "Subnet in CIDR format that represents a network segment" },
  ],
  operands: [1, 1],
  run: ({ context, flags, operands: [name = ""] }) => {
    print(createNetwork(context, parseNetworkRequest(requestOf(name, flags))));
    return 0;
  },
};

/** In the shape of Docker's API. */
function requestOf(name: string, flags: Values): unknown {
  const asked = (flag: string): boolean | null => (flags.given(flag) ? flags.bool(flag) : null);
  return {
    Name: name, Driver: flags.string("driver"), Internal: flags.bool("internal"), EnableIPv4: asked("ipv4"), EnableIPv6: asked("ipv6"), Scope: flags.string("scope"),
    IPAM: { Driver: flags.string("ipam-driver"), Config: poolFlags(flags), Options: pairsFlag(flags, "ipam-opt") }, Options: pairsFlag(flags, "opt"), Labels: pairsFlag(flags, "label"),
  };
}
