/**
 * Bringing a container to rest: what it held of the host is given back, its end is noted, or it is removed. Done by the
 * client that waited for it, by `container cleanup` that a monitor starts, and by the next command for what a killed
 * command or monitor left (reconcile). Every step can be repeated; the row changes last, so nothing is ever left that no
 * row names.
 */
import { HEALTH_FILES } from "../../runtime/health.ts";
import { removeExecRecords } from "../../runtime/exec-record.ts";
import { closeSync, existsSync, lstatSync, mkdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { removeGroup } from "../../cgroup/group.ts";
import { killGroup } from "../../cgroup/kill.ts";
import { removeView } from "../../runtime/names.ts";
import { isHeld, opLockPath, readCondition, runLockPath, runRootError, type Condition } from "../../runtime/state.ts";
import { deleteContainer, markEnded, markGivenUp, markRemoving, type End, type Restart } from "../../store/container-life.ts";
import { listActive, readContainer, sampleActive, type Active, type Container } from "../../store/containers.ts";
import { checkpoint } from "../../store/database.ts";
import { isUpperInUse } from "../../layer/overlay.ts";
import { isForsaken } from "../../store/images.ts";
import { runPaths, storePaths } from "../../store/paths.ts";
import { prune } from "../../store/prune.ts";
import { lockFile, tryLockFile } from "../../sys/lock.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { removeOwnVolumes } from "../volume/remove.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { Context } from "../context.ts";
import { awaitReleased, hasMonitor } from "./end.ts";
import { holdersOf } from "./holders.ts";
import { logName, tellLost } from "./log-file.ts";
import { newId } from "../host/ids.ts";
import { withdraw } from "../network/names.ts";
import { detachNetwork } from "../network/network.ts";
import { findOrphans, isContainerId } from "./orphans.ts";
import { decideRestart } from "./restart.ts";
import { LOST_CODE } from "./status.ts";

/** Who works on a container is waited for so long. */
const OP_LOCK_MS = 10_000;

/**
 * The op lock of a container, its directory made when it is missing. Null without `wait` when somebody holds it; with it that
 * one is waited for, not for ever: MdkError "container-busy" says who it is.
 */
export function takeOpLock(context: Context, id: string, wait: boolean): number | null {
  const directory = runPaths(context.runRoot).container(id);
  const path = opLockPath(directory);
  const until = monotonicMs() + OP_LOCK_MS;
  for (;;) {
    try {
      makeRunRoot(context.runRoot);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      if (!wait) return tryLockFile(path);
      const lock = lockFile(path, until - monotonicMs());
      if (typeof lock === "number") return lock;
      if (lock === "held") throw new MdkError("conflict", "container-busy", `container ${id} has been worked on by somebody else for ${OP_LOCK_MS / 1000} seconds: ${holdersOf(path)}`, { hint: "wait for it, or end it, and try again" });
    } catch (error) {
      // Removed meanwhile by who removed the container; EEXIST: between the mkdir(2) and the stat(2) of mkdirSync.
      const { code } = error as { code?: string };
      const again = code === "ENOENT" || (code === "EEXIST" && statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== false);
      if (!again) throw error;
      if (monotonicMs() >= until) throw error;
    }
  }
}

/** Whoever makes it: others may pass through, to what is theirs (store/paths.ts). Throws "run-root" where it cannot be. */
function makeRunRoot(path: string): void {
  if (existsSync(path)) return;
  try {
    mkdirSync(path, { recursive: true, mode: 0o711 });
  } catch (error) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) throw new MdkError("exhausted", "run-root", `the run root ${path} is a symbolic link that leads nowhere`, { cause: error, hint: "make the directory that it names, or choose another one with --run-root" });
    if ((error as { code?: string }).code !== "EEXIST") throw runRootError(error); // made meanwhile, and taken away again
  }
}

/** Closes a descriptor, or lets somebody else close it: detachNetwork's socket takes the kernel 10 ms. */
type Close = (descriptor: number) => void;

/** Settles one container, waiting for who works on it. A running one, or one that is gone, is left alone. */
export function settle(context: Context, id: string, close: Close = closeSync): void {
  // Removed meanwhile, whole: the lock would make its directory anew for a moment.
  if (readContainer(context.database(), id) === null && !existsSync(runPaths(context.runRoot).container(id))) return;
  const lock = takeOpLock(context, id, true)!;
  try {
    settleLocked(context, id, close);
  } finally {
    closeSync(lock);
  }
}

/**
 * The same for who holds the op lock: its own set-up has failed, or it is about to start or remove the container. Throws "container-elsewhere"
 * for one that runs where this run root does not see it.
 */
