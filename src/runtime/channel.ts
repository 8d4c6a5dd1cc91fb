/** A client's channel to the monitor of what it started (drawn in plan.ts): how that ended, and that it is dealt with. */
import { closeSync } from "node:fs";
import { MdkError } from "../error.ts";
import { SysError } from "../sys/ffi.ts";
import { receiveMessages } from "../sys/messages.ts";
import { pollReadable } from "../sys/poll.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "../sys/socket.ts";
import type { Exited, Report } from "./plan.ts";

const REPORT_BYTES_MAX = 8192;

/** One report, and the descriptors that came with it; null at the end of file. */
export function receiveReport(socket: number, maxFds: number): { report: Report | null; descriptors: number[] } {
  for (;;) {
    try {
      const { bytes, descriptors } = receiveWithDescriptors(socket, REPORT_BYTES_MAX, maxFds);
      return { report: bytes.length === 0 ? null : reportOf(bytes), descriptors };
    } catch (error) {
      // The far end closed without having read our "go". Told once, and before what it said: that is still in the queue.
      if (!(error instanceof SysError) || error.code !== "ECONNRESET") throw error;
    }
  }
}

/** Throws MdkError "no-report": an exec'd process that the container traces may say anything. */
function reportOf(bytes: Uint8Array): Report {
  let report: unknown = null;
  try {
    report = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    // Told below.
  }
  if (typeof report !== "object" || report === null) throw new MdkError("corrupt", "no-report", "what the process said while it was set up is no report");
  return report as Report;
}

/** Most short programs end within this: no event loop is set up for them, and a signal is passed on this much later. */
const BLOCKING_MS = 30;

/**
 * How a wait ended: `cut`, this command's output has no reader any more, or one that took nothing for long (`stalled`); null,
 * the monitor was killed.
 */
export type Waited = Exited | "cut" | "stalled" | null;

/** To be closed by its owner, once. */
export class Channel {
  readonly #descriptor: number;
  /** The event loop's, once it had to wait: it closes the descriptor. */
  #connection: { terminate(): void } | null = null;
  #closed = false;
  readonly #messages: (Report | null)[] = [];
  #arrived: () => void = () => {};

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Waits for the monitor's word that it is over. Leaves the event loop free for signals. */
  async exited(): Promise<Waited> {
    const report = await this.#next();
    if (report === null) return null;
    if ("exited" in report) return report.exited;
    return "cut" in report ? (report.cut.stalled ? "stalled" : "cut") : null;
  }

  /** Waits until the monitor has nothing more to do for this command's readers: it closes its end. */
  async ended(): Promise<void> {
    while ((await this.#next()) !== null);
  }

  /** As the function of that name. */
  sayCleaned(late: readonly number[] = []): void {
    if (!this.#closed) return sayCleaned(this.#descriptor, late);
    for (const descriptor of late) closeSync(descriptor);
  }

  /** Tells an exec's monitor to kill what nobody waits for any more, before it runs or as it begins. It may be gone already. */
  giveUp(): void {
    if (!this.#closed) tell(this.#descriptor, "k", []);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#connection === null) closeSync(this.#descriptor);
    else this.#connection.terminate();
  }

  async #next(): Promise<Report | null> {
    if (this.#connection === null && !this.#closed) {
      if (pollReadable([this.#descriptor], BLOCKING_MS) !== null) return receiveReport(this.#descriptor, 0).report;
      await this.#connect();
    }
    while (this.#messages.length === 0) {
      if (this.#closed) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#arrived = resolve;
      await promise;
    }
    return this.#messages.shift()!;
  }

  async #connect(): Promise<void> {
    const over = (): void => {
      this.#closed = true;
      this.#arrived();
    };
    this.#connection = await receiveMessages(this.#descriptor, (bytes) => {
      this.#messages.push(reportOf(bytes));
      this.#arrived();
    }, over);
  }
}

/**
 * Tells the monitor that the container's end is dealt with: it ends. A monitor that is gone already is no error. `late`: descriptors
 * whose last close takes long, which is the monitor's then; they are closed here in any case.
 */
export function sayCleaned(channel: number, late: readonly number[] = []): void {
  try {
    tell(channel, "d", late);
  } finally {
    // At once: from now on the message holds them, until the monitor has read it.
    for (const descriptor of late) closeSync(descriptor);
  }
}

function tell(channel: number, word: "d" | "k", descriptors: readonly number[]): void {
  try {
    sendWithDescriptors(channel, Buffer.from(word), descriptors);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  }
}
