/**
 * Starting a container: everything between its row and its running program, in the order of DESIGN section 4. The launcher
 * is started first, so that its exec runs beside our own work; nothing lasts that `settle` could not take back.
 */
import { closeSync, mkdirSync, writeFileSync } from "node:fs";
import { MdkError, messageOf, type ErrorKind } from "../../error.ts";
import { Descriptors } from "../../runtime/descriptors.ts";
import {
  awaitCreated, awaitRunning, drainChannel, sayGo, sendPlan, ShimFailure, spawnLauncher, type CreatedInit, type Launcher,
} from "../../runtime/launch.ts";
import { sayCleaned } from "../../runtime/channel.ts";
import type { Run } from "../../runtime/plan.ts";
import { PROTOCOL } from "../../runtime/protocol.ts";
import type { Window } from "../../runtime/process-steps.ts";
import { bootId, confirmState, STATE_VERSION, writeState } from "../../runtime/state.ts";
import { isJoining, joinedContainer } from "../../spec/namespace-modes.ts";
import { stringifySpec } from "../../spec/generate.ts";
import type { Spec } from "../../spec/types.ts";
import { probeOf } from "../../spec/health.ts";
import { setError } from "../../store/container-life.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { runPaths, storePaths } from "../../store/paths.ts";
import { errnoText } from "../../sys/errno.ts";
import { identityOf } from "../../sys/pidfd.ts";
import { socketpair } from "../../sys/socket.ts";
import type { Begun } from "./begin.ts";
import type { Context } from "../context.ts";
import { backingWarning } from "../host/backing.ts";
import type { SendHealth } from "./health.ts";
import type { Streaming } from "./monitor-plan.ts";
import { hasResolver, writeNetworkFiles } from "../network/files.ts";
import { attachNetwork, raiseNetwork, servesPorts } from "../network/network.ts";
import { closeRaised } from "../network/raise.ts";
import { ALONE, prepareRoot } from "./prepare.ts";
import type { ResolverDescriptors } from "./resolver.ts";
import { makeRunPlan } from "./run-plan.ts";
import { clearRunDirectory, removeLocked, settleLocked } from "../end/settle.ts";
import { awaitReleased } from "../end/end.ts";

export interface StartOptions {
  readonly streaming: Streaming;
  /** Size of the client's terminal; null without one. */
  readonly window: Window | null;
  /** Takes warnings for the user: a limit that the kernel lacks and the like. */
  readonly warn: (text: string) => void;
  /** Called when everything is ready for `go`: from then on the container outlives this command. */
  readonly beforeGo?: () => void;
}

/** A container whose program runs. */
export interface Started {
  /** To the monitor, the caller's to close: `exited` comes here. Null where the client does not clean up. */
  readonly channel: number | null;
  /** Host pid of init. */
  readonly pid: number;
}

/** Status that Docker gives a container whose start failed for a reason that is not the program's. */
const START_FAILED_CODE = 128;
/** … and for one that is (moby daemon/start.go, setExitCodeFromError). */
const START_FAILED_CODES: Readonly<Partial<Record<ErrorKind, number>>> = { "no-program": 127, "not-executable": 126 };

/**
 * Starts what `begin` has begun and closes all of its descriptors. Returns when the program runs. On any failure the
 * container is settled: one made by `run` is gone, another is `Created` with the error in its row.
 */
