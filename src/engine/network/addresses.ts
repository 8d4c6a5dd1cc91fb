/** Which addresses a container gets on a network: leased in the caller's transaction. */
import { MdkError } from "../../error.ts";
import { assignableRange, formatAddress, formatHardwareAddress, formatSubnet, hardwareAddress, parseAddress } from "../../network/ipam.ts";
import { assignableRange6, formatSubnet6, parseAddress6 } from "../../network/ipam6.ts";
import type { EndpointSettings } from "../../spec/endpoint.ts";
import type { Pool, Pool4, Pool6 } from "../../spec/network-config.ts";
import { parseMacAddress } from "../../spec/network.ts";
import type { Database } from "../../store/database.ts";
import { addressHolder, nextFreeAddress, nextFreeAddress6, type Connection } from "../../store/endpoints.ts";
import type { Network } from "../../store/networks.ts";
import type { Placed } from "../../store/networks.ts";

interface Leasing {
  readonly network: Pick<Network, "id">;
  readonly settings: EndpointSettings;
  readonly place: Placed | null;
}

/** Throws MdkError "address-taken" for one that was asked for, "no-free-address" where none is left. */
export function leaseAddresses(database: Database, { network, settings, place }: Leasing): Pick<Connection, "address" | "address6" | "mac"> {
  if (place === null) return { address: null, address6: null, mac: "" };
  const at = { namespace: place.namespace, network: network.id };
  const { IPv4Address = "", IPv6Address = "" } = settings.IPAMConfig ?? {};
  const address = place.v4 === null ? null : IPv4Address === "" ? free4(database, at, place.v4) : asked(database, at, place.v4, parseAddress(IPv4Address), assignableRange(place.v4.subnet));
  const address6 = place.v6 === null ? null : IPv6Address === "" ? free6(database, at, place.v6) : asked(database, at, place.v6, parseAddress6(IPv6Address), assignableRange6(place.v6.subnet));
  const mac = parseMacAddress(settings.MacAddress) ?? (address === null ? randomHardwareAddress() : formatHardwareAddress(hardwareAddress(formatAddress(address))));
  return { address, address6, mac };
}

interface At {
  readonly namespace: string;
  readonly network: string;
}

/** The subnet's own address and that of its broadcasts, outside of what is assignable, are in use from the start (moby libnetwork/ipams/defaultipam). */
function asked<S, A extends number | bigint>(database: Database, { namespace, network }: At, pool: Pool<S, A>, address: A, { first, last }: { readonly first: A; readonly last: A }): A {
  if (address < first || address > last || reservedOf(pool).has(address) || addressHolder(database, namespace, network, address) !== null) throw new MdkError("conflict", "address-taken", "Address already in use");
  return address;
}

function free4(database: Database, at: At, pool: Pool4): number {
  const address = nextFreeAddress(database, { ...at, ...assignableRange(pool.subnet, pool.range ?? pool.subnet), reserved: reservedOf(pool) });
  if (address === null) throw new MdkError("exhausted", "no-free-address", `no available IPv4 addresses on this network's address pool: ${formatSubnet(pool.range ?? pool.subnet)}`);
  return address;
}

function free6(database: Database, at: At, pool: Pool6): bigint {
  const address = nextFreeAddress6(database, { ...at, ...assignableRange6(pool.subnet, pool.range ?? pool.subnet), reserved: reservedOf(pool) });
  if (address === null) throw new MdkError("exhausted", "no-free-address", `no available IPv6 addresses on this network's address pool: ${formatSubnet6(pool.range ?? pool.subnet)}`);
  return address;
}

/** Of gateway and of others than containers. */
function reservedOf<S, A>({ gateway, aux }: Pool<S, A>): Set<A> {
  return new Set([...(gateway === null ? [] : [gateway]), ...Object.values(aux)]);
}

function randomHardwareAddress(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  bytes.set([0x02, 0x42]);
  return formatHardwareAddress(bytes);
}
