/**
 * A pull that people watch. On a terminal Docker's picture: one line a layer, rewritten in place, with a bar while it
 * comes. Elsewhere plain lines, each once.
 */
import type { Context } from "../engine/context.ts";
import { pull, type Pulled } from "../engine/pull.ts";
import { isTerminal, windowSize } from "../sys/terminal.ts";
import { printable, writeAll } from "./output.ts";

export interface ShownOptions {
  readonly platform: string | null;
  readonly quiet: boolean;
  readonly insecureRegistries: readonly string[];
  /** 1 for `pull`, 2 where standard output belongs to a program. */
  readonly descriptor: 1 | 2;
}

/** Pulls with progress and the closing lines. Ctrl-C ends it cleanly. Throws what `pull` throws. */
export async function pullShown(context: Context, word: string, options: ShownOptions): Promise<Pulled> {
  const display = options.quiet ? null : isTerminal(options.descriptor) ? new Screen(options.descriptor) : new Lines(options.descriptor);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    const pulled = await pull(context, word, {
      platform: options.platform, insecureRegistries: options.insecureRegistries, progress: display, signal: abort.signal,
    });
    display?.end();
    return pulled;
  } catch (error) {
    display?.end();
    throw error;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** Docker's last lines of a pull. */
export function closingLines(pulled: Pulled, shown: string): string {
  const status = pulled.upToDate ? `Image is up to date for ${shown}` : `Downloaded newer image for ${shown}`;
  return `Digest: ${pulled.digest}\nStatus: ${status}`;
}

const SHORT = 12;
const shortId = (id: string): string => id.replace(/^sha256:/, "").slice(0, SHORT);

interface Display {
  start(tag: string, repositoryPath: string): void;
  layer(id: string, status: string, current?: number, total?: number): void;
  end(): void;
}

/** Each status of a layer once; the moments in between are nobody's news. */
class Lines implements Display {
  readonly #descriptor: number;
  readonly #last = new Map<string, string>();

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  start(tag: string, repositoryPath: string): void {
    writeAll(this.#descriptor, Buffer.from(`${printable(tag)}: Pulling from ${printable(repositoryPath)}\n`));
  }

  layer(id: string, status: string): void {
    if (status === "Downloading" || status === "Extracting" || status === "Waiting" || this.#last.get(id) === status) return;
    this.#last.set(id, status);
    writeAll(this.#descriptor, Buffer.from(`${shortId(id)}: ${status}\n`));
  }

  end(): void {}
}

const REDRAW_MS = 80;

class Screen implements Display {
  readonly #descriptor: number;
  readonly #rows = new Map<string, string>();
  #drawn = 0;
  #drawnAt = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  start(tag: string, repositoryPath: string): void {
    writeAll(this.#descriptor, Buffer.from(`${printable(tag)}: Pulling from ${printable(repositoryPath)}\n`));
  }

  layer(id: string, status: string, current?: number, total?: number): void {
    this.#rows.set(id, `${shortId(id)}: ${status}${bar(current, total)}`);
    const now = performance.now();
    if (now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#draw();
  }

  end(): void {
    this.#draw();
  }

  #draw(): void {
    const width = windowSize(this.#descriptor).columns || 80;
    const up = this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A`;
    const lines = [...this.#rows.values()].map((line) => `\r\x1b[2K${line.slice(0, width - 1)}\n`);
    this.#drawn = lines.length;
    writeAll(this.#descriptor, Buffer.from(up + lines.join("")));
  }
}

const BAR = 50;

/** "  [=====>     ]  1.2MB/3.4MB". */
function bar(current: number | undefined, total: number | undefined): string {
  if (current === undefined) return "";
  if (total === undefined || total <= 0) return `  ${humanSize(current)}`;
  const filled = Math.min(BAR, Math.floor((current / total) * BAR));
  return `  [${"=".repeat(filled)}${filled < BAR ? ">" : ""}${" ".repeat(Math.max(0, BAR - filled - 1))}]  ${humanSize(current)}/${humanSize(total)}`;
}

/** Decimal units with four digits at most, as Docker prints sizes: "72.8MB". */
export function humanSize(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000) return `${Number(value.toPrecision(4))}${unit}`;
    value /= 1000;
  }
  return `${Number(value.toPrecision(4))}TB`;
}
