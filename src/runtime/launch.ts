/**
 * The conversation with a shim that starts something: spawn, hand over the plan, hear `created`, say go, hear whether the
 * program runs; and later how it ended. The order is drawn in plan.ts.
 */
import { closeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { SysError } from "../sys/ffi.ts";
import { memfd } from "../sys/memfd.ts";
import { pollReadable } from "../sys/poll.ts";
import { spawnDescriptor, type Child } from "../sys/process.ts";
import { MAX_DESCRIPTORS, receiveWithDescriptors, sendWithDescriptors, socketpair } from "../sys/socket.ts";
import type { Exited, Failed, Plan, Report } from "./plan.ts";
import { openShim } from "./shim.ts";

/** The shim refuses a longer plan. */
const PLAN_BYTES_MAX = 4 << 20;
const REPORT_BYTES_MAX = 8192;

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

/** Hands over the plan and copies of the descriptors it refers to by index. */
export function sendPlan(launcher: Launcher, plan: Plan, descriptors: readonly number[]): void {
  const text = Buffer.from(JSON.stringify(plan));
  if (text.length > PLAN_BYTES_MAX) throw new MdkError("plan-too-long", `arguments, environment and mounts need ${text.length} bytes, more than the ${PLAN_BYTES_MAX} allowed`);
  if (descriptors.length + 1 > MAX_DESCRIPTORS) throw new MdkError("too-many-descriptors", `too many mounts and published ports: ${descriptors.length} descriptors, at most ${MAX_DESCRIPTORS - 1}`);
  const file = memfd("mdk-plan", text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
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
  /** Of the new network namespace, when the step asked for them: [namespace, netlink socket]. The caller closes them. */
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

/** The next report; null at the end. */
function receive(socket: number, maxFds: number): { report: Report | null; descriptors: number[] } {
  for (;;) {
    try {
      const { bytes, descriptors } = receiveWithDescriptors(socket, REPORT_BYTES_MAX, maxFds);
      return { report: bytes.length === 0 ? null : (JSON.parse(Buffer.from(bytes).toString("utf8")) as Report), descriptors };
    } catch (error) {
      // The far end closed without having read our "go". Told once, and before what it said: that is still in the queue.
      if (!(error instanceof SysError) || error.code !== "ECONNRESET") throw error;
    }
  }
}

/** Waits until the new process exists. Throws ShimFailure, or MdkError when the shim died without a word. */
export function awaitCreated(report: number, launcher: Launcher): CreatedInit {
  const { report: message, descriptors } = receive(report, 4);
  if (message !== null && "created" in message) return { pid: message.created.pid, descriptors };
  for (const descriptor of descriptors) closeSync(descriptor);
  if (message !== null && "failed" in message) throw new ShimFailure(message.failed);
  const { report: last } = receive(launcher.channel, 0);
  if (last !== null && "failed" in last) throw new ShimFailure(last.failed);
  throw new MdkError("shim-died", "the shim ended before the container was made", { hint: "was it killed? try again" });
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
export function awaitRunning(report: number, onReady: () => void): void {
  let ready = false;
  for (;;) {
    const { report: message } = receive(report, 0);
    if (message === null) {
      if (ready) return;
      throw new MdkError("container-killed", "the container was killed while it was being set up");
    }
    if ("failed" in message) throw new ShimFailure(message.failed);
    if ("ready" in message) {
      ready = true;
      onReady();
    }
  }
}

/** Most short programs end within this: no event loop is set up for them, and a signal is passed on this much later. */
const BLOCKING_MS = 30;

/** How a wait ended: `cut`, nobody reads what the program writes to this command's output; null, the monitor was killed. */
export type Waited = Exited | "cut" | null;

/** Waits for the monitor's word that it is over. Leaves the event loop free for signals. */
export async function awaitExited(channel: number): Promise<Waited> {
  if (pollReadable([channel], BLOCKING_MS) !== null) return waitedOf(receive(channel, 0).report);
  const { promise, resolve } = Promise.withResolvers<Waited>();
  await Bun.connect({
    // Not in Bun's types: an existing descriptor instead of an address.
    ...({ fd: channel } as unknown as { unix: string }),
    socket: {
      // One message a call, as the socket has them.
      data: (_socket, bytes) => resolve(waitedOf(JSON.parse(Buffer.from(bytes).toString("utf8")) as Report)),
      close: () => resolve(null),
      end: () => resolve(null),
      error: () => resolve(null),
    },
  });
  return await promise;
}

function waitedOf(report: Report | null): Waited {
  if (report === null || !("exited" in report || "cut" in report)) return null;
  return "exited" in report ? report.exited : "cut";
}

/**
 * Tells the monitor that the container's end is dealt with: it ends. A monitor that is gone already is no error. `late`: descriptors
 * whose last close takes long, which is the monitor's then; they are closed here in any case.
 */
export function sayCleaned(channel: number, late: readonly number[] = []): void {
  try {
    sendWithDescriptors(channel, Buffer.from("d"), late);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  } finally {
    // At once: from now on the message holds them, until the monitor has read it.
    for (const descriptor of late) closeSync(descriptor);
  }
}

export interface PumpOptions {
  /** Letters of the pump face: r raw terminal, i forward stdin, s signals are ours to pass on, w window size, d a redraw first. */
  readonly flags: string;
  /** Bytes that detach; empty: none do. */
  readonly detachKeys: Uint8Array;
  /** The attach socket, hello said. */
  readonly socket: number;
}

/** How an attached session ended. `signalled`: 128 and the number of the signal that ended the client's side, else the keys did. */
export type PumpEnd = { readonly kind: "exited"; readonly code: number } | { readonly kind: "detached"; readonly signalled: number | null } | { readonly kind: "lost" };

/** Runs the client side of a terminal or attach socket in our own process group until it ends. */
export async function pump(runRoot: string, options: PumpOptions): Promise<PumpEnd> {
  const [mine, theirs] = socketpair();
  let child: Child;
  try {
    const keys = Buffer.from(options.detachKeys).toString("hex");
    child = spawnDescriptor(openShim(runRoot), ["mdk-shim", "pump", options.flags, keys], [0, 1, 2, options.socket, theirs]);
  } finally {
    closeSync(theirs);
  }
  await child.exited;
  const { bytes } = receiveWithDescriptors(mine, 16, 0);
  closeSync(mine);
  const kind = String.fromCharCode(bytes[0] ?? 0);
  if (kind === "x") return { kind: "exited", code: bytes[1] ?? 255 };
  return kind === "d" ? { kind: "detached", signalled: bytes[1] ?? null } : { kind: "lost" };
}

/** A monitor that was told to go kills and closes what it has; longer than this and something hangs in the kernel. */
const DRAIN_MS = 10_000;

/** Reads away what is left on a channel until the monitor has ended. */
export function drainChannel(channel: number): void {
  while (pollReadable([channel], DRAIN_MS) !== null && receive(channel, 4).report !== null);
}
