/** What mdk's network objects are called: pure. Two stores on one host share nothing but the prefix. */
import { LINK_NAME_MAX } from "./link.ts";

/** Of one store in one network namespace of the host. */
export interface NetworkNames {
  /** The bridge of the default network; those of its other networks begin with it too (`bridgeName`). */
  readonly bridge: string;
  /** The nf_tables table of family inet. */
  readonly table: string;
  /** What host sides of containers begin with. */
  readonly veth: string;
}

const TAG_LENGTH = 6;

/** Six hexadecimal digits that name a store's networks in one network namespace of the host: the store's own, or others at random. */
export function tagOf(store: string): string {
  return store.slice(0, TAG_LENGTH);
}

export function randomTag(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(TAG_LENGTH / 2))).toString("hex");
}

export function networkNames(tag: string): NetworkNames {
  return { bridge: `mdk-${tag}`, table: `mdk-${tag}`, veth: `mdk${tag}` };
}

/** A name for the bridge of a further network, one of 36^5: whoever makes it looks whether it is taken. */
export function bridgeName({ bridge }: NetworkNames): string {
  return filled(bridge);
}

/** The tag in the name of a bridge that mdk named, or null for any other name. */
export function parseBridgeName(name: string): string | null {
  return /^mdk-([0-9a-f]{6})([0-9a-z]{5})?$/.exec(name)?.[1] ?? null;
}

/** A new name at every start, since the link of a dead container can outlive it by 70 ms: at least 36^6 of them. */
export function vethName({ veth }: NetworkNames): string {
  return filled(veth);
}

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** With random characters behind, as long as the name of a link may be. */
function filled(prefix: string): string {
  const random = crypto.getRandomValues(new Uint32Array(LINK_NAME_MAX - prefix.length));
  return prefix + Array.from(random, (number) => ALPHABET[number % ALPHABET.length]).join("");
}
