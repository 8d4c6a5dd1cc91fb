/** What mdk's network objects are called: pure. Two data roots on one host share nothing but the prefix. */
import { LINK_NAME_MAX } from "./link.ts";

export interface NetworkNames {
  /** The bridge of the default network. */
  readonly bridge: string;
  /** The nf_tables table of family inet. */
  readonly table: string;
  /** What host sides of containers begin with. */
  readonly veth: string;
}

/** `hash`: six hexadecimal digits of a data root that is not the default; null: the default. */
export function networkNames(hash: string | null): NetworkNames {
  if (hash === null) return { bridge: "mdk0", table: "mdk", veth: "mdkv" };
  return { bridge: `mdk-${hash}`, table: `mdk-${hash}`, veth: `mdk${hash}` };
}

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** A new name at every start, since the link of a dead container can outlive it by 70 ms: at least 36^6 of them. */
export function vethName({ veth }: NetworkNames): string {
  const random = crypto.getRandomValues(new Uint32Array(LINK_NAME_MAX - veth.length));
  return veth + Array.from(random, (number) => ALPHABET[number % ALPHABET.length]).join("");
}
