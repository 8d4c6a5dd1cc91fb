/**
 * What clients and a container's monitor say to one another over its socket (shim/attach.zig): a message is a kind, one
 * letter, and what belongs to it. Monitors outlive upgrades of mdk: which version one speaks is in its state.json and in
 * its first message. What an old end ignores is no new version.
 */
import { MdkError } from "../error.ts";

/** The same as `protocol` in shim/attach.zig. */
export const PROTOCOL = 1;

/** A message: kind, then at most this much. */
export const MESSAGE_BYTES_MAX = 32 * 1024 + 1;

/** Bits of the attach hello. */
const ATTACH = { stdin: 1, stdout: 2, stderr: 4 } as const;

/** Which of a process's streams a client is joined to. */
export interface JoinedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export function attachBits(joined: JoinedStreams): number {
  return (joined.stdin ? ATTACH.stdin : 0) | (joined.stdout ? ATTACH.stdout : 0) | (joined.stderr ? ATTACH.stderr : 0);
}

export const attachMessage = (joined: JoinedStreams): Uint8Array => Buffer.from(["a".charCodeAt(0), attachBits(joined)]);

/** What a monitor says that is no output. */
export type Told =
  | { readonly kind: "hello"; readonly protocol: number }
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "resolver"; readonly taken: boolean }
  | { readonly kind: "turned" }
  | { readonly kind: "unknown" };

export function parseTold(message: Uint8Array): Told {
  const kind = String.fromCharCode(message[0] ?? 0);
  if (kind === "h" && message.length >= 3) return { kind: "hello", protocol: message[1]! | (message[2]! << 8) };
  if (kind === "x" && message.length >= 2) return { kind: "exited", code: message[1]! };
  if (kind === "n" && message.length >= 2) return { kind: "resolver", taken: message[1] === 1 };
  if (kind === "p") return { kind: "turned" };
  return { kind: "unknown" };
}

/** For what only the monitor can give. */
export function foreignProtocol(id: string, protocol: number): MdkError {
  const newer = protocol > PROTOCOL;
  return new MdkError("unsupported", "monitor-protocol", `container ${id} was started by ${newer ? "a newer" : "an older"} mdk, whose monitor speaks version ${protocol} of the attach protocol; this mdk speaks version ${PROTOCOL}`, {
    hint: newer ? "use that mdk, or a newer one" : "see its output with: mdk logs -f, or start it again with this mdk",
  });
}
