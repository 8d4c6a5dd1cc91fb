/** Addresses of links by rtnetlink. */
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { formatAddress, parseAddress } from "./ipam.ts";
import { addressBytes6, formatAddress6, parseAddress6, readAddress6 } from "./ipam6.ts";
import { be32, fixedPart, MessageWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, parseAttributes } from "./netlink.ts";

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const AF_INET = 2;
const AF_INET6 = 10;
/** Used at once: no neighbour is asked whether somebody has it (duplicate address detection, a second and more). */
const IFA_F_NODAD = 0x02;

export interface LinkAddress {
  /** "172.17.0.1", "fd00::1". */
  readonly address: string;
  readonly prefix: number;
  readonly index: number;
}

/** EEXIST where the link has it already. */
export function addAddress({ address, prefix, index }: LinkAddress): NetlinkMessage {
  const number = parseAddress(address);
  const broadcast = prefix >= 31 ? number : (number | (2 ** (32 - prefix) - 1)) >>> 0;
  return new MessageWriter(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(addressHeader(AF_INET, prefix, index))
    .attribute(IFA_LOCAL, be32(number))
    .attribute(IFA_ADDRESS, be32(number))
    .attribute(IFA_BROADCAST, be32(broadcast))
    .finish("RTM_NEWADDR", `${address}/${prefix}`);
}

/** The same for IPv6; EACCES where the link has IPv6 switched off. */
export function addAddress6({ address, prefix, index }: LinkAddress): NetlinkMessage {
  return new MessageWriter(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(addressHeader(AF_INET6, prefix, index, IFA_F_NODAD))
    .attribute(IFA_LOCAL, addressBytes6(parseAddress6(address)))
    .finish("RTM_NEWADDR", `${address}/${prefix}`);
}

/** IPv4 addresses of the link: asked of the kernel for it alone, which looks at every link before Linux 4.20. */
export function readAddresses(socket: NetlinkSocket, link: number): LinkAddress[] {
  return readFamily(socket, link, AF_INET, IFA_LOCAL, (local) => formatAddress(local.getUint32(0)));
}

/** IPv6 addresses of the link, link-local ones among them. */
export function readAddresses6(socket: NetlinkSocket, link: number): LinkAddress[] {
  return readFamily(socket, link, AF_INET6, IFA_ADDRESS, (local) => formatAddress6(readAddress6(local)));
}

function readFamily(socket: NetlinkSocket, link: number, family: number, attribute: number, format: (bytes: DataView) => string): LinkAddress[] {
  const message = new MessageWriter(RTM_GETADDR, NLM_F_DUMP).raw(addressHeader(family, 0, link)).finish("RTM_GETADDR", "");
  const addresses: LinkAddress[] = [];
  for (const { type, payload } of socket.dump(message)) {
    const local = parseAttributes(payload, 8).get(attribute);
    if (type !== RTM_NEWADDR || payload.getUint8(0) !== family || local === undefined) continue;
    const index = payload.getUint32(4, true);
    if (index === link) addresses.push({ address: format(local), prefix: payload.getUint8(1), index });
  }
  return addresses;
}

/** struct ifaddrmsg. */
function addressHeader(family: number, prefix: number, index: number, flags = 0): Uint8Array {
  return fixedPart([family, prefix, flags, 0], index);
}
