/** `--network`: where a container's network comes from, in the words of Docker's API (HostConfig.NetworkMode). Pure. */
import { MdkError } from "../error.ts";
import { isJoined, type JoinedMode } from "./namespace-modes.ts";

declare const network: unique symbol;
/** Name or id of a network that the container is on: "bridge" is the default one. */
export type NetworkName = string & { readonly [network]: true };

/** `none`: loopback only; `host`: the host's own; a container's: the namespace that that one has. */
export type NetworkMode = "none" | "host" | JoinedMode | NetworkName;

/** The network that containers are on by default. */
export const BRIDGE = "bridge" as NetworkName;

/** The network that the mode names; null for one without. */
export function networkOf(mode: NetworkMode): NetworkName | null {
  return mode === "none" || mode === "host" || isJoined(mode) ? null : mode;
}

/** Whether a word of --network names a network that a user made: whether there is one, the store knows. */
export function isUserDefinedMode(word: string): boolean {
  return !["", "default", BRIDGE, "host", "none"].includes(word) && !word.startsWith("container:");
}

/** "default" and "" are the default bridge. Whether there is such a network, the store knows. Throws MdkError "invalid-network-mode". */
export function parseNetworkMode(text: string): NetworkMode {
  if (text === "" || text === "default") return BRIDGE;
  if (text === "none" || text === "host" || isJoined(text)) return text;
  if (text === "container:") throw new MdkError("invalid", "invalid-network-mode", "invalid container format container:<name|id>");
  return text as NetworkName;
}
