/** A client that stays with its container: streams, signals, the end, and the cleanup that follows it. */
import { closeSync } from "node:fs";
import { EXIT, MdkError } from "../../error.ts";
import { awaitExited, pump, sayCleaned, type PumpEnd } from "../../runtime/launch.ts";
import type { Container } from "../../store/containers.ts";
import { sendSignal } from "../../sys/pidfd.ts";
import { sendWithDescriptors, socketpair } from "../../sys/socket.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import type { Begun } from "../start/begin.ts";
import type { Context } from "../context.ts";
import { connectMonitor, openRunning, waitForEnd } from "../end/end.ts";
import { ATTACH, type Streaming } from "../start/monitor-plan.ts";
import { reconcile, settle } from "../end/settle.ts";
import { startBegun } from "../start/start.ts";
import { LOST_CODE } from "../end/status.ts";

/** Which of the command's streams are joined, and how. */
export interface Joining {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Bytes that detach from a terminal. */
  readonly detachKeys: Uint8Array;
  /** Signals to this command go to the container. */
  readonly sigProxy: boolean;
  readonly warn: (text: string) => void;
  /** Waited for when the program runs. */
  readonly started?: () => Promise<void>;
}

/** How it went: the program's exit status, or null when the user detached. */
export type ForegroundEnd = number | null;

/** What goes to the container; SIGCHLD, SIGPIPE, SIGURG and those that cannot be caught never do (docker/cli, signals). */
const PROXIED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGCONT", "SIGALRM", "SIGWINCH"] as const;
const NUMBERS: Readonly<Record<(typeof PROXIED)[number], number>> = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15, SIGCONT: 18, SIGALRM: 14, SIGWINCH: 28,
};

/** Starts what was begun with this command's streams and stays until it ends or the user detaches. */
export async function runForeground(context: Context, begun: Begun, joining: Joining): Promise<ForegroundEnd> {
  const { container } = begun;
  const { Tty, OpenStdin, StdinOnce } = container.config;
  const pumped = Tty || joinedTerminal(joining);
  const pair = pumped ? socketpair() : null;
  const handed = (wanted: boolean, descriptor: number): number | null => (wanted && !pumped ? descriptor : null);
  const streaming: Streaming = {
    terminal: Tty, openStdin: OpenStdin, stdinOnce: StdinOnce,
    stdin: handed(joining.stdin, 0), stdout: handed(joining.stdout, 1), stderr: handed(joining.stderr, 2),
    client: pair === null ? null : { socket: pair[1], streams: attachBits(joining) }, clientCleans: true,
  };
  const proxy = new SignalProxy(joining.sigProxy);
  let channel: number;
  try {
    ({ channel } = await startBegun(context, begun, { streaming, window: Tty ? windowSize(1) : null, warn: joining.warn, beforeGo: () => proxy.listen() }));
  } finally {
    if (pair !== null) closeSync(pair[1]);
  }
  proxy.target(openRunning(context, container, "init"));
  await joining.started?.();
  const end = pair === null ? null : await pump(context.runRoot, { socket: pair[0], flags: pumpFlags(container, joining), detachKeys: joining.detachKeys });
  if (end?.kind === "detached") {
    closeSync(channel);
    return end.signalled;
  }
  const exited = await awaitExited(channel);
  if (exited === "cut") {
    closeSync(channel);
    throw new MdkError("output-closed", "write /dev/stdout: broken pipe", { status: EXIT.failure });
  }
  cleanUp(context, container.id, channel);
  return exited?.code ?? LOST_CODE;
}

/** What cannot be cleaned up now (a full disk) does not change how the program ended: the monitor, left alone, tries, and then the next command. */
function cleanUp(context: Context, id: string, channel: number): void {
  try {
    const late: number[] = [];
    settle(context, id, (descriptor) => void late.push(descriptor));
    sayCleaned(channel, late);
    reconcile(context);
  } catch {
    closeSync(channel);
  }
}

/** Joins a running container's monitor as one more client. */
export async function attach(context: Context, container: Container, joining: Joining): Promise<ForegroundEnd> {
  const socket = connectMonitor(context, container);
  if (socket === null) return waitForEnd(context, container);
  sendWithDescriptors(socket, Buffer.from(["a".charCodeAt(0), attachBits(joining)]), []);
  const proxy = new SignalProxy(joining.sigProxy);
  proxy.listen();
  proxy.target(openRunning(context, container, "init"));
  const end: PumpEnd = await pump(context.runRoot, { socket, flags: `${pumpFlags(container, joining)}d`, detachKeys: joining.detachKeys });
  if (end.kind === "detached") return end.signalled;
  return end.kind === "exited" ? end.code : waitForEnd(context, container);
}

function joinedTerminal(joining: Joining): boolean {
  return (joining.stdin && isTerminal(0)) || (joining.stdout && isTerminal(1)) || (joining.stderr && isTerminal(2));
}

export function attachBits(joining: Pick<Joining, "stdin" | "stdout" | "stderr">): number {
  return (joining.stdin ? ATTACH.stdin : 0) | (joining.stdout ? ATTACH.stdout : 0) | (joining.stderr ? ATTACH.stderr : 0);
}

function pumpFlags(container: Pick<Container, "config">, joining: Joining): string {
  const terminal = container.config.Tty && isTerminal(0);
  return `${terminal && joining.stdin ? "r" : ""}${joining.stdin ? "i" : ""}${joining.sigProxy ? "s" : ""}${container.config.Tty && isTerminal(1) ? "w" : ""}`;
}

/** Signals to this process, passed on once there is somebody to pass them to. */
class SignalProxy {
  readonly #enabled: boolean;
  #target: number | null = null;
  readonly #pending: number[] = [];

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  /** From here on a signal no longer ends this process. */
  listen(): void {
    if (!this.#enabled) return;
    for (const name of PROXIED) process.on(name, () => this.#send(NUMBERS[name]));
  }

  /** A pidfd; null: there is nobody any more. */
  target(descriptor: number | null): void {
    this.#target = descriptor;
    if (descriptor !== null) for (const signal of this.#pending.splice(0)) sendSignal(descriptor, signal);
  }

  #send(signal: number): void {
    if (this.#target === null) this.#pending.push(signal);
    else sendSignal(this.#target, signal);
  }
}
