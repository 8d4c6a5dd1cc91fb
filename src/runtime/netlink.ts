/** A netlink socket of a network namespace that this process is not in: the shim enters it, this process never does. */
import { closeSync } from "node:fs";
import { spawnDescriptor } from "../sys/process.ts";
import { receiveWithDescriptors, socketpair } from "../sys/socket.ts";
import { openShim } from "./shim.ts";

/** A NETLINK_NETFILTER socket of the namespace behind the descriptor; null where it cannot be entered. The caller closes it. */
export function openNetfilterIn(runRoot: string, namespace: number): number | null {
  const [channel, theirs] = socketpair();
  try {
    try {
      spawnDescriptor(openShim(runRoot), ["mdk-shim", "netlink"], ["ignore", "ignore", "ignore", theirs, namespace]).unref();
    } finally {
      closeSync(theirs);
    }
    return receiveWithDescriptors(channel, 1, 1).descriptors[0] ?? null;
  } finally {
    closeSync(channel);
  }
}
