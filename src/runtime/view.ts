/** A container's file system for this process, which enters no namespace: the shim does, and stays or sends (shim/view.zig). */
import { closeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { errnoText } from "../sys/errno.ts";
import { openPidfd } from "../sys/pidfd.ts";
import { pollReadable } from "../sys/poll.ts";
import { spawnDescriptor } from "../sys/process.ts";
import { receiveWithDescriptors, socketpair } from "../sys/socket.ts";
import { openShim } from "./shim.ts";

/** The root of a running container's mount namespace, which its PID 1 cannot choose (kernel-traps 15); null: it has ended. `init`: a pidfd. The caller closes it. */
export function openContainerRoot(runRoot: string, init: number): number | null {
  const [channel, theirs] = socketpair();
  try {
    try {
      spawnDescriptor(openShim(runRoot), ["mdk-shim", "root"], ["ignore", "ignore", "ignore", theirs, init]).unref();
    } finally {
      closeSync(theirs);
    }
    return receiveWithDescriptors(channel, 1, 1).descriptors[0] ?? null;
  } finally {
    closeSync(channel);
  }
}

/** A detached mount and where it belongs: an absolute path in the container. */
export interface HeldMount {
  readonly place: string;
  readonly fd: number;
}

/** The mounts of the shim go at once when it is told; longer than this and the disk hangs. */
const RELEASE_MS = 30_000;

/**
 * Attaches mounts to a detached root (its descriptor then leads into them) until the returned function is called: it waits until they are
 * gone. A killed caller ends them, too. The places are there. Throws MdkError "view-mount".
 */
export function holdMounts(runRoot: string, root: number, mounts: readonly HeldMount[]): () => void {
  if (mounts.length === 0) return () => {};
  const [channel, theirs] = socketpair();
  let shim: number | null = null;
  const release = (): void => {
    closeSync(channel);
    if (shim === null) return;
    pollReadable([shim], RELEASE_MS);
    closeSync(shim);
  };
  try {
    const child = spawnDescriptor(openShim(runRoot), ["mdk-shim", "hold", ...mounts.map(({ place }) => place)], ["ignore", "ignore", "ignore", theirs, root, ...mounts.map(({ fd }) => fd)]);
    child.unref();
    shim = openPidfd(child.pid);
  } finally {
    closeSync(theirs);
  }
  const { bytes } = receiveWithDescriptors(channel, 16, 0);
  if (bytes[0] === 0x68) return release;
  release();
  const [, errno, index] = bytes;
  throw new MdkError("unavailable", "view-mount", `cannot mount ${mounts[index ?? 0]?.place} to look into the container: ${errno === undefined ? "the shim ended" : errnoText(errno)}`, { hint: "try again" });
}