export function settleLocked(context: Context, id: string, close: Close = closeSync): void {
  const container = readContainer(context.database(), id);
  if (container === null) return removeRunDirectory(context, id);
  if (container.phase === "removing") return removeLocked(context, container);
  if (container.phase === "restarting" && isForgotten(context, container)) return markGivenUp(context.database(), id, null);
  if (container.phase !== "started") return;
  // Under our own op lock nobody else starts it: "starting" then means that its monitor lives.
  const condition = readCondition(runPaths(context.runRoot).container(id), { ownOpLock: true });
  if (condition.kind === "running" || condition.kind === "starting") return;
  // The run root knows nothing of it: a reboot emptied it, or it is not the one of that start.
  if (condition.kind === "lost" && condition.state === null && isUpperInUse(`${storePaths(context.root).container(id)}/upper`)) {
    throw new MdkError("conflict", "container-elsewhere", `container ${id} runs in another job, or with another --run-root, that has the data root ${context.root} too`, { hint: "stop it there; or choose another --root here" });
  }
  const vanishes = condition.kind === "ended" || condition.kind === "lost" ? container.host.AutoRemove : container.transient;
  if (vanishes) return removeLocked(context, container, { close });
  releaseHost(context, container, condition, close);
  if (condition.kind === "ended" && condition.record.lost > 0) {
    tellLost(`${storePaths(context.root).container(id)}/${logName(id)}`, { lines: condition.record.lost, time: condition.record.finished });
  }
  const end = endOf(context, container, condition);
  removeExecRecords(runPaths(context.runRoot).container(id));
  markEnded(context.database(), id, phaseAfter(context, container, condition, end), end);
  checkpoint(context.database());
}

/** Only a monitor that saw the end is there to start it again. */
function phaseAfter(context: Context, container: Container, { kind }: Condition, end: End): "created" | "exited" | Restart {
  if (end.started === null) return "created";
  const { host: { RestartPolicy: policy }, stopped, restarts, restartDoublings: lastDoublings } = container;
  if (kind !== "ended" || policy.Name === "no") return "exited";
  const wait = decideRestart({ policy, code: end.code, stopped, restarts, lastDoublings, ranMs: Date.parse(end.finished) - Date.parse(end.started) });
  return wait === null ? "exited" : { atMs: context.now().getTime() + wait.ms, doublings: wait.doublings };
}

/** A restart is so long overdue that whoever was to do it may be gone: the monitor was killed, or the host has booted. */
const FORGOTTEN_MS = 15_000;

/** By the clock alone one that lives would be, too: it was set, or the host slept, which monitors' clocks do not count. */
const isForgotten = (context: Context, container: Pick<Container, "id" | "restartAtMs">): boolean =>
  context.now().getTime() > container.restartAtMs + FORGOTTEN_MS && !hasMonitor(context, container);

function endOf(context: Context, container: Container, condition: Condition): End {
  const started = "state" in condition ? (condition.state?.started ?? null) : null;
  if (condition.kind === "ended") {
    return { started: started ?? condition.record.finished, finished: condition.record.finished, code: condition.record.code, oom: condition.record.oom, error: container.error };
  }
  const finished = context.now().toISOString();
  if (condition.kind === "lost") return { started: started ?? container.started ?? new Date(container.createdMs).toISOString(), finished, code: LOST_CODE, oom: false, error: container.error };
  return { started, finished, code: container.code, oom: false, error: container.error };
}

/** Gives back what the container holds of the host: its names, published ports, cgroups. Its veth died with its namespace. */
function releaseHost(context: Context, container: Container, condition: Condition, close: Close): void {
  withdraw(context, container);
  removeView(context.runRoot, container.id);
  const firewall = detachNetwork(context, container);
  if (firewall !== null) close(firewall);
  // Of a store from before rows had it: nobody knows where it was; `clean` finds it below the parent.
  if (container.cgroup === "") return;
  const cgroups = context.cgroups();
  // A monitor that wrote its record saw the last process go: with the pid namespace, else as far as it could be killed.
  if (condition.kind !== "ended" || container.host.PidMode !== "") killGroup(cgroups, container.cgroup);
  removeGroup(cgroups, container.cgroup);
}

export interface Removing {
  readonly close?: Close;
  /** Its anonymous volumes go with it: the way of --rm, of a start that failed whole, and of `rm -v`. */
  readonly takesVolumes?: boolean;
}

/**
 * Removes a container that does not run: under its op lock, its mounts released. First it is marked, so that a removal
 * that is cut off is finished by the next command; then everything goes, the row last, and after it an image that came for this container alone.
 */
