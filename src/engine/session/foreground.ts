/** A client that stays with its container: streams, signals, the end, and the cleanup that follows it. */
import { closeSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { Channel } from "../../runtime/channel.ts";
import { pump, type PumpEnd } from "../../runtime/launch.ts";
import { attachBits, attachMessage, foreignProtocol, PROTOCOL } from "../../runtime/protocol.ts";
import type { Container } from "../../store/containers.ts";
import { sendWithDescriptors, socketpair } from "../../sys/socket.ts";
import type { Begun } from "../start/begin.ts";
import type { Context } from "../context.ts";
import { connectMonitor, openRunning, waitForEnd } from "../end/end.ts";
import type { Streaming } from "../start/monitor-plan.ts";
import { reconcile, settle } from "../end/settle.ts";
import { startBegun } from "../start/start.ts";
import { noteSignal } from "../end/signalled.ts";
import { LOST_CODE, readStatus } from "../end/status.ts";
import { lives } from "../end/words.ts";
import { descriptorsOf, isTerminalJoined, notRead, SignalProxy, type Joining, type SessionEnd } from "./client.ts";

export interface Running extends Joining {
  /** Takes warnings for the user. */
  readonly warn: (text: string) => void;
  /** Waited for when the program runs. */
  readonly started?: () => Promise<void>;
}

/** Starts what was begun with the client's streams and stays until it ends or the user detaches. */
export async function runForeground(context: Context, begun: Begun, joining: Running): Promise<SessionEnd> {
  const { container } = begun;
  const { client } = joining;
  const { Tty, OpenStdin, StdinOnce } = container.config;
  const pumped = Tty || isTerminalJoined(joining);
  const pair = pumped ? socketpair() : null;
  const [stdin, stdout, stderr] = descriptorsOf(client);
  const handed = (wanted: boolean, descriptor: number): number | null => (wanted && !pumped ? descriptor : null);
  const streaming: Streaming = {
    terminal: Tty, openStdin: OpenStdin, stdinOnce: StdinOnce,
    stdin: handed(joining.stdin, stdin), stdout: handed(joining.stdout, stdout), stderr: handed(joining.stderr, stderr),
    client: pair === null ? null : { socket: pair[1], streams: attachBits(joining) }, clientCleans: true,
  };
  const proxy = new SignalProxy((signal) => noteSignal(context, container, signal));
  let channel: Channel | null = null;
  try {
    try {
      const started = await startBegun(context, begun, { streaming, window: Tty ? client.window() : null, warn: joining.warn, beforeGo: () => proxy.listen(joining) });
      channel = new Channel(started.channel!); // clientCleans
    } finally {
      if (pair !== null) closeSync(pair[1]);
    }
    proxy.target(openRunning(context, container, "init"));
    await joining.started?.();
    return await stay(context, container, { channel, socket: pair?.[0] ?? null, joining });
  } finally {
    proxy.end();
    channel?.close();
    if (pair !== null) closeSync(pair[0]);
  }
}

interface Session {
  readonly channel: Channel;
  /** Our end of the attach socket; null where the monitor serves the client's descriptors itself. */
  readonly socket: number | null;
  readonly joining: Joining;
}

async function stay(context: Context, container: Container, { channel, socket, joining }: Session): Promise<SessionEnd> {
  if (socket !== null) {
    const end = await pump(context.runRoot, { socket, flags: pumpFlags(container, joining), detachKeys: joining.detachKeys, streams: descriptorsOf(joining.client) });
    if (end.kind === "detached") return end.signalled;
  }
  const exited = await channel.exited();
  if (exited === "cut") throw new MdkError("reader-gone", "output-closed", "write /dev/stdout: broken pipe");
  if (exited === "stalled") throw notRead(container.id);
  // The monitor does it then, and stays for the next start.
  if (container.host.RestartPolicy.Name === "no") cleanUp(context, container.id, channel);
  // What the monitor still has for the client's readers must not be cut off by our end.
  if (exited?.pending === true) await channel.ended();
  return exited?.code ?? LOST_CODE;
}

/** What cannot be cleaned up now (a full disk) does not change how the program ended: the monitor tries after a while, and then the next command. */
function cleanUp(context: Context, id: string, channel: Channel): void {
  try {
    const late: number[] = [];
    settle(context, id, (descriptor) => void late.push(descriptor));
    channel.sayCleaned(late);
    reconcile(context);
  } catch {
    // The monitor's business now.
  }
}

/** Joins a running container's monitor as one more client. Throws MdkError "monitor-protocol" for one that this mdk cannot speak to. */
export async function attach(context: Context, container: Container, joining: Joining): Promise<SessionEnd> {
  const connection = connectMonitor(context, container);
  if (connection === null) return waitForEnd(context, container);
  const { socket, protocol } = connection;
  const proxy = new SignalProxy((signal) => noteSignal(context, container, signal));
  try {
    if (protocol !== PROTOCOL) throw foreignProtocol(container.id, protocol);
    sendWithDescriptors(socket, attachMessage(joining), []);
    proxy.listen(joining);
    proxy.target(openRunning(context, container, "init"));
    return endOf(context, container, await pump(context.runRoot, { socket, flags: `${pumpFlags(container, joining)}d`, detachKeys: joining.detachKeys, streams: descriptorsOf(joining.client) }));
  } finally {
    proxy.end();
    closeSync(socket);
  }
}

function endOf(context: Context, container: Container, end: PumpEnd): SessionEnd {
  switch (end.kind) {
    case "exited":
      return end.code;
    case "detached":
      return end.signalled;
    case "foreign":
      throw foreignProtocol(container.id, end.protocol);
    case "lost":
      if (lives(readStatus(context, container).word)) throw notRead(container.id);
      return waitForEnd(context, container);
  }
}

function pumpFlags(container: Pick<Container, "config">, { client, stdin, sigProxy }: Joining): string {
  const terminal = container.config.Tty && client.stdin.terminal;
  return `${terminal && stdin ? "r" : ""}${stdin ? "i" : ""}${sigProxy ? "s" : ""}${container.config.Tty && client.stdout.terminal ? "w" : ""}`;
}
