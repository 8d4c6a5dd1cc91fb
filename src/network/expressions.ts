/** What rules of nf_tables are made of (include/uapi/linux/netfilter/nf_tables.h): pure. */
import type { MessageWriter } from "./netlink.ts";

export const LIST_ELEM = 1;
export const DATA_VALUE = 1;
const NFPROTO_IPV4 = 2;

/** Writes itself into a rule's list of expressions. */
export type Expression = (list: MessageWriter) => void;

function expression(name: string, write: (data: MessageWriter) => void): Expression {
  return (list) => list.nest(LIST_ELEM, (element) => element.string(1, name).nest(2, write));
}

/** Registers of four bytes each (enum nft_registers): neighbours make up a concatenation. */
export const REGISTER = [8, 9, 10, 11] as const;
const R0 = REGISTER[0];

const META = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16, iifkind: 26, oifkind: 27 } as const;

export function loadMeta(key: keyof typeof META, register: number = R0): Expression {
  return expression("meta", (data) => data.be32(1, register).be32(2, META[key]));
}

/** `base`: 1 network header, 2 transport header. */
export function loadPayload(base: 1 | 2, offset: number, length: number, register: number = R0): Expression {
  return expression("payload", (data) => data.be32(1, register).be32(2, base).be32(3, offset).be32(4, length));
}

/** A value as it stands. */
export function loadImmediate(value: Uint8Array, register: number = R0): Expression {
  return expression("immediate", (data) => data.be32(1, register).nest(2, (nest) => nest.attribute(DATA_VALUE, value)));
}

/** `state` or `status` of the connection, as a mask in the machine's order. */
export function loadConnection(key: "state" | "status"): Expression {
  return expression("ct", (data) => data.be32(1, R0).be32(2, key === "state" ? 0 : 2));
}

/** Kind of the destination address: RTN_LOCAL is 2. */
export function loadDestinationType(): Expression {
  return expression("fib", (data) => data.be32(1, R0).be32(2, 3).be32(3, 2));
}

export function compare(operator: "==" | "!=", value: Uint8Array): Expression {
  return expression("cmp", (data) =>
    data.be32(1, R0).be32(2, operator === "==" ? 0 : 1).nest(3, (nest) => nest.attribute(DATA_VALUE, value)),
  );
}

export function mask(value: Uint8Array): Expression {
  return expression("bitwise", (data) =>
    data
      .be32(1, R0)
      .be32(2, R0)
      .be32(3, value.length)
      .nest(4, (nest) => nest.attribute(DATA_VALUE, value))
      .nest(5, (nest) => nest.attribute(DATA_VALUE, new Uint8Array(value.length))),
  );
}

/** Looks the registers from the first on up in a map; the rule ends here where nothing is found. */
export function lookup(map: string): Expression {
  return expression("lookup", (data) => data.string(1, map).be32(2, R0).be32(3, R0));
}

/** Destination becomes address and port of the first two registers. */
export function destinationNat(): Expression {
  return expression("nat", (data) => data.be32(1, 1).be32(2, NFPROTO_IPV4).be32(3, REGISTER[0]).be32(5, REGISTER[1]));
}

export function masquerade(): Expression {
  return expression("masq", () => {});
}

export function counter(): Expression {
  return expression("counter", () => {});
}

export function verdict(code: "accept" | "drop"): Expression {
  return expression("immediate", (data) =>
    data.be32(1, 0).nest(2, (nest) => nest.nest(2, (inner) => inner.be32(1, code === "accept" ? 1 : 0))),
  );
}