export function removeLocked(context: Context, container: Container, { close = closeSync, takesVolumes = container.host.AutoRemove || container.transient }: Removing = {}): void {
  awaitReleased(context, container.id);
  if (container.phase !== "removing" && !container.transient && !container.host.AutoRemove) mark(context, container.id, takesVolumes);
  const condition = readCondition(runPaths(context.runRoot).container(container.id), { ownOpLock: true });
  releaseHost(context, container, condition, close);
  if (takesVolumes) removeOwnVolumes(context, container);
  removeTree(storePaths(context.root).container(container.id));
  deleteContainer(context.database(), container.id, container.phase === "started" ? endOf(context, container, condition) : null);
  removeRunDirectory(context, container.id);
  if (isForsaken(context.database(), container.image)) prune(storePaths(context.root), context.database());
  checkpoint(context.database());
}

/** On a full disk nothing can be marked: the files go all the same, and make room for the row's end. */
function mark(context: Context, id: string, whole: boolean): void {
  try {
    markRemoving(context.database(), id, { whole });
  } catch (error) {
    if (!(error instanceof MdkError && error.code === "store-full")) throw error;
  }
}

/** What a past run left in the run directory; the locks stay. */
export function clearRunDirectory(context: Context, id: string): void {
  const directory = runPaths(context.runRoot).container(id);
  for (const name of ["state.json", "state.new", "exit", "exit.tmp", "attach", ...HEALTH_FILES]) rmSync(`${directory}/${name}`, { force: true });
  removeExecRecords(directory);
}

/**
 * The run directory of a container that has no row; under its op lock. The lock's own name goes last: who waits for it finds
 * out, and may make a lock of its own here before the directory is gone, which then stays.
 */
export function removeRunDirectory(context: Context, id: string): void {
  const directory = runPaths(context.runRoot).container(id);
  clearRunDirectory(context, id);
  removeView(context.runRoot, id);
  rmSync(runLockPath(directory), { force: true });
  rmSync(opLockPath(directory), { force: true });
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
  }
}

/** Of the active containers, a start looks at so many in passing: its cost must not grow with what runs. */
const IN_PASSING = 16;

export interface Reconciling {
  /** Every container is looked at, and the run directory, which costs time for each that runs. Without it a few are, others each time. */
  readonly all?: boolean;
  /** Those whose end is just being noted are waited for. */
  readonly wait?: boolean;
  /** Takes what cannot be dealt with (a process that cannot be killed, a file that cannot be removed): not the business of the command that came upon it. */
  readonly problem?: (error: unknown) => void;
}

/**
 * Deals with what killed commands and monitors left of this root: containers whose start or end nobody noted, removals that
 * were cut off, run directories without a container. Who is being worked on is skipped. True when anything was done; what cannot be
 * dealt with is tried again by the next command.
 */
export function reconcile(context: Context, { all = false, wait = false, problem = () => {} }: Reconciling = {}): boolean {
  const attempt = (work: () => boolean): boolean => {
    try {
      return work();
    } catch (error) {
      problem(error);
      return false;
    }
  };
  let done = false;
  const active = all ? listActive(context.database()) : sampleActive(context.database(), newId().slice(0, 8), IN_PASSING);
  for (const container of active) done = attempt(() => reconcileOne(context, container, wait)) || done;
  if (!all && active.length >= IN_PASSING) return done;
  return attempt(() => removeOrphans(context, new Set(active.map(({ id }) => id)))) || done;
}

function reconcileOne(context: Context, container: Active, wait: boolean): boolean {
  const directory = runPaths(context.runRoot).container(container.id);
  // Nearly all of them, at every start: one look must do.
  if (container.phase === "started" && !wait && isHeld(directory)) return false;
  const condition = container.phase === "started" ? readCondition(directory) : null;
  const ended = condition?.kind === "ended";
  if (condition?.kind === "running" || condition?.kind === "starting") return false;
  if (container.phase === "restarting" && !isForgotten(context, container)) return false;
  const lock = takeOpLock(context, container.id, wait && ended);
  if (lock === null) return false;
  try {
    settleLocked(context, container.id);
    return true;
  } finally {
    closeSync(lock);
  }
}

function removeOrphans(context: Context, known: ReadonlySet<string>): boolean {
  let done = false;
  for (const name of findOrphans(context, known)) {
    if (!isContainerId(name)) {
      rmSync(`${context.runRoot}/${name}`, { force: true });
      continue;
    }
    const lock = takeOpLock(context, name, false);
    if (lock === null) continue;
    try {
      if (readContainer(context.database(), name) === null) removeRunDirectory(context, name);
      done = true;
    } finally {
      closeSync(lock);
    }
  }
  return done;
}
