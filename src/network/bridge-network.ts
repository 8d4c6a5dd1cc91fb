/** What the host has to be told of a network on a bridge. */
import type { Subnet, Subnet6 } from "../spec/network.ts";

/** Of bridges whose network names none, in bytes: Docker's. */
export const BRIDGE_MTU = 1500;

/** A network as the host has it. */
export interface BridgeNetwork {
  /** Name of its bridge: of mdk's making (network/names.ts), or the user's. */
  readonly bridge: string;
  /** Null: without IPv4. */
  readonly ipv4: { readonly subnet: Subnet; /** The bridge's own address, "172.18.0.1"; null: it has none. */ readonly gateway: string | null } | null;
  /** Null: without IPv6. */
  readonly ipv6: { readonly subnet: Subnet6; readonly gateway: string | null } | null;
  readonly mtu: number;
  /** Containers reach one another and the host, nothing else. */
  readonly internal: boolean;
  /** Containers reach one another. */
  readonly icc: boolean;
  /** What leaves it takes the host's address. */
  readonly masquerade: boolean;
}
