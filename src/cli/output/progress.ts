/**
 * How far a pull, push, load or save is: as bars on a terminal, as Docker's plain lines, as the messages of Docker's API in JSON, one a line, or
 * not at all. Text out; who calls says where to.
 */
import type { LayerProgress, LayerStatus } from "../../engine/image/copy.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import type { Flag, Values } from "../grammar/flags.ts";
import { MOVING, TerminalProgress } from "./progress-terminal.ts";
import { json, writeAll } from "./text.ts";

export interface Progress extends LayerProgress {
  /** A line about the whole, of a tag perhaps: Docker's "latest: Pulling from library/ubuntu". */
  tell(status: string, id?: string): void;
  /** What is only in the messages of Docker's API: they are shown as they are. */
  add(message: object): void;
  /** Other text follows: what is drawn stays as it is. */
  end(): void;
}

const MODES = ["auto", "plain", "tty", "json"] as const;
export type ProgressMode = (typeof MODES)[number];

export const PROGRESS_FLAG: Flag = {
  name: "progress", type: "string", help: "How progress is shown: tty (bars), plain (lines), json (an object a line), auto (bars on a terminal)",
  check: (value) => ((MODES as readonly string[]).includes(value) ? null : `unknown progress ${JSON.stringify(value)}: it is auto, plain, tty or json`),
};

/** What --progress asks for. */
export function progressMode(flags: Values): ProgressMode {
  return (flags.string("progress") as ProgressMode | null) ?? "auto";
}

export interface Showing {
  readonly mode: ProgressMode;
  readonly quiet: boolean;
  readonly descriptor: number;
  /** What `auto` is where there is no terminal. */
  readonly elsewhere: "plain" | "nothing";
}

export function showProgress({ mode, quiet, descriptor, elsewhere }: Showing): Progress {
  const write = (text: string): void => void writeAll(descriptor, Buffer.from(text));
  if (quiet) return NOTHING;
  if (mode === "json") return new JsonProgress(write);
  if (mode === "tty" || (mode === "auto" && isTerminal(descriptor))) return new TerminalProgress(write, () => windowSize(descriptor));
  return mode === "plain" || elsewhere === "plain" ? new PlainProgress(write) : NOTHING;
}

/** A layer that comes from an archive, in the words for it. */
export function loading(progress: LayerProgress): LayerProgress {
  return { layer: (id, status, current, total) => progress.layer(id, LOADING[status] ?? status, current, total) };
}

const LOADING: Readonly<Partial<Record<LayerStatus, LayerStatus>>> = { "Pulling fs layer": "Loading layer", Downloading: "Loading layer", Extracting: "Loading layer", "Pull complete": "Loaded" };

const NOTHING: Progress = { tell() {}, layer() {}, add() {}, end() {} };

/** Docker says so before they pass, so that plain lines need not. */
const ANNOUNCED: ReadonlySet<LayerStatus> = new Set<LayerStatus>(["Downloading", "Pushing"]);

/** One line a change of state: for logs and pipes. */
class PlainProgress implements Progress {
  readonly #write: (text: string) => void;
  readonly #last = new Map<string, LayerStatus>();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  tell(status: string, id?: string): void {
    this.#write(`${id === undefined ? "" : `${id}: `}${status}\n`);
  }

  layer(id: string, status: LayerStatus): void {
    if (ANNOUNCED.has(status) || this.#last.get(id) === status) return;
    this.#last.set(id, status);
    this.tell(status === "Extracting" ? "Download complete" : status, id);
  }

  add(): void {}

  end(): void {}
}

/** So often a layer is told of while its bytes pass. */
const MESSAGE_MS = 100;

/** moby pkg/jsonmessage: {"status", "id", "progressDetail": {"current", "total"}}, bytes. */
class JsonProgress implements Progress {
  readonly #write: (text: string) => void;
  readonly #last = new Map<string, { readonly status: LayerStatus; readonly toldMs: number }>();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  tell(status: string, id?: string): void {
    this.add({ status, ...(id === undefined ? {} : { id }) });
  }

  layer(id: string, status: LayerStatus, current: number, total: number): void {
    const [last, now] = [this.#last.get(id), performance.now()];
    const moving = MOVING.has(status);
    if (last?.status === status && (!moving || (current < total && now - last.toldMs < MESSAGE_MS))) return;
    this.#last.set(id, { status, toldMs: now });
    this.add({ status: status === "Extracting" ? "Download complete" : status, progressDetail: moving ? { current, total } : {}, id });
  }

  add(message: object): void {
    this.#write(`${json(message)}\n`);
  }

  end(): void {}
}
