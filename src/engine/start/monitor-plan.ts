/** The monitor's part of a plan: streams, log, record, groups, and who cleans up. */
import { constants, openSync } from "node:fs";
import type { Group } from "../../cgroup/group.ts";
import type { Descriptors } from "../../runtime/descriptors.ts";
import type { Health, Log, Monitor, Streams } from "../../runtime/plan.ts";
import type { Container } from "../../store/containers.ts";
import { healthTimes, probeOf } from "../../spec/health.ts";
import { rotationOf } from "../../spec/log-options.ts";
import { logName } from "../end/log-file.ts";
import type { ServedPort } from "../network/proxy.ts";

/** How a client's streams are joined to the process: served by the monitor itself, or by an attach client. */
export interface Streaming {
  readonly terminal: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly stdin: number | null;
  readonly stdout: number | null;
  readonly stderr: number | null;
  /** A connected attach socket (the monitor's end), with the bits of what it takes (attachBits). */
  readonly client: { readonly socket: number; readonly streams: number } | null;
  /** The calling command stays, waits and cleans up. */
  readonly clientCleans: boolean;
  /** The container is killed when the calling command ends. */
  readonly endsWithClient?: boolean;
}

/**
 * A reader of the output that takes nothing for so long is dropped: the log has everything, and the program goes on. Docker
 * lets it hold the program up for ever. Long enough for somebody who reads a page (`| less`, ctrl-s).
 */
const READER_MS = 10 * 60_000;

/** Nobody is joined: what `start` and `run -d` do. */
export function detachedStreaming(container: Container): Streaming {
  const { Tty, OpenStdin, StdinOnce } = container.config;
  return { terminal: Tty, openStdin: OpenStdin, stdinOnce: StdinOnce, stdin: null, stdout: null, stderr: null, client: null, clientCleans: false };
}

export interface MonitorInput {
  readonly descriptors: Descriptors;
  readonly streaming: Streaming;
  /** Directories and files are opened and must be closed after the plan was sent: each goes through this. */
  readonly keep: (descriptor: number) => number;
  /** cgroup of monitors. */
  readonly monitorGroup: Pick<Group, "v2" | "tasks">;
  readonly listener: number | null;
  readonly record: number | null;
  readonly oomFile: string | null;
  /** Files of the container's group where it has no pid namespace of its own; else null. */
  readonly guarded: { readonly procs: string; readonly kill: string | null } | null;
  readonly holds: readonly number[];
  readonly served: readonly ServedPort[];
  readonly log: Log | null;
  readonly cleanup: readonly string[];
  readonly tellAfterCleanup: boolean;
  readonly health: Health | null;
}

/** The plan's `monitor`. */
export function planMonitor(input: MonitorInput): Monitor {
  const { descriptors, keep, streaming } = input;
  const open = (path: string, flags: number): number => descriptors.add(keep(openSync(path, flags)));
  const { v2, tasks } = input.monitorGroup;
  return {
    cgroup: v2 === null ? null : open(v2, constants.O_RDONLY | constants.O_DIRECTORY),
    tasks: tasks.map((path) => open(path, constants.O_WRONLY)),
    listener: descriptors.addOptional(input.listener),
    client: descriptors.addOptional(streaming.client?.socket ?? null),
    client_streams: streaming.client?.streams ?? 0,
    streams: planStreams(descriptors, streaming),
    log: input.log,
    record: descriptors.addOptional(input.record),
    oom: input.oomFile === null ? null : open(input.oomFile, constants.O_RDONLY),
    procs: input.guarded === null ? null : open(input.guarded.procs, constants.O_RDONLY),
    kill: input.guarded?.kill == null ? null : open(input.guarded.kill, constants.O_WRONLY),
    hold: input.holds.map((socket) => descriptors.add(socket)),
    proxied: input.served.map(({ socket, ...port }) => ({ ...port, socket: descriptors.add(socket) })),
    client_cleans: streaming.clientCleans,
    ends_with_client: streaming.endsWithClient ?? false,
    cleanup: input.cleanup,
    cleanup_env: [],
    tell_after_cleanup: input.tellAfterCleanup,
    health: input.health,
  };
}

function planStreams(descriptors: Descriptors, streaming: Streaming): Streams {
  return {
    terminal: streaming.terminal, open_stdin: streaming.openStdin, stdin_once: streaming.stdinOnce,
    handed_stdin: descriptors.addOptional(streaming.stdin), handed_stdout: descriptors.addOptional(streaming.stdout),
    handed_stderr: descriptors.addOptional(streaming.stderr), reader_ms: READER_MS,
  };
}

/** `words`: mdk with its roots, as the monitor is to call it. `freezer` opens that file. Null: the container's health is not checked. */
export function planHealthTimes({ id, config }: Container, words: readonly string[], freezer: () => number | null): Health | null {
  const { Healthcheck, HealthcheckOnFailureAction: action } = config;
  if (Healthcheck === undefined || probeOf(config) === null) return null;
  const times = healthTimes(Healthcheck);
  return {
    interval_ms: times.intervalMs, timeout_ms: times.timeoutMs, start_period_ms: times.startPeriodMs, start_interval_ms: times.startIntervalMs, retries: times.retries,
    freezer: freezer(), action: action === undefined || action === "none" ? [] : [...words, "container", "unhealthy", id],
  };
}

/** Where the log goes, or null for `--log-driver none`. `directory`: index of the container's directory. */
export function planLog(container: Container, directory: number): Log | null {
  const rotation = rotationOf(container.host.LogConfig);
  return rotation === null ? null : { directory, name: logName(container.id), max_size: String(rotation.bytes), max_files: rotation.files };
}
