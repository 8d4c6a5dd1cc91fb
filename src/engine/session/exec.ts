/** One more process in a running container, with streams of its own. */
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { EXIT, MdkError } from "../../error.ts";
import { describe, monitorGroup } from "../../cgroup/group.ts";
import { failureError } from "../../runtime/failure.ts";
import { Descriptors } from "../../runtime/descriptors.ts";
import { awaitCreated, awaitExited, awaitRunning, pump, sayCleaned, sendPlan, ShimFailure, spawnLauncher, type Launcher } from "../../runtime/launch.ts";
import type { Exec } from "../../runtime/plan.ts";
import { planExec } from "../../runtime/planner.ts";
import { seccompFilter } from "../../runtime/seccomp.ts";
import { generateExec } from "../../spec/exec.ts";
import type { Process, Spec } from "../../spec/types.ts";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import { errnoText } from "../../sys/errno.ts";
import { openProcess } from "../../sys/pidfd.ts";
import { pollReadable } from "../../sys/poll.ts";
import { socketpair } from "../../sys/socket.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import type { Context } from "../context.ts";
import { chooseOomScore, readCapabilities } from "../host/facts.ts";
import { attachBits, type ForegroundEnd } from "./foreground.ts";
import { planMonitor, type Streaming } from "../start/monitor-plan.ts";
import { newId } from "../host/ids.ts";
import { userOf } from "../start/prepare.ts";
import { machine } from "../start/run-plan.ts";
import { runPaths } from "../../store/paths.ts";
import { readCondition, type StateFile } from "../../runtime/state.ts";

export interface ExecOptions {
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Null: the container's own. */
  readonly workdir: string | null;
  readonly user: string | null;
  readonly privileged: boolean;
  readonly terminal: boolean;
  readonly interactive: boolean;
  readonly detach: boolean;
  readonly detachKeys: Uint8Array;
}

/** A process that was killed together with its container: as the shell says SIGKILL. */
const KILLED_CODE = 137;
/** Nobody reads the output any more: as the shell says SIGPIPE. */
const BROKEN_PIPE_CODE = 141;
/** A cage lets go of its namespaces, and loses its init, a moment before it has ended. */
const ENDING_MS = 20;

