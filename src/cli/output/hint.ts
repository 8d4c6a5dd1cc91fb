/** What to try, for errors that do not say it themselves: what the kernel refuses says only what was called. */
import { MdkError, messageOf } from "../../error.ts";

/** Requests of rtnetlink(7) and nf_tables, by the names that errors give them. */
const NETWORK = /^(RTM|NFT|NFNL)_\w+.*: operation not permitted$/;

/** Null: nothing is known. */
export function hintOf(error: unknown): string | null {
  if (error instanceof MdkError && error.hint !== null) return error.hint;
  return hintFor(messageOf(error));
}

/** The same of a text. */
export function hintFor(message: string): string | null {
  return NETWORK.test(message) ? "bridges, addresses and port rules need CAP_NET_ADMIN in this network namespace: without it there is --network host" : null;
}
