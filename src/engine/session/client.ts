/** What a caller hands in for a session: its own streams, terminal and signals. The engine asks the process for none of them. */
import { MdkError } from "../../error.ts";
import type { JoinedStreams } from "../../runtime/protocol.ts";
import { sendSignal } from "../../sys/pidfd.ts";
import { closeSync } from "node:fs";

export interface Stream {
  readonly descriptor: number;
  readonly terminal: boolean;
}

export interface Client {
  readonly stdin: Stream;
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** Size of the terminal that shows the output; zeroes without one. */
  window(): { readonly rows: number; readonly columns: number };
  /** From here on signals that are for the container come here and do not end this process, until the returned function is called. */
  listen(take: (signal: number) => void): () => void;
}

/** Which of a client's streams are joined to a container, and how. */
export interface Joining extends JoinedStreams {
  readonly client: Client;
  /** Bytes that detach from a terminal. */
  readonly detachKeys: Uint8Array;
  /** Signals to the client go to the container. */
  readonly sigProxy: boolean;
}

/** A terminal is among the streams that are joined: never handed over, it stays with the client's process group. */
export function isTerminalJoined({ client, stdin, stdout, stderr }: Pick<Joining, "client" | keyof JoinedStreams>): boolean {
  return (stdin && client.stdin.terminal) || (stdout && client.stdout.terminal) || (stderr && client.stderr.terminal);
}

export function descriptorsOf({ stdin, stdout, stderr }: Client): [number, number, number] {
  return [stdin.descriptor, stdout.descriptor, stderr.descriptor];
}

/** How a session ended: the program's exit status, or null when the user detached. */
export type SessionEnd = number | null;

/** The monitor has let this client go: it took nothing for long. */
export function notRead(id: string): MdkError {
  return new MdkError("unavailable", "output-not-read", `nobody has read the output of container ${id} for too long: this client was let go, and the container goes on`, {
    hint: "all of it is in: mdk logs",
  });
}

/** Signals to the client, passed on once there is somebody to pass them to. */
export class SignalProxy {
  #target: number | null = null;
  #stop: (() => void) | null = null;
  readonly #pending: number[] = [];
  readonly #note: (signal: number) => void;

  /** `note` hears of each before it is passed on. */
  constructor(note: (signal: number) => void) {
    this.#note = note;
  }

  listen(joining: Pick<Joining, "client" | "sigProxy">): void {
    if (joining.sigProxy) this.#stop = joining.client.listen((signal) => this.#send(signal));
  }

  /** A pidfd, closed at the end; null: there is nobody any more. */
  target(descriptor: number | null): void {
    this.#target = descriptor;
    if (descriptor !== null) for (const signal of this.#pending.splice(0)) this.#pass(descriptor, signal);
  }

  end(): void {
    this.#stop?.();
    if (this.#target !== null) closeSync(this.#target);
    this.#target = null;
    this.#stop = null;
  }

  #send(signal: number): void {
    if (this.#target === null) this.#pending.push(signal);
    else this.#pass(this.#target, signal);
  }

  #pass(target: number, signal: number): void {
    this.#note(signal);
    sendSignal(target, signal);
  }
}