export async function startBegun(context: Context, begun: Begun, options: StartOptions): Promise<Started> {
  const { container } = begun;
  const opened = new Set<number>([begun.opLock, ...begun.reservation.holds]);
  const keep = (descriptor: number): number => (opened.add(descriptor), descriptor);
  let launcher: Launcher | null = null;
  try {
    launcher = spawnLauncher(context.runRoot, "run");
    const pid = await launch(context, begun, { ...options, launcher, keep, release: (descriptor) => release(opened, descriptor) });
    if (options.streaming.clientCleans) return { channel: launcher.channel, pid };
    closeSync(launcher.channel);
    return { channel: null, pid };
  } catch (error) {
    // Init still waits for "go" if nothing else has ended it: the end of the report socket does.
    for (const descriptor of opened) if (descriptor !== begun.opLock) release(opened, descriptor);
    try {
      undo(context, container, launcher, error);
    } catch (second) {
      // What could not be taken back now is settled by the next command: the first error is the one to tell.
      if (error instanceof Error) error.cause ??= second;
    }
    throw error;
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Brings the container to rest under our op lock: gone, as it was, or `Created` with the error in its row. */
function undo(context: Context, container: Container, launcher: Launcher | null, error: unknown): void {
  if (launcher !== null) abandonLauncher(launcher);
  awaitReleased(context, container.id);
  const code = START_FAILED_CODES[error instanceof MdkError ? error.kind : "start-failed"] ?? START_FAILED_CODE;
  // Docker's rules: what was set up whole and could not be invoked stays, as `Created`; with --rm nothing does.
  const keep = code !== START_FAILED_CODE && !container.host.AutoRemove;
  setError(context.database(), container.id, { code, error: messageOf(error), keep });
  clearRunDirectory(context, container.id);
  if (container.host.AutoRemove) removeLocked(context, readContainer(context.database(), container.id) ?? container);
  else settleLocked(context, container.id);
}

function release(opened: Set<number>, descriptor: number): void {
  opened.delete(descriptor);
  closeSync(descriptor);
}

/** Ends a shim whose start has failed: nothing can be removed before it is gone. */
function abandonLauncher(launcher: Launcher): void {
  sayCleaned(launcher.channel);
  drainChannel(launcher.channel);
  closeSync(launcher.channel);
}

interface Launching extends StartOptions {
  readonly launcher: Launcher;
  readonly keep: (descriptor: number) => number;
  readonly release: (descriptor: number) => void;
}

async function launch(context: Context, begun: Begun, work: Launching): Promise<number> {
  const { container } = begun;
  const store = storePaths(context.root).container(container.id);
  mkdirSync(store, { recursive: true, mode: 0o700 });
  const { upstream, variables, warnings } = writeNetworkFiles(context, begun, store);
  warnings.forEach((text) => work.warn(text));
  const full = backingWarning(context.root);
  if (full !== null) work.warn(full);
  const volumes = container.mounts.some(({ type }) => type === "volume" || type === "image") ? await import("./volumes.ts") : null;
  const joining = isJoining(container.host) ? await import("./joined.ts") : null;
  const joined = joining?.openJoined(context, container.host, work.keep) ?? ALONE;
  const files = joining === null ? store : storePaths(context.root).container(joining.fileOwner(context, container));
  const ipv6 = begun.connections.some(({ address6 }) => address6 !== null);
  const root = await prepareRoot(context, container, { store, files, variables, given: begun.root, ipv6, joined, volumes, window: work.window, keep: work.keep });
  const [report, theirs] = socketpair();
  work.keep(report);
  work.keep(theirs);
  const descriptors = new Descriptors();
  const resolver = hasResolver(begun.reservation.seats) ? (await import("./resolver.ts")).giveResolver : null;
  const proxy = servesPorts(begun.reservation) ? await import("../network/proxy.ts") : null;
  const plan = await makeRunPlan(context, begun, { ...work, root, joined, descriptors, report: theirs, store, proxy, hasResolver: resolver !== null });
  sendPlan(work.launcher, { run: plan }, descriptors.fds);
  // Its end of file must mean that init's copy is closed.
  work.release(theirs);
  const probe = probeOf(container.config);
  const health = probe === null ? null : await (await import("./health.ts")).planHealth(context, container, { spec: root.spec, variables, args: probe });
  // For exec and for other runtimes: written while the shim is at work.
  writeFileSync(`${store}/config.json`, stringifySpec(root.spec), { mode: 0o600 });
  try {
    return converse(context, begun, { ...work, report, health, proxy, giveResolver: resolver === null ? null : (sockets) => resolver(context, begun, work.launcher.channel, sockets, upstream), release: () => { work.release(root.mount); work.beforeGo?.(); } });
  } catch (error) {
    throw error instanceof ShimFailure ? await tell(error, plan, root.spec) : error;
  }
}

interface Conversation {
  readonly warn: (text: string) => void;
  readonly launcher: Launcher;
  readonly report: number;
  /** Null: nobody looks at its health. */
  readonly health: SendHealth | null;
  /** Null: the kernel leads all of its published ports to it. */
  readonly proxy: typeof import("../network/proxy.ts") | null;
  /** Null: nobody looks names up. */
  readonly giveResolver: ((sockets: ResolverDescriptors) => void) | null;
  /** Lets go of the root: from now on only the container holds it. */
  readonly release: () => void;
}

/** created → network → state → go → ready → the program runs. */
function converse(context: Context, begun: Begun, talk: Conversation): number {
  const directory = runPaths(context.runRoot).container(begun.container.id);
  let created = join(context, begun, talk);
  // In somebody else's pid namespace it is another process that becomes the program (plan.ts, CloneInto).
  if (joinedContainer(begun.container.host.PidMode) !== null) created = awaitCreated(talk.report, talk.launcher);
  const init = identityOf(created.pid);
  const cage = init === null ? null : identityOf(init.parent);
  if (init === null || cage === null) {
    // A step failed meanwhile: its report says which.
    awaitRunning(talk.report, () => {});
    throw new MdkError("unavailable", "container-killed", "the container was killed while it was being set up");
  }
  const peers = { pid: created.pid, pidStart: init.startTime, cage: init.parent, cageStart: cage.startTime };
  writeState(directory, { version: STATE_VERSION, protocol: PROTOCOL, boot: bootId(), ...peers, started: context.now().toISOString() });
  talk.health?.(talk.launcher.channel, peers);
  talk.release();
  sayGo(talk.report);
  awaitRunning(talk.report, () => confirmState(directory));
  return created.pid;
}

/** Waits for the namespace, the host's side made ready meanwhile, and joins the two. */
function join(context: Context, begun: Begun, talk: Conversation): CreatedInit {
  const raised = raiseNetwork(context, begun.reservation);
  try {
    const created = awaitCreated(talk.report, talk.launcher);
    try {
      const [namespace, netlink, udp, tcp, firewall] = created.descriptors;
      if (namespace !== undefined && netlink !== undefined) {
        attachNetwork(context, begun, raised, { namespace, netlink }).forEach((text) => talk.warn(text));
        talk.proxy?.beginServing(context, begun, { namespace, netlink }, talk.launcher.channel);
      }
      if (udp !== undefined && tcp !== undefined) talk.giveResolver?.({ udp, tcp, firewall });
    } finally {
      for (const descriptor of created.descriptors) closeSync(descriptor);
    }
    return created;
  } finally {
    if (raised !== null) closeRaised(raised);
  }
}

async function tell(failure: ShimFailure, plan: Run, spec: Spec): Promise<MdkError> {
  const { failureError } = await import("../../runtime/failure.ts");
  return failureError(failure.failed, {
    operation: "run", args: spec.process.args, cwd: spec.process.cwd, steps: plan.steps, text: errnoText,
    sourceOf: (destination) => spec.mounts.find((mount) => mount.type === "bind" && mount.destination === destination)?.source ?? null,
  });
}
