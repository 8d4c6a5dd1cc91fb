/** What mdk's network objects are called: pure. Two stores on one host share nothing but the prefix. */
import { LINK_NAME_MAX } from "./link.ts";

export interface NetworkNames {
  /** The bridge of the default network. */
  readonly bridge: string;
  /** The nf_tables table of family inet. */
  readonly table: string;
  /** What host sides of containers begin with. */
  readonly veth: string;
}

const TAG_LENGTH = 6;

/** Six hexadecimal digits that name a network in one network namespace of the host: those of its store, or others at random. */
export function tagOf(store: string): string {
  return store.slice(0, TAG_LENGTH);
}

export function randomTag(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(TAG_LENGTH / 2))).toString("hex");
}

export function networkNames(tag: string): NetworkNames {
  return { bridge: `mdk-${tag}`, table: `mdk-${tag}`, veth: `mdk${tag}` };
}

/** The tag in the name of a network's bridge, or null for any other name. */
export function parseBridgeName(name: string): string | null {
  return /^mdk-([0-9a-f]{6})$/.exec(name)?.[1] ?? null;
}

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** A new name at every start, since the link of a dead container can outlive it by 70 ms: at least 36^6 of them. */
export function vethName({ veth }: NetworkNames): string {
  const random = crypto.getRandomValues(new Uint32Array(LINK_NAME_MAX - veth.length));
  return veth + Array.from(random, (number) => ALPHABET[number % ALPHABET.length]).join("");
}
