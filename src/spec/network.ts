/** What networks are made of: subnets, published ports, hardware addresses. Pure. */

/** An IPv4 subnet: `address` is its first address as an unsigned 32-bit number. */
export interface Subnet {
  readonly address: number;
  /** Prefix length, 0…32. */
  readonly prefix: number;
}

/** An IPv6 subnet: `address` is its first address as an unsigned 128-bit number. */
export interface Subnet6 {
  readonly address: bigint;
  /** Prefix length, 0…128. */
  readonly prefix: number;
}

/** Neighbouring ports that are published on neighbouring ports of the host, one for one. */
export interface PortRange {
  readonly protocol: "tcp" | "udp";
  /** "0.0.0.0" (every IPv4 address), "::" (every IPv6 address) or one of the host's. */
  readonly hostAddress: string;
  /** The first of them. */
  readonly hostPort: number;
  readonly containerPort: number;
  /** How many, at least 1. */
  readonly length: number;
}

/** Go's net.ParseMAC for the addresses of Ethernet, as "02:42:ac:11:00:02"; null for what is none, or of a group. */
export function parseMacAddress(text: string): string | null {
  const match = /^(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$|^(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.exec(text);
  if (match === null) return null;
  const bytes = text.toLowerCase().replace(/[^0-9a-f]/g, "").match(/../g) ?? [];
  return parseInt(bytes[0] ?? "1", 16) % 2 === 1 ? null : bytes.join(":");
}

/** What Docker's engine warns of when a container is made with this network. */
export function networkWarnings({ NetworkMode, PortBindings }: { readonly NetworkMode: string; readonly PortBindings: Readonly<Record<string, unknown>> }): string[] {
  const discarded = NetworkMode === "host" && Object.keys(PortBindings).length > 0;
  return discarded ? ["Published ports are discarded when using host network mode"] : [];
}
