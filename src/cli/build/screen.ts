/** A build on a terminal, rewritten in place: its steps with their times, and the last lines of those that run. */
import type { ShownStep } from "../../engine/build/request.ts";
import { printable } from "../output/text.ts";
import { failureText, LineReader, seconds, type Shown } from "./shown.ts";

const REDRAW_MS = 100;
/** So many lines of a running step are seen. */
const TAIL = 6;
/** And of one that failed, at the end. */
const FAILURE_LINES = 100;

interface Row {
  readonly name: string;
  state: "waiting" | "running" | "cached" | "done" | "failed" | "canceled";
  beganMs: number;
  endedMs: number;
  readonly tail: string[];
  readonly parts: Map<string, string>;
}

export class BuildScreen implements Shown {
  readonly #write: (text: string) => void;
  readonly #window: () => { readonly rows: number; readonly columns: number };
  readonly #rows: Row[] = [];
  readonly #beganMs = performance.now();
  readonly #timer: Timer;
  #drawn = 0;
  #isOver = false;

  constructor(write: (text: string) => void, window: () => { readonly rows: number; readonly columns: number }) {
    [this.#write, this.#window] = [write, window];
    this.#timer = setInterval(() => this.#draw(false), REDRAW_MS);
  }

  step(name: string): ShownStep {
    const row: Row = { name, state: "waiting", beganMs: performance.now(), endedMs: 0, tail: [], parts: new Map() };
    this.#rows.push(row);
    const readers = { stdout: new LineReader(), stderr: new LineReader() };
    const end = (state: Row["state"]): void => {
      [row.state, row.endedMs] = [state, performance.now()];
      this.#draw(false);
    };
    return {
      begin() {
        [row.state, row.beganMs] = ["running", performance.now()];
      },
      output(stream, bytes) {
        row.tail.push(...readers[stream].take(bytes));
        row.tail.splice(0, row.tail.length - FAILURE_LINES);
      },
      status: (text, key = text) => void row.parts.set(key, text),
      underway: (key, text) => void row.parts.set(key, text),
      cached: () => end("cached"),
      done: () => end("done"),
      failed: () => {
        if (row.state === "failed") return;
        row.tail.push(...readers.stdout.end(), ...readers.stderr.end());
        end(this.#rows.some(({ state }) => state === "failed") ? "canceled" : "failed");
      },
    };
  }

  warn(text: string): void {
    this.#clear();
    this.#write(`WARNING: ${printable(text)}\n`);
    this.#draw(false);
  }

  end(): void {
    if (this.#isOver) return;
    clearInterval(this.#timer);
    this.#draw(true);
    this.#isOver = true;
    const failed = this.#rows.find(({ state }) => state === "failed");
    if (failed !== undefined) this.#write(failureText(failed.name, failed.tail.map(printable)));
  }

  /** At the end all of it, and it stays; before, what fits into the window. */
  #draw(isLast: boolean): void {
    if (this.#isOver) return;
    const { rows, columns } = this.#window();
    const now = performance.now();
    const width = (columns || 80) - 1;
    const over = this.#rows.filter(({ state }) => state !== "running" && state !== "waiting").length;
    const lines = this.#rows.filter(({ state }) => state !== "waiting").flatMap((row) => this.#linesOf(row, now, width));
    const head = `[+] Building ${seconds(now - this.#beganMs)} (${over}/${this.#rows.length})${isLast ? " FINISHED" : ""}`;
    const room = rows > 0 && !isLast ? Math.max(1, rows - 2) : Infinity;
    const shown = [head, ...lines.slice(Math.max(0, lines.length - room))];
    this.#clear();
    this.#write(shown.map((line) => `${line.slice(0, width)}\n`).join(""));
    this.#drawn = shown.length;
  }

  #linesOf(row: Row, now: number, width: number): string[] {
    const cached = row.state === "cached";
    const time = seconds((row.state === "running" ? now : row.endedMs) - row.beganMs);
    const text = `${cached ? " => CACHED " : row.state === "failed" ? " => ERROR " : row.state === "canceled" ? " => CANCELED " : " => "}${printable(row.name).replace(/\s+/g, " ")}`;
    const room = Math.max(10, width - time.length - 1);
    const line = cached ? text : `${text.slice(0, room).padEnd(room)} ${time}`;
    return [line, ...[...row.parts.values()].map((each) => ` => => ${printable(each)}`), ...(row.state === "running" ? row.tail.slice(-TAIL).map((each) => ` => => # ${printable(each)}`) : [])];
  }

  #clear(): void {
    if (this.#drawn > 0) this.#write(`\x1b[${this.#drawn}A\r\x1b[J`);
    this.#drawn = 0;
  }
}
