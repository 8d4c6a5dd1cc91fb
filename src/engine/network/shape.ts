/** A network with a bridge as src/network/ knows it: made of what its user said and of where it is. */
import { BRIDGE_MTU, type BridgeNetwork } from "../../network/bridge-network.ts";
import { formatAddress } from "../../network/ipam.ts";
import { formatAddress6 } from "../../network/ipam6.ts";
import { bridgeOptions } from "../../spec/network-options.ts";
import type { Network, Place } from "../../store/networks.ts";

export function bridgeShape(network: Network, { bridge, v4, v6 }: Place): BridgeNetwork {
  const { icc, masquerade, mtu } = bridgeOptions(network);
  return {
    bridge, internal: network.internal, icc, masquerade, mtu: mtu ?? BRIDGE_MTU,
    ipv4: v4 === null ? null : { subnet: v4.subnet, gateway: v4.gateway === null ? null : formatAddress(v4.gateway) },
    ipv6: v6 === null ? null : { subnet: v6.subnet, gateway: v6.gateway === null ? null : formatAddress6(v6.gateway) },
  };
}