/** Runs the command and returns its exit status; 0 at once with `detach`, null when the user detaches. */
export async function execInContainer(context: Context, container: Container, options: ExecOptions): Promise<ForegroundEnd> {
  const condition = readCondition(runPaths(context.runRoot).container(container.id));
  if (condition.kind !== "running") throw notRunning(container);
  const opened = new Set<number>();
  const keep = (descriptor: number): number => (opened.add(descriptor), descriptor);
  try {
    const cage = openProcess(condition.state.cage, condition.state.cageStart);
    if (cage === null) throw notRunning(container);
    keep(cage);
    const session = await launch(context, container, { ...options, state: condition.state, cage, keep }).catch((error: unknown) => {
      // Whatever went wrong: in a container that is ending, everything does. A pidfd is readable when its process has ended.
      throw pollReadable([cage], ENDING_MS) === null ? error : notRunning(container);
    });
    return options.detach ? 0 : await stay(context, session, options);
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

function notRunning(container: Container): MdkError {
  return new MdkError("not-running", `container ${container.id} is not running`);
}

interface Launching extends ExecOptions {
  readonly state: StateFile;
  /** pidfd. */
  readonly cage: number;
  readonly keep: (descriptor: number) => number;
}

interface Session {
  readonly launcher: Launcher;
  /** Our end of the attach socket; null where the monitor serves our descriptors itself. */
  readonly socket: number | null;
}

async function launch(context: Context, container: Container, work: Launching): Promise<Session> {
  const { state, keep } = work;
  const launcher = spawnLauncher(context.runRoot, "exec");
  const init = openProcess(state.pid, state.pidStart);
  if (init === null) throw notRunning(container);
  keep(init);
  const spec = JSON.parse(readFileSync(`${storePaths(context.root).container(container.id)}/config.json`, "utf8")) as Spec;
  const process = processOf(container, spec, work);
  const pumped = !work.detach && (work.terminal || (work.interactive && isTerminal(0)) || isTerminal(1) || isTerminal(2));
  const pair = pumped ? socketpair() : null;
  if (pair !== null) keep(pair[0]);
  if (pair !== null) keep(pair[1]);
  const [report, theirs] = socketpair();
  keep(report);
  const descriptors = new Descriptors();
  const plan = await makePlan(context, container, { ...work, init, report: theirs, descriptors, client: pair?.[1] ?? null, pumped, spec, process });
  try {
    sendPlan(launcher, { exec: plan }, descriptors.fds);
  } finally {
    closeSync(theirs);
  }
  try {
    awaitCreated(report, launcher);
    awaitRunning(report, () => {});
  } catch (error) {
    sayCleaned(launcher.channel);
    throw error instanceof ShimFailure ? tell(error, plan, process) : error;
  }
  return { launcher, socket: pair?.[0] ?? null };
}

/** The user's names are looked up in the running container's own files. */
function processOf(container: Container, spec: Spec, { state, ...options }: Launching): Process {
  const capabilities = readCapabilities();
  const root = openSync(`/proc/${state.pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const user = userIn(root, options.user ?? container.config.User, container.host.GroupAdd ?? []);
    return generateExec(spec, {
      args: options.args, containerEnv: container.config.Env, env: options.env, workdir: options.workdir, user, tty: options.terminal,
      privileged: options.privileged, oomScore: chooseOomScore(capabilities),
    }, capabilities);
  } finally {
    closeSync(root);
  }
}

/** Docker's status for a user that the container does not have: 126. */
function userIn(root: number, word: string, groupAdd: readonly string[]): ReturnType<typeof userOf> {
  try {
    return userOf(root, word, groupAdd);
  } catch (error) {
    if (!(error instanceof MdkError)) throw error;
    throw new MdkError(error.code, error.message, { status: EXIT.cannotInvoke, cause: error, ...(error.hint === null ? {} : { hint: error.hint }) });
  }
}

interface PlanInput extends Launching {
  readonly init: number;
  readonly report: number;
  readonly descriptors: Descriptors;
  /** The monitor's end of the attach socket. */
  readonly client: number | null;
  readonly pumped: boolean;
  readonly spec: Spec;
  readonly process: Process;
}

async function makePlan(context: Context, container: Container, input: PlanInput): Promise<Exec> {
  const { descriptors, keep, process, spec } = input;
  const cgroups = context.cgroups();
  const group = describe(cgroups, container.cgroup);
  const open = (path: string, flags: number): number => descriptors.add(keep(openSync(path, flags)));
  const handed = (wanted: boolean, descriptor: number): number | null => (wanted && !input.pumped && !input.detach ? descriptor : null);
  const attached = !input.detach;
  const streaming: Streaming = {
    terminal: input.terminal, openStdin: input.interactive, stdinOnce: true,
    stdin: handed(input.interactive, 0), stdout: handed(attached, 1), stderr: handed(attached, 2),
    client: input.client === null ? null : { socket: input.client, streams: attachBits({ stdin: input.interactive, stdout: true, stderr: true }) },
    clientCleans: attached,
  };
  const monitor = planMonitor({
    descriptors, keep, streaming, monitorGroup: monitorGroup(cgroups, dirname(container.cgroup)), listener: null, record: null, oomFile: null, holds: [],
    log: null, cleanup: [], tellAfterCleanup: false,
  });
  const filter = input.privileged ? null : await seccompFilter(spec, machine(), process.capabilities.bounding);
  return planExec({
    id: newId(), spec, process, monitor, cage: descriptors.add(input.cage), init: descriptors.add(input.init), report: descriptors.add(input.report),
    cgroup: {
      v2: group.v2 === null ? null : open(group.v2, constants.O_RDONLY | constants.O_DIRECTORY),
      tasks: group.tasks.map((path) => open(path, constants.O_WRONLY)),
    },
    keyrings: keyrings(), filter, window: input.terminal ? windowSize(1) : null,
  });
}

function keyrings(): boolean {
  try {
    closeSync(openSync("/proc/keys", "r"));
    return true;
  } catch {
    return false;
  }
}

function tell(failure: ShimFailure, plan: Exec, process: Process): MdkError {
  return failureError(failure.failed, { operation: "exec", args: process.args, cwd: process.cwd, steps: plan.steps, text: errnoText, sourceOf: () => null });
}

/** Until the process has ended: its monitor says so, or dies with the container. */
async function stay(context: Context, { launcher, socket }: Session, options: ExecOptions): Promise<ForegroundEnd> {
  if (socket !== null) {
    const raw = options.terminal && options.interactive && isTerminal(0);
    const flags = `${raw ? "r" : ""}${options.interactive ? "i" : ""}${options.terminal && isTerminal(1) ? "w" : ""}`;
    const end = await pump(context.runRoot, { flags, detachKeys: options.detachKeys, socket });
    if (end.kind === "detached") return end.signalled;
  }
  const exited = await awaitExited(launcher.channel);
  if (exited === "cut") {
    closeSync(launcher.channel);
    return BROKEN_PIPE_CODE;
  }
  sayCleaned(launcher.channel);
  return exited?.code ?? KILLED_CODE;
}
