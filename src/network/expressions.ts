/** What rules of nf_tables are made of (include/uapi/linux/netfilter/nf_tables.h): pure. */
import type { MessageWriter } from "./netlink.ts";

export const LIST_ELEM = 1;
export const DATA_VALUE = 1;

/** Families of IP, with their header's fields that rules look at. `number`: of NFPROTO_IPV4, NFPROTO_IPV6. */
export const IP = {
  ipv4: { number: 2, source: 12, destination: 16, bytes: 4 },
  ipv6: { number: 10, source: 8, destination: 24, bytes: 16 },
} as const;

export type IpFamily = keyof typeof IP;

/** Writes itself into a rule's list of expressions. */
export type Expression = (list: MessageWriter) => void;

function expression(name: string, write: (data: MessageWriter) => void): Expression {
  return (list) => list.nest(LIST_ELEM, (element) => element.string(1, name).nest(2, write));
}

/** The first register of four bytes (enum nft_registers): neighbours make up a concatenation. */
const REGISTER = 8;
/** Of the registers that a value of so many bytes fills. */
const registers = (bytes: number): number => Math.ceil(bytes / 4);

const META = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16, iifkind: 26, oifkind: 27 } as const;

export function loadMeta(key: keyof typeof META, register = REGISTER): Expression {
  return expression("meta", (data) => data.be32(1, register).be32(2, META[key]));
}

/** `base`: 1 network header, 2 transport header. */
export function loadPayload(base: 1 | 2, offset: number, length: number, register = REGISTER): Expression {
  return expression("payload", (data) => data.be32(1, register).be32(2, base).be32(3, offset).be32(4, length));
}

/** A value as it stands, in the first register, or so many registers behind it. */
export function loadImmediate(value: Uint8Array, behind = 0): Expression {
  return expression("immediate", (data) => data.be32(1, REGISTER + behind).nest(2, (nest) => nest.attribute(DATA_VALUE, value)));
}

/** Packets are marked with the number, the machine's order, that stands in the first register (NFT_META_MARK). */
export function setMark(): Expression {
  return expression("meta", (data) => data.be32(2, 3).be32(3, REGISTER));
}

/** `state` or `status` of the connection, as a mask in the machine's order. */
export function loadConnection(key: "state" | "status"): Expression {
  return expression("ct", (data) => data.be32(1, REGISTER).be32(2, key === "state" ? 0 : 2));
}

/** Kind of the destination address: RTN_LOCAL is 2. */
export function loadDestinationType(): Expression {
  return expression("fib", (data) => data.be32(1, REGISTER).be32(2, 3).be32(3, 2));
}

export function compare(operator: "==" | "!=", value: Uint8Array): Expression {
  return expression("cmp", (data) =>
    data.be32(1, REGISTER).be32(2, operator === "==" ? 0 : 1).nest(3, (nest) => nest.attribute(DATA_VALUE, value)),
  );
}

export function mask(value: Uint8Array): Expression {
  return expression("bitwise", (data) =>
    data
      .be32(1, REGISTER)
      .be32(2, REGISTER)
      .be32(3, value.length)
      .nest(4, (nest) => nest.attribute(DATA_VALUE, value))
      .nest(5, (nest) => nest.attribute(DATA_VALUE, new Uint8Array(value.length))),
  );
}

/** Looks the registers from the first on up in a map, whose value takes their place; the rule ends here where nothing is found. */
export function lookUp(map: string): Expression {
  return expression("lookup", (data) => data.string(1, map).be32(2, REGISTER).be32(3, REGISTER));
}

/** The rule ends here unless the registers from the first on are in the set. */
export function isIn(set: string): Expression {
  return expression("lookup", (data) => data.string(1, set).be32(2, REGISTER));
}

/** Destination becomes the address that begins in the first register, and, where asked for, the port behind it. */
export function destinationNat(family: IpFamily, { port }: { readonly port: boolean }): Expression {
  const { number, bytes } = IP[family];
  return expression("nat", (data) => {
    data.be32(1, 1).be32(2, number).be32(3, REGISTER);
    if (port) data.be32(5, REGISTER + registers(bytes));
  });
}

export function masquerade(): Expression {
  return expression("masq", () => {});
}

export function counter(): Expression {
  return expression("counter", () => {});
}

const VERDICT = { drop: 0, accept: 1 } as const;
/** NFT_JUMP */
const JUMP = -3;

export function verdict(code: keyof typeof VERDICT): Expression {
  return expression("immediate", (data) => data.be32(1, 0).nest(2, (nest) => nest.nest(2, (inner) => inner.be32(1, VERDICT[code]))));
}

/** Goes on behind this rule where the chain comes to no verdict. */
export function jump(chain: string): Expression {
  return expression("immediate", (data) => data.be32(1, 0).nest(2, (nest) => nest.nest(2, (inner) => inner.be32(1, JUMP).string(2, chain))));
}

const LINK_NAME_BYTES = 16;

/** The name of a link as registers and keys of sets hold it. */
export function linkName(name: string): Uint8Array {
  const bytes = new Uint8Array(LINK_NAME_BYTES);
  bytes.set(Buffer.from(name));
  return bytes;
}

export function linkIs(key: "iifname" | "oifname", operator: "==" | "!=", name: string): Expression[] {
  return [loadMeta(key), compare(operator, linkName(name))];
}

/** nft's and iptables' wildcard: `iifname "mdk-1a2b3c*"`. */
export function linkBegins(key: "iifname" | "oifname", prefix: string): Expression[] {
  return [loadMeta(key), compare("==", Buffer.from(prefix))];
}

/** Packets of the family: for what is behind it in the rule. */
export function isFamily(family: IpFamily): Expression[] {
  return [loadMeta("nfproto"), compare("==", Uint8Array.of(IP[family].number))];
}

/** A part of a concatenation: what is loaded, and how long it is. */
export interface Part {
  readonly bytes: number;
  readonly load: (register: number) => Expression;
}

/** Loads the parts, each into the registers behind those of the one before: the key of a set. */
export function concatenation(...parts: readonly Part[]): Expression[] {
  let register = REGISTER;
  return parts.map(({ bytes, load }) => {
    const expression = load(register);
    register += registers(bytes);
    return expression;
  });
}

export const PART = {
  iifname: { bytes: LINK_NAME_BYTES, load: (register: number) => loadMeta("iifname", register) },
  oifname: { bytes: LINK_NAME_BYTES, load: (register: number) => loadMeta("oifname", register) },
  protocol: { bytes: 1, load: (register: number) => loadMeta("l4proto", register) },
  port: { bytes: 2, load: (register: number) => loadPayload(2, 2, 2, register) },
  source: (family: IpFamily): Part => ({ bytes: IP[family].bytes, load: (register: number) => loadPayload(1, IP[family].source, IP[family].bytes, register) }),
  destination: (family: IpFamily): Part => ({ bytes: IP[family].bytes, load: (register: number) => loadPayload(1, IP[family].destination, IP[family].bytes, register) }),
} as const;
