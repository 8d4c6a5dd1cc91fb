/** How far a build is: BuildKit's numbered lines, the lines of a terminal that are rewritten, an object a line, or nothing. */
import type { ShownStep } from "../../engine/build/request.ts";
import { messageOf } from "../../error.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import { json, printable, writeAll } from "../output/text.ts";
import { BuildScreen } from "./screen.ts";
import { CLIPPED, failureText, LineReader, OutputLimit, seconds, type Shown } from "./shown.ts";

const MODES = ["auto", "plain", "tty", "rawjson", "quiet"] as const;
export type BuildProgressMode = (typeof MODES)[number];

export const isMode = (text: string): text is BuildProgressMode => (MODES as readonly string[]).includes(text);

const STDERR = 2;
/** So many lines of a step that failed are shown again at the end. */
const TAIL = 10;

/** On standard error, as BuildKit's: standard output is for what was asked to be printed. */
export function showBuild(mode: BuildProgressMode): Shown {
  const write = (text: string): void => void writeAll(STDERR, Buffer.from(text));
  if (mode === "quiet") return new Lines(() => {});
  if (mode === "rawjson") return new JsonLines(write);
  return mode === "tty" || (mode === "auto" && isTerminal(STDERR)) ? new BuildScreen(write, () => windowSize(STDERR)) : new Lines(write);
}

/** "#5 [2/3] RUN make", "#5 0.312 cc -o a a.c", "#5 DONE 0.4s": for logs and pipes. */
class Lines implements Shown {
  readonly #write: (text: string) => void;
  #count = 0;
  #last = 0;
  #failure = "";
  #hasFailed = false;
  /** Steps that have begun and not ended. */
  readonly #open = new Set<number>();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  step(name: string): ShownStep {
    const number = ++this.#count;
    const readers = { stdout: new LineReader(), stderr: new LineReader() };
    const [limit, tail] = [new OutputLimit(), [] as string[]];
    let begunMs = performance.now();
    let [named, isOver] = [false, false];
    const say = (text: string): void => {
      if (this.#last !== number && this.#last !== 0) this.#write(this.#open.has(this.#last) ? `#${this.#last} ...\n\n` : "\n");
      if (!named || this.#last !== number) this.#write(`#${number} ${printable(name)}\n`);
      [named, this.#last] = [true, number];
      if (text !== "") this.#write(`#${number} ${text}\n`);
    };
    const since = (): number => performance.now() - begunMs;
    // However many lines come at once, they are one write.
    const tell = (lines: readonly string[]): void => {
      if (lines.length === 0) return;
      const time = (since() / 1000).toFixed(3);
      const texts = lines.map((line) => `${time} ${printable(line)}`);
      tail.push(...texts.slice(-TAIL));
      tail.splice(0, tail.length - TAIL);
      say(texts.join(`\n#${number} `));
    };
    const rest = (): void => tell([...readers.stdout.end(), ...readers.stderr.end()]);
    const end = (text: string): void => {
      this.#open.delete(number);
      say(text);
    };
    return {
      begin: () => {
        begunMs = performance.now();
        this.#open.add(number);
        say("");
      },
      output(stream, bytes) {
        const { shown, isCut } = limit.take(bytes);
        tell([...readers[stream].take(shown), ...(isCut ? [...readers[stream].end(), CLIPPED] : [])]);
      },
      status: (text) => say(printable(text)),
      underway() {},
      cached: () => end("CACHED"),
      done() {
        rest();
        end(`DONE ${seconds(since())}`);
      },
      failed: (error) => {
        if (isOver) return;
        isOver = true;
        rest();
        // With the first failure the build is given up: that is what ends the others.
        if (this.#hasFailed) return end("CANCELED");
        this.#hasFailed = true;
        end(`ERROR: ${printable(messageOf(error))}`);
        this.#failure = failureText(name, tail);
      },
    };
  }

  warn(text: string): void {
    this.#write(`WARNING: ${printable(text)}\n`);
  }

  end(): void {
    this.#write(this.#failure);
    this.#failure = "";
  }
}

/** One object a line: {"step", "name", "event", …}. */
class JsonLines implements Shown {
  readonly #write: (text: string) => void;
  #count = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  step(name: string): ShownStep {
    const step = ++this.#count;
    const tell = (event: string, more: object = {}): void => this.#write(`${json({ step, name, event, time: new Date().toISOString(), ...more })}\n`);
    return {
      begin: () => tell("begin"), cached: () => tell("cached"), done: () => tell("done"), status: (text) => tell("status", { text }), underway() {}, failed: (error) => tell("failed", { error: messageOf(error) }),
      output: (stream, bytes) => tell("output", { stream, data: Buffer.from(bytes).toString("base64") }),
    };
  }

  warn(text: string): void {
    this.#write(`${json({ event: "warning", text })}\n`);
  }

  end(): void {}
}
