/** The firewall made anew, after somebody else flushed or reloaded theirs (`firewall-cmd --reload`, `nft -f`): while containers run. */
import { openFirewall, removeFirewall } from "../../network/firewall.ts";
import { networkNames } from "../../network/names.ts";
import { readTag } from "../../store/namespaces.ts";
import type { Context } from "../context.ts";
import { networkNamespace } from "../host/facts.ts";
import { bridgesIn, raiseFirewall } from "./firewall.ts";
import { wayHere } from "./ways.ts";

/** Returns warnings. Connections that stand go on; new ones may fail for the millisecond in between. */
export function reloadNetworks(context: Context): string[] {
  const namespace = networkNamespace(context);
  const tag = readTag(context.database(), namespace);
  const networks = bridgesIn(context, namespace);
  if (tag === null || networks.length === 0) return [];
  const old = wayHere(tag) === "proxy" ? null : openFirewall();
  if (old === null) return [];
  try {
    const problems = removeFirewall(old, networkNames(tag));
    const { socket, warnings } = raiseFirewall(context, namespace, tag, networks);
    socket.close();
    return [...problems, ...warnings];
  } finally {
    old.close();
  }
}
