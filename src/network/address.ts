/** IPv4 addresses of links by rtnetlink. */
import type { NetlinkMessage, NetlinkSocket } from "../sys/netlink.ts";
import { formatAddress, parseAddress } from "./ipam.ts";
import { be32, fixedPart, MessageWriter, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, parseAttributes } from "./netlink.ts";

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const AF_INET = 2;

export interface LinkAddress {
  /** "172.17.0.1". */
  readonly address: string;
  readonly prefix: number;
  readonly index: number;
}

/** EEXIST where the link has it already. */
export function addAddress({ address, prefix, index }: LinkAddress): NetlinkMessage {
  const number = parseAddress(address);
  const broadcast = prefix >= 31 ? number : (number | (2 ** (32 - prefix) - 1)) >>> 0;
  return new MessageWriter(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    .raw(addressHeader(prefix, index))
    .attribute(IFA_LOCAL, be32(number))
    .attribute(IFA_ADDRESS, be32(number))
    .attribute(IFA_BROADCAST, be32(broadcast))
    .finish("RTM_NEWADDR", `${address}/${prefix}`);
}

/** IPv4 addresses of the link: asked of the kernel for it alone, which looks at every link before Linux 4.20. */
export function readAddresses(socket: NetlinkSocket, link: number): LinkAddress[] {
  const message = new MessageWriter(RTM_GETADDR, NLM_F_DUMP).raw(addressHeader(0, link)).finish("RTM_GETADDR", "");
  const addresses: LinkAddress[] = [];
  for (const { type, payload } of socket.dump(message)) {
    const local = parseAttributes(payload, 8).get(IFA_LOCAL);
    if (type !== RTM_NEWADDR || payload.getUint8(0) !== AF_INET || local === undefined) continue;
    const index = payload.getUint32(4, true);
    if (index === link) addresses.push({ address: formatAddress(local.getUint32(0)), prefix: payload.getUint8(1), index });
  }
  return addresses;
}

/** struct ifaddrmsg. */
function addressHeader(prefix: number, index: number): Uint8Array {
  return fixedPart([AF_INET, prefix, 0, 0], index);
}
