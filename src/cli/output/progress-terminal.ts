/** Progress as lines that are rewritten in place, as Docker draws them: one a layer, with its bytes and their speed, and one of all. */
import type { LayerStatus } from "../../engine/image/copy.ts";
import { humanSize } from "./size.ts";

const BAR = 50;
/** Redrawing more often than the eye sees costs CPU that the layers need. */
const REDRAW_MS = 100;
/** Speed is that of the last seconds. */
const WINDOW_MS = 3_000;

/** Whose bytes pass meanwhile. */
export const MOVING: ReadonlySet<LayerStatus> = new Set<LayerStatus>(["Downloading", "Pushing", "Loading layer", "Saving layer"]);

interface Line {
  readonly row: number;
  readonly speed: Speed;
  status: LayerStatus;
  drawnMs: number;
  /** Bytes; both 0 for what is there without being moved. */
  current: number;
  total: number;
}

/** Layers appear in the order in which they were first heard of; the line of all stays below them. */
export class TerminalProgress {
  readonly #write: (text: string) => void;
  readonly #window: () => { readonly rows: number; readonly columns: number };
  readonly #lines = new Map<string, Line>();
  readonly #speed = new Speed();
  #sum = false;
  #sumDrawnMs = 0;
  #moved = 0;

  /** `window`: characters now, zeros where nobody knows; a line that wraps could not be rewritten. */
  constructor(write: (text: string) => void, window: () => { readonly rows: number; readonly columns: number }) {
    this.#write = write;
    this.#window = window;
  }

  tell(status: string, id?: string): void {
    this.end();
    this.#write(`${id === undefined ? "" : `${id}: `}${status}\n`);
  }

  add(): void {}

  /** What layers do from now on is below. */
  end(): void {
    this.#lines.clear();
    this.#sum = false;
  }

  layer(id: string, status: LayerStatus, current: number, total: number): void {
    const line = this.#lines.get(id) ?? this.#begin(id, status);
    const now = performance.now();
    const moving = MOVING.has(status);
    const same = line.status === status && line.drawnMs > 0;
    if (moving) this.#count(line, { now, current, total: Math.max(total, current) });
    else if (line.total > 0) line.current = line.total;
    if (same && (!moving || now - line.drawnMs < REDRAW_MS)) return;
    [line.status, line.drawnMs] = [status, now];
    const speed = line.speed.of(now);
    this.#draw(line.row, moving ? `${id}: ${status} ${bar(current, total)}${speed === null ? "" : `  ${speed}`}` : `${id}: ${status}`);
    if (this.#sum && (!moving || now - this.#sumDrawnMs >= REDRAW_MS)) this.#drawSum(now);
  }

  #begin(id: string, status: LayerStatus): Line {
    const line: Line = { row: this.#lines.size, speed: new Speed(), status, drawnMs: 0, current: 0, total: 0 };
    this.#lines.set(id, line);
    this.#write("\n");
    // Its row was that of the line of all.
    if (this.#sum) this.#drawSum(performance.now());
    return line;
  }

  #count(line: Line, { now, current, total }: { readonly now: number; readonly current: number; readonly total: number }): void {
    this.#moved += Math.max(0, current - line.current);
    [line.current, line.total] = [current, total];
    line.speed.note(now, current);
    this.#speed.note(now, this.#moved);
    // With one layer it would say the same again.
    if (this.#sum || this.#lines.size < 2) return;
    this.#sum = true;
    this.#write("\n");
  }

  #drawSum(now: number): void {
    this.#sumDrawnMs = now;
    const lines = [...this.#lines.values()].filter(({ total }) => total > 0);
    const [current, total] = [lines.reduce((sum, line) => sum + line.current, 0), lines.reduce((sum, line) => sum + line.total, 0)];
    const speed = this.#speed.of(now);
    this.#draw(this.#lines.size, `Total: ${humanSize(current, 4)}/${humanSize(total, 4)}${speed === null || current === total ? "" : `  ${speed}`}`);
  }

  /** Up to the line, over it, back down: the others stay as they are. Lines above the window's top are out of reach. */
  #draw(row: number, text: string): void {
    const { rows, columns } = this.#window();
    const up = this.#lines.size + (this.#sum ? 1 : 0) - row;
    if (rows > 0 && up >= rows) return;
    this.#write(`\x1b[${up}A\r\x1b[2K${text.slice(0, (columns || 80) - 1)}\r\x1b[${up}B`);
  }
}

/** Bytes a second. */
class Speed {
  readonly #seen: { readonly ms: number; readonly bytes: number }[] = [];

  note(ms: number, bytes: number): void {
    const last = this.#seen.at(-1);
    if (last !== undefined && (bytes < last.bytes || ms - last.ms < REDRAW_MS)) {
      if (bytes < last.bytes) this.#seen.length = 0;
      else return;
    }
    this.#seen.push({ ms, bytes });
    while (this.#seen.length > 2 && ms - this.#seen[0]!.ms > WINDOW_MS) this.#seen.shift();
  }

  /** "12.3MB/s"; null: too early to tell. */
  of(now: number): string | null {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (first === undefined || last === undefined || last.ms === first.ms) return null;
    return `${humanSize(((last.bytes - first.bytes) * 1000) / Math.max(last.ms - first.ms, now - first.ms - REDRAW_MS))}/s`;
  }
}

function bar(current: number, total: number): string {
  const done = total === 0 ? BAR : Math.min(BAR, Math.trunc((current / total) * BAR));
  const arrow = done === BAR ? "=".repeat(BAR) : `${"=".repeat(done)}>`;
  return `[${arrow.padEnd(BAR)}] ${humanSize(current, 4).padStart(8)}/${humanSize(total, 4)}`;
}
