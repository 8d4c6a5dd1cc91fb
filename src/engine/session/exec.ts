/** One more process in a running container, with streams of its own. */
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { Descriptors } from "../../runtime/descriptors.ts";
import { Channel } from "../../runtime/channel.ts";
import { awaitCreated, awaitRunning, pump, sendPlan, ShimFailure, spawnLauncher } from "../../runtime/launch.ts";
import type { Exec } from "../../runtime/plan.ts";
import { attachBits } from "../../runtime/protocol.ts";
import { seccompFilter } from "../../runtime/seccomp.ts";
import { parseSpec } from "../../spec/generate.ts";
import { generateExec } from "../../spec/exec.ts";
import type { Process, Spec } from "../../spec/types.ts";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import { errnoText } from "../../sys/errno.ts";
import { monotonicMs } from "../../sys/clock.ts";
import { openProcess } from "../../sys/pidfd.ts";
import { pollReadable } from "../../sys/poll.ts";
import { socketpair } from "../../sys/socket.ts";
import type { Context } from "../context.ts";
import { chooseOomScore, machine, readCapabilities } from "../host/facts.ts";
import { descriptorsOf, isTerminalJoined, notRead, type Client, type SessionEnd } from "./client.ts";
import { planExecIn } from "../start/exec-plan.ts";
import { userInRoot } from "../host/in-root.ts";
import type { Streaming } from "../start/monitor-plan.ts";
import { newId } from "../host/ids.ts";
import { presentVariables } from "../network/links.ts";
import { restarting } from "../end/words.ts";
import { runPaths } from "../../store/paths.ts";
import { createExecRecord, lockExecRecord, markExecRunning, pruneExecRecords, removeExecRecord, type ExecRequest } from "../../runtime/exec-record.ts";
import { readCondition, type StateFile } from "../../runtime/state.ts";

/** A process that was planned in a running container: its record is there, nothing runs yet. */
export interface PlannedExec {
  readonly id: string;
  readonly container: Container;
  readonly request: ExecRequest;
  /** Where its record lies. */
  readonly directory: string;
}

/** How it is started: who joins it. */
export interface ExecStart {
  readonly detach: boolean;
  readonly detachKeys: Uint8Array;
  readonly client: Client;
}

type ExecOptions = ExecRequest & ExecStart;

/** A process that was killed together with its container: as the shell says SIGKILL. */
const KILLED_CODE = 137;
/** Nobody reads the output any more: as the shell says SIGPIPE. */
const BROKEN_PIPE_CODE = 141;
/** A cage lets go of its namespaces, and loses its init, a moment before it has ended. */
const ENDING_MS = 20;
/**
 * From the plan to the running program. Inside a container a process is in its power: one with CAP_SYS_PTRACE can hold it
 * before its execve, and one whose cgroup is frozen never gets there.
 */
const BEGIN_MS = 10_000;

/** Docker's `exec`: plans, starts, stays, and leaves no record of what it has seen the end of. Returns as `startExec`. */
export async function execInContainer(context: Context, container: Container, request: ExecRequest, start: ExecStart): Promise<SessionEnd> {
  const planned = planExecution(context, container, request);
  const end = await startExec(context, planned, start);
  if (!start.detach && end !== null) removeExecRecord(planned.directory);
  return end;
}

/** Throws MdkError "not-running". */
export function planExecution(context: Context, container: Container, request: ExecRequest): PlannedExec {
  const directory = runPaths(context.runRoot).container(container.id);
  if (container.phase === "restarting") throw restarting(container.id);
  if (readCondition(directory).kind !== "running") throw notRunning(container);
  if (container.paused) throw new MdkError("conflict", "paused", `Container ${container.name} is paused, unpause the container before exec`);
  const id = newId();
  try {
    return { id, container, request, directory: createExecRecord(directory, id, request) };
  } catch (error) {
    // Its directory goes with its end.
    throw readCondition(directory).kind === "running" ? error : notRunning(container);
  }
}

/** Runs it and returns its exit status; 0 at once with `detach`, null when the user detaches. What could not be started leaves no record. */
export async function startExec(context: Context, planned: PlannedExec, start: ExecStart): Promise<SessionEnd> {
  const { container, directory } = planned;
  const options: ExecOptions = { ...planned.request, ...start };
  const opened = new Set<number>();
  const keep = (descriptor: number): number => (opened.add(descriptor), descriptor);
  const release = (descriptor: number): void => {
    opened.delete(descriptor);
    closeSync(descriptor);
  };
  try {
    const session = await begin(context, planned, { ...options, keep, release }).catch((error: unknown) => {
      // One that was started before keeps the record of that start.
      if (!(error instanceof MdkError && error.code === "exec-started")) removeExecRecord(directory);
      throw error;
    });
    try {
      if (options.detach) pruneExecRecords(runPaths(context.runRoot).container(container.id), context.now());
      return options.detach ? 0 : await stay(context, container, session, options);
    } finally {
      session.channel.close();
    }
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

async function begin(context: Context, planned: PlannedExec, work: Omit<Launching, "state" | "cage">): Promise<Session> {
  const { container } = planned;
  const condition = readCondition(runPaths(context.runRoot).container(container.id));
  if (condition.kind !== "running") throw notRunning(container);
  const cage = openProcess(condition.state.cage, condition.state.cageStart);
  if (cage === null) throw notRunning(container);
  work.keep(cage);
  return await launch(context, planned, { ...work, state: condition.state, cage }).catch((error: unknown) => {
    // Whatever went wrong: in a container that is ending, everything does. A pidfd is readable when its process has ended.
    throw pollReadable([cage], ENDING_MS) === null ? error : notRunning(container);
  });
}

function notRunning(container: Container): MdkError {
  return new MdkError("conflict", "not-running", `container ${container.id} is not running`);
}

interface Launching extends ExecOptions {
  readonly state: StateFile;
  /** pidfd. */
  readonly cage: number;
  readonly keep: (descriptor: number) => number;
  /** Closes what was kept. */
  readonly release: (descriptor: number) => void;
}

interface Session {
  readonly channel: Channel;
  /** Our end of the attach socket; null where the monitor serves our descriptors itself. */
  readonly socket: number | null;
}

async function launch(context: Context, { id, container, directory }: PlannedExec, work: Launching): Promise<Session> {
  const launcher = spawnLauncher(context.runRoot, "exec");
  const channel = new Channel(launcher.channel);
  try {
    const { state, keep } = work;
    const init = openProcess(state.pid, state.pidStart);
    if (init === null) throw notRunning(container);
    keep(init);
    const spec = await parseSpec(readFileSync(`${storePaths(context.root).container(container.id)}/config.json`, "utf8"));
    const process = processOf(context, container, spec, work);
    const pair = isPumped(work) ? socketpair() : null;
    if (pair !== null) pair.forEach(keep);
    const [report, theirs] = socketpair();
    keep(report);
    const descriptors = new Descriptors();
    let lock: number;
    let plan: Exec;
    try {
      lock = keep(lockExecRecord(directory, id));
      const record = keep(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
      plan = await makePlan(context, container, { ...work, id, record, lock, init, report: theirs, descriptors, attached: pair?.[1] ?? null, spec, process });
      sendPlan(launcher, { exec: plan }, descriptors.fds);
    } finally {
      closeSync(theirs);
    }
    if (pair !== null) work.release(pair[1]);
    try {
      const deadline = monotonicMs() + BEGIN_MS;
      awaitCreated(report, launcher, deadline);
      awaitRunning(report, () => markExecRunning(lock), deadline);
    } catch (error) {
      throw error instanceof ShimFailure ? await tell(error, plan, process) : error;
    }
    return { channel, socket: pair?.[0] ?? null };
  } catch (error) {
    // Its monitor kills it, even if it has begun by now.
    channel.giveUp();
    channel.close();
    throw error;
  }
}

/** The streams go through an attach socket and the pump, not to the monitor itself. */
function isPumped({ client, detach, terminal, interactive }: ExecOptions): boolean {
  return !detach && (terminal || isTerminalJoined({ client, stdin: interactive, stdout: true, stderr: true }));
}

/** The user's names are looked up in the running container's own files. */
function processOf(context: Context, container: Container, spec: Spec, { state, ...options }: Launching): Process {
  const capabilities = readCapabilities();
  const root = openSync(`/proc/${state.pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const user = userIn(root, options.user ?? container.config.User, container.host.GroupAdd ?? []);
    return generateExec(spec, {
      args: options.args, variables: presentVariables(context, container), containerEnv: container.config.Env, env: options.env, workdir: options.workdir, user, tty: options.terminal,
      privileged: options.privileged, oomScore: chooseOomScore(capabilities),
    }, capabilities);
  } finally {
    closeSync(root);
  }
}

/** For Docker a user that the container does not have is a program that cannot be executed. */
function userIn(root: number, word: string, groupAdd: readonly string[]): ReturnType<typeof userInRoot> {
  try {
    return userInRoot(root, word, groupAdd);
  } catch (error) {
    if (!(error instanceof MdkError)) throw error;
    throw new MdkError("not-executable", error.code, error.message, { cause: error, ...(error.hint === null ? {} : { hint: error.hint }) });
  }
}

interface PlanInput extends Launching {
  readonly id: string;
  /** The directory of its record. */
  readonly record: number;
  readonly lock: number;
  readonly init: number;
  readonly report: number;
  readonly descriptors: Descriptors;
  /** The monitor's end of the attach socket. */
  readonly attached: number | null;
  readonly spec: Spec;
  readonly process: Process;
}

async function makePlan(context: Context, container: Container, input: PlanInput): Promise<Exec> {
  const { process, spec } = input;
  const [stdin, stdout, stderr] = descriptorsOf(input.client);
  const handed = (wanted: boolean, descriptor: number): number | null => (wanted && input.attached === null && !input.detach ? descriptor : null);
  const streaming: Streaming = {
    terminal: input.terminal, openStdin: input.interactive, stdinOnce: true,
    stdin: handed(input.interactive, stdin), stdout: handed(true, stdout), stderr: handed(true, stderr),
    client: input.attached === null ? null : { socket: input.attached, streams: attachBits({ stdin: input.interactive, stdout: true, stderr: true }) },
    clientCleans: !input.detach,
  };
  const filter = input.privileged ? null : await seccompFilter(spec, machine(), process.capabilities.bounding);
  return planExecIn(context, container, { ...input, streaming, filter, pid: input.state.pid, window: input.terminal ? input.client.window() : null });
}

async function tell(failure: ShimFailure, plan: Exec, process: Process): Promise<MdkError> {
  const { failureError } = await import("../../runtime/failure.ts");
  return failureError(failure.failed, { operation: "exec", args: process.args, cwd: process.cwd, steps: plan.steps, text: errnoText, sourceOf: () => null });
}

/** Until the process has ended: its monitor says so, or dies with the container. */
async function stay(context: Context, container: Container, { channel, socket }: Session, options: ExecOptions): Promise<SessionEnd> {
  const { client, interactive, terminal } = options;
  if (socket !== null) {
    const flags = `${terminal && interactive && client.stdin.terminal ? "r" : ""}${interactive ? "i" : ""}${terminal && client.stdout.terminal ? "w" : ""}`;
    const end = await pump(context.runRoot, { flags, detachKeys: options.detachKeys, socket, streams: descriptorsOf(client) });
    if (end.kind === "detached") return end.signalled;
  }
  const exited = await channel.exited();
  if (exited === "stalled") throw notRead(container.id);
  if (exited === "cut") return BROKEN_PIPE_CODE;
  channel.sayCleaned();
  if (exited?.pending === true) await channel.ended();
  return exited?.code ?? KILLED_CODE;
}
