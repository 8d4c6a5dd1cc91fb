/**
 * The conversation with a shim that starts something: spawn, hand over the plan, hear `created`, say go, hear whether the
 * program runs. The order is drawn in plan.ts; how it ended is heard over the channel (channel.ts).
 */
import { closeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { monotonicMs } from "../sys/clock.ts";
import { SysError } from "../sys/ffi.ts";
import { memfd } from "../sys/memfd.ts";
import { pollReadable } from "../sys/poll.ts";
import { spawnDescriptor, type Child } from "../sys/process.ts";
import { MAX_DESCRIPTORS, receiveWithDescriptors, sendWithDescriptors, socketpair } from "../sys/socket.ts";
import { receiveReport } from "./channel.ts";
import type { Failed, Plan } from "./plan.ts";
import { openShim } from "./shim.ts";

/** The shim refuses a longer plan. */
const PLAN_BYTES_MAX = 4 << 20;

/** A shim that waits for its plan: started early, so that its exec runs beside our own work. */
export interface Launcher {
  /** SOCK_SEQPACKET to the launcher, later to the monitor. */
  readonly channel: number;
}

/** Starts the shim's `run` or `exec` face. */
export function spawnLauncher(runRoot: string, face: "run" | "exec"): Launcher {
  const [channel, theirs] = socketpair();
  try {
    spawnDescriptor(openShim(runRoot), ["mdk-shim", face], ["ignore", "ignore", "ignore", theirs]).unref();
  } finally {
    closeSync(theirs);
  }
  return { channel };
}

/** A plan as the shim takes it: a memfd, the caller's to close, and its length, four bytes. */
export function encodePlan(plan: Plan): { readonly file: number; readonly length: Uint8Array } {
  const text = Buffer.from(JSON.stringify(plan));
  if (text.length > PLAN_BYTES_MAX) throw new MdkError("invalid", "plan-too-long", `arguments, environment and mounts need ${text.length} bytes, more than the ${PLAN_BYTES_MAX} allowed`);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return { file: memfd("mdk-plan", text), length };
}

/** Hands over the plan and copies of the descriptors it refers to by index. */
export function sendPlan(launcher: Launcher, plan: Plan, descriptors: readonly number[]): void {
  if (descriptors.length + 1 > MAX_DESCRIPTORS) throw new MdkError("invalid", "too-many-descriptors", `too many mounts and published ports: ${descriptors.length} descriptors, at most ${MAX_DESCRIPTORS - 1}`);
  const { file, length } = encodePlan(plan);
  try {
    sendWithDescriptors(launcher.channel, length, [file, ...descriptors]);
  } catch (error) {
    // Killed before it could say anything: awaitCreated tells.
    if (!(error instanceof SysError) || error.code !== "EPIPE") throw error;
  } finally {
    closeSync(file);
  }
}

export interface CreatedInit {
  /** Host pid of init, or of the exec'd process. */
  readonly pid: number;
  /** Of the new network namespace, when the step asked for them: [namespace, netlink socket, and those of a resolver] (plan.ts, Created). The caller closes them. */
  readonly descriptors: readonly number[];
}

/** A step failed: told to the user by failure.ts. */
export class ShimFailure extends Error {
  readonly failed: Failed;

  constructor(failed: Failed) {
    super(`${failed.step}: ${failed.call} ${failed.object}: errno ${failed.errno}`);
    this.failed = failed;
  }
}

/** No limit, or a point of time by `monotonicMs`: what a container's own processes may hold up is not waited for without one. */
export type Deadline = number | null;

/** As receiveReport. Throws MdkError "launch-timeout" when the time is over. */
function receiveBy(socket: number, maxFds: number, deadline: Deadline): ReturnType<typeof receiveReport> {
  if (deadline !== null && pollReadable([socket], Math.max(0, Math.ceil(deadline - monotonicMs()))) === null) {
    throw new MdkError("unavailable", "launch-timeout", "the process did not begin in time", { hint: "is it held by a tracer in the container, or is the container's cgroup frozen?" });
  }
  return receiveReport(socket, maxFds);
}

/** Most that come with `created`. */
const CREATED_DESCRIPTORS = 5;

/** Waits until the new process exists. Throws ShimFailure, or MdkError when the shim died without a word. */
export function awaitCreated(report: number, launcher: Launcher, deadline: Deadline = null): CreatedInit {
  const { report: message, descriptors } = receiveBy(report, CREATED_DESCRIPTORS, deadline);
  if (message !== null && "created" in message) return { pid: message.created.pid, descriptors };
  for (const descriptor of descriptors) closeSync(descriptor);
  if (message !== null && "failed" in message) throw new ShimFailure(message.failed);
  const { report: last } = receiveBy(launcher.channel, 0, deadline);
  if (last !== null && "failed" in last) throw new ShimFailure(last.failed);
  throw new MdkError("unavailable", "shim-died", "the shim ended before the container was made", { hint: "was it killed? try again" });
}

/** "Go": one exact byte; end of file instead means abort. Whoever failed already is gone: its `failed` comes next. */
export function sayGo(report: number): void {
  try {
    sendWithDescriptors(report, Buffer.from("g"), []);
  } catch (error) {
    if (!(error instanceof SysError) || error.code !== "EPIPE") throw error;
  }
}

/** Waits until the program runs: `ready`, then end of file. Throws ShimFailure. Null report: the process was killed. */
export function awaitRunning(report: number, onReady: () => void, deadline: Deadline = null): void {
  let ready = false;
  for (;;) {
    const { report: message } = receiveBy(report, 0, deadline);
    if (message === null) {
      if (ready) return;
      throw new MdkError("unavailable", "container-killed", "the container was killed while it was being set up");
    }
    if ("failed" in message) throw new ShimFailure(message.failed);
    if ("ready" in message) {
      ready = true;
      onReady();
    }
  }
}

export interface PumpOptions {
  /** Letters of the pump face: r raw terminal, i forward stdin, s signals are ours to pass on, w window size, d a redraw first. */
  readonly flags: string;
  /** Bytes that detach; empty: none do. */
  readonly detachKeys: Uint8Array;
  /** The user's stdin, stdout and stderr. */
  readonly streams: readonly [number, number, number];
  /** The attach socket, hello said. */
  readonly socket: number;
}

/**
 * How an attached session ended. `signalled`: 128 and the number of the signal that ended the client's side, else the keys
 * did. `lost`: the monitor is gone, or has let this client go. `foreign`: it speaks another version of the protocol.
 */
export type PumpEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "detached"; readonly signalled: number | null }
  | { readonly kind: "foreign"; readonly protocol: number }
  | { readonly kind: "lost" };

