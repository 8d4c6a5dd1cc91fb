/** Child processes: the shim's faces, started from a descriptor. */

/** What a child gets as 0, 1, 2, 3 …: a descriptor of ours, or /dev/null. */
export type ChildDescriptor = number | "ignore";

export interface Child {
  readonly pid: number;
  /** The exit status, 128 + signal for a signal. Waiting needs the event loop. */
  readonly exited: Promise<number>;
  /** The event loop no longer waits for it. */
  unref(): void;
}

/**
 * Executes the file behind a descriptor (execveat(2) by way of /proc/self/fd), so that neither a name nor noexec of its
 * directory's mount matters. The environment is empty. Throws node's errors of spawn.
 */
export function spawnDescriptor(executable: number, argv: readonly [string, ...string[]], descriptors: readonly ChildDescriptor[]): Child {
  const [argv0, ...rest] = argv;
  // Bun's types know three descriptors; its spawn takes any number.
  const stdio = descriptors as unknown as ["ignore", "ignore", "ignore"];
  const child = Bun.spawn([`/proc/self/fd/${executable}`, ...rest], { argv0, env: {}, stdio });
  return {
    pid: child.pid,
    exited: child.exited.then(() => child.exitCode ?? 128 + (SIGNAL_KILL[child.signalCode ?? ""] ?? 9)),
    unref: () => child.unref(),
  };
}

/** Only those that end the pump: everything else is proxied by it. */
const SIGNAL_KILL: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };
