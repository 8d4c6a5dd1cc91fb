/** The lines of a pull, as Docker draws them. Text out; who calls decides where to. */
import type { LayerStatus } from "../../engine/image/copy.ts";
import type { PullProgress } from "../../engine/image/pull.ts";
import { humanSize } from "./size.ts";

type Write = (text: string) => void;

/** Shown with how far they are. */
const MOVING: ReadonlySet<LayerStatus> = new Set<LayerStatus>(["Downloading", "Pushing", "Loading layer", "Saving layer"]);

/** One line a change of state: for logs and pipes. */
export class PlainProgress implements PullProgress {
  readonly #write: Write;
  readonly #last = new Map<string, LayerStatus>();

  constructor(write: Write) {
    this.#write = write;
  }

  start(tag: string, repository: string): void {
    this.#write(`${tag}: Pulling from ${repository}\n`);
  }

  layer(id: string, status: LayerStatus): void {
    const shown = status === "Extracting" ? "Download complete" : status;
    if (MOVING.has(status) || this.#last.get(id) === status) return;
    this.#last.set(id, status);
    this.#write(`${id}: ${shown}\n`);
  }
}

const BAR = 50;
/** Redrawing more often than the eye sees costs CPU that the layers need. */
const REDRAW_MS = 100;

/** One line a layer, rewritten in place. Layers appear in the order in which they were first heard of. */
export class TerminalProgress implements PullProgress {
  readonly #write: Write;
  readonly #columns: () => number;
  readonly #lines = new Map<string, { row: number; status: LayerStatus; drawnMs: number }>();

  /** `columns`: the terminal's width now; a line that wraps could not be rewritten. */
  constructor(write: Write, columns: () => number) {
    this.#write = write;
    this.#columns = columns;
  }

  start(tag: string, repository: string): void {
    this.#write(`${tag}: Pulling from ${repository}\n`);
  }

  layer(id: string, status: LayerStatus, current: number, total: number): void {
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = { row: this.#lines.size, status, drawnMs: 0 };
      this.#lines.set(id, line);
      this.#write("\n");
    }
    const now = performance.now();
    if (line.status === status && MOVING.has(status) && now - line.drawnMs < REDRAW_MS) return;
    line.status = status;
    line.drawnMs = now;
    const up = this.#lines.size - line.row;
    const text = MOVING.has(status) ? `${status} ${bar(current, total)}` : status;
    // Up to the line, over it, back down: other layers' lines stay as they are.
    this.#write(`\x1b[${up}A\r\x1b[2K${`${id}: ${text}`.slice(0, (this.#columns() || 80) - 1)}\r\x1b[${up}B`);
  }
}

function bar(current: number, total: number): string {
  const done = total === 0 ? BAR : Math.min(BAR, Math.trunc((current / total) * BAR));
  const arrow = done === BAR ? "=".repeat(BAR) : `${"=".repeat(done)}>`;
  return `[${arrow.padEnd(BAR)}] ${humanSize(current, 4).padStart(8)}/${humanSize(total, 4)}`;
}