/** Runs the client side of a terminal or attach socket in our own process group until it ends. Closes none of what it is given. */
export async function pump(runRoot: string, options: PumpOptions): Promise<PumpEnd> {
  const [mine, theirs] = socketpair();
  try {
    let child: Child;
    try {
      const keys = Buffer.from(options.detachKeys).toString("hex");
      child = spawnDescriptor(openShim(runRoot), ["mdk-shim", "pump", options.flags, keys], [...options.streams, options.socket, theirs]);
    } finally {
      closeSync(theirs);
    }
    await child.exited;
    return pumpEnd(receiveWithDescriptors(mine, 16, 0).bytes);
  } finally {
    closeSync(mine);
  }
}

function pumpEnd(told: Uint8Array): PumpEnd {
  switch (String.fromCharCode(told[0] ?? 0)) {
    case "x":
      return { kind: "exited", code: told[1] ?? 255 };
    case "d":
      return { kind: "detached", signalled: told[1] ?? null };
    case "h":
      return { kind: "foreign", protocol: told[1]! | (told[2]! << 8) };
    default:
      return { kind: "lost" };
  }
}

/** A monitor that was told to go kills and closes what it has; longer than this and something hangs in the kernel. */
const DRAIN_MS = 10_000;

/** Reads away what is left on a channel until the monitor has ended. */
export function drainChannel(channel: number): void {
  while (pollReadable([channel], DRAIN_MS) !== null && receiveReport(channel, 4).report !== null);
}
