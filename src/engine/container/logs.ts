/**
 * Reading Docker's json-file log: rotated files first, then the current one; with `follow` until the container ends. A
 * million lines are common, so lines are cut out of the bytes by position and parsed only where they hold an escape.
 */
import { closeSync, fstatSync, lstatSync, openSync, readSync, statSync } from "node:fs";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import { watchLastEnd, type EndWatch } from "../end/end.ts";
import type { Context } from "../context.ts";
import { logName } from "../end/log-file.ts";

export interface LogSelection {
  /** Lines from the end; null: all. */
  readonly tail: number | null;
  /** In UTC, as nineDigits() has it; null: no limit. */
  readonly since: string | null;
  readonly until: string | null;
  readonly timestamps: boolean;
  /** With what the logging options noted of each line, before it. */
  readonly details: boolean;
  readonly follow: boolean;
}

export interface LogSink {
  write(stream: "stdout" | "stderr", bytes: Uint8Array): void;
  /** Here lines were asked for that went with a file that was rotated away. Once at most. */
  lost(): void;
}

const CHUNK_BYTES = 1 << 20;
/** A line of the log: 16 KiB of text, escaped at worst six for one. */
const LINE_BYTES_MAX = 256 * 1024;
const FOLLOW_POLL_MS = 50;
const ROTATED_MAX = 1000;

/**
 * Writes the selected lines in order. Returns at the end of the log; with `follow` when the container has ended too, or the
 * moment of `until` is past.
 */
export function followLog(context: Context, container: Container, selection: LogSelection, sink: LogSink): void {
  const path = `${storePaths(context.root).container(container.id)}/${logName(container.id)}`;
  const output = new Output(selection, sink, lstatSync(`${path}.lost`, { throwIfNoEntry: false }) !== undefined);
  // Before reading: an end that comes while the file is read must not be missed.
  const end = selection.follow ? watchLastEnd(context, container) : null;
  const { files } = openFiles(path, null);
  try {
    for (const file of files) readOn(file, output);
    output.finish();
    if (end !== null) followFile(path, files.pop() ?? null, output, { end, isOver: () => selection.until !== null && nineDigits(context.now().toISOString()) > selection.until });
  } finally {
    for (const file of files) closeSync(file);
    end?.close();
  }
}

/** A rotation leaves one name at a time without a file, from the oldest on, while we look from the newest on: more than that in a row, and there are no more. */
const GAPS_MAX = 2;

/**
 * The files of the log that are newer than the one with the inode `read`, all with null; the oldest first. They are opened before any is read, the newest first: a rotation
 * meanwhile moves each to the next higher number, so that none is missed, and to what is open it does nothing. `reached`: that file was met.
 */
function openFiles(path: string, read: number | null): { readonly files: number[]; readonly reached: boolean } {
  const files = new Map<number, number>();
  let reached = false;
  for (let number = 0, gaps = 0; number < ROTATED_MAX && gaps <= GAPS_MAX && !reached; number++) {
    const file = openLog(number === 0 ? path : `${path}.${number}`);
    gaps = file === null ? gaps + 1 : 0;
    if (file === null) continue;
    const { ino } = fstatSync(file);
    reached = ino === read;
    // It has moved on to the next name between two opens.
    if (reached || files.has(ino)) closeSync(file);
    else files.set(ino, file);
  }
  return { files: [...files.values()].reverse(), reached };
}

/** Null: it is not there, or not yet. */
function openLog(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}

/** Reads to the end of the file as it is now. */
function readOn(file: number, output: Output): void {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const length = readSync(file, buffer, 0, buffer.length, null);
    if (length === 0) return;
    output.add(buffer.subarray(0, length));
  }
}

interface Following {
  readonly end: EndWatch;
  /** Nothing that comes now is wanted. */
  readonly isOver: () => boolean;
}

/** `newest`: the file to go on with, closed in the end; null: there is none yet. */
function followFile(path: string, newest: number | null, output: Output, { end, isOver }: Following): void {
  let file = newest;
  while (file === null) {
    if (end.wait(FOLLOW_POLL_MS) !== null || isOver()) return;
    file = openLog(path);
  }
  try {
    for (;;) {
      readOn(file, output);
      output.flush();
      const ended = end.wait(FOLLOW_POLL_MS) !== null || isOver();
      // Rotated: what was written to the old file before is read first.
      const current = inodeOf(path);
      if (current !== null && current !== fstatSync(file).ino) file = followRotation(path, file, output);
      if (!ended) continue;
      readOn(file, output);
      return output.flush();
    }
  } finally {
    closeSync(file);
  }
}

/** Reads what was written between the file that is open and the current one, which takes its place: a fast program fills several in a moment. */
function followRotation(path: string, file: number, output: Output): number {
  readOn(file, output);
  const { files, reached } = openFiles(path, fstatSync(file).ino);
  const next = files.pop();
  // Renamed, and the new one not made yet.
  if (next === undefined) return file;
  closeSync(file);
  if (!reached) output.tellLost();
  for (const between of files) {
    readOn(between, output);
    closeSync(between);
  }
  return next;
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

const NEWLINE = 10;
const LOG_START = Buffer.from('{"log":"');
const STREAM_OUT = Buffer.from('","stream":"stdout","time":"');
const STREAM_ERR = Buffer.from('","stream":"stderr","time":"');

/** Lines in, selected text out, collected into large writes. */
class Output {
  readonly #selection: LogSelection;
  readonly #sink: LogSink;
  #rest: Buffer = Buffer.alloc(0);
  #tail: { stream: "stdout" | "stderr"; text: string }[] | null;
  #stream: "stdout" | "stderr" = "stdout";
  #parts: string[] = [];
  #size = 0;
  /** What was before the first line is gone, and nobody was told yet. */
  #lost: boolean;
  #first: string | null = null;
  #told = false;

  constructor(selection: LogSelection, sink: LogSink, lost: boolean) {
    this.#selection = selection;
    this.#sink = sink;
    this.#tail = selection.tail === null ? null : [];
    this.#lost = lost;
  }

  /** What comes next does not follow on what was written. */
  tellLost(): void {
    this.flush();
    if (!this.#told) this.#sink.lost();
    this.#told = true;
  }

  add(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      this.#line(bytes, start, end);
      start = end + 1;
    }
    const rest = bytes.subarray(start);
    // What is longer than any line was not written by a monitor: skipped.
    this.#rest = rest.length > LINE_BYTES_MAX ? Buffer.alloc(0) : Buffer.from(rest);
  }

  /** The backlog is complete: what --tail kept is written, and from here on everything is. */
  finish(): void {
    const kept = this.#tail === null ? [] : this.#tail.slice(Math.max(0, this.#tail.length - this.#selection.tail!));
    if (this.#tail !== null && kept.length < this.#selection.tail!) this.#reachesBack();
    this.#tail = null;
    for (const { stream, text } of kept) this.#put(stream, text);
    this.flush();
  }

  flush(): void {
    if (this.#parts.length > 0) this.#sink.write(this.#stream, Buffer.from(this.#parts.join("")));
    this.#parts = [];
    this.#size = 0;
  }

  /** Lines from before the first one were asked for. */
  #reachesBack(): void {
    const { since } = this.#selection;
    if (this.#lost && this.#first !== null && (since === null || since < this.#first)) this.tellLost();
    this.#lost = false;
  }

  #line(bytes: Buffer, start: number, end: number): void {
    const entry = parseLine(bytes, start, end);
    if (entry === null) return;
    const { since, until, timestamps, details } = this.#selection;
    const time = nineDigits(entry.time);
    this.#first ??= time;
    if (this.#lost && this.#tail === null) this.#reachesBack();
    if ((since !== null && time < since) || (until !== null && time > until)) return;
    const log = details ? `${detailsOf(entry)} ${entry.log}` : entry.log;
    const text = timestamps ? `${time} ${log}` : log;
    if (this.#tail === null) return this.#put(entry.stream, text);
    this.#tail.push({ stream: entry.stream, text });
    if (this.#tail.length > this.#selection.tail! * 2 + 64) this.#tail.splice(0, this.#tail.length - this.#selection.tail!);
  }

  #put(stream: "stdout" | "stderr", text: string): void {
    if (stream !== this.#stream) this.flush();
    this.#stream = stream;
    this.#parts.push(text);
    this.#size += text.length;
    if (this.#size > CHUNK_BYTES) this.flush();
  }
}

interface Entry {
  readonly log: string;
  readonly stream: "stdout" | "stderr";
  readonly time: string;
  /** What --log-opt labels, env and tag noted. */
  readonly attrs?: Readonly<Record<string, string>>;
}

/** "a=1,b=2", in the order of the names and safe from commas (moby api/server/httputils/write_log_stream.go, stringAttrs). */
function detailsOf({ attrs }: Entry): string {
  return Object.entries(attrs ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map((pair) => pair.map(queryEscape).join("=")).join(",");
}

/** Go's url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll("%20", "+");
}

const DATE_AND_DOT = "2026-01-02T03:04:05.".length;

/** A UTC time of RFC 3339 with all nine digits of its fraction, which json-file cuts: as `logs -t` shows it, and in an order that text has. */
export function nineDigits(time: string): string {
  if (time.length === DATE_AND_DOT + 10 || !time.endsWith("Z")) return time;
  const digits = time.slice(0, -1);
  return `${(digits.includes(".") ? digits : `${digits}.`).slice(0, DATE_AND_DOT + 9).padEnd(DATE_AND_DOT + 9, "0")}Z`;
}

/** Null for a line that is none: a torn one after a crash. */
function parseLine(bytes: Buffer, start: number, end: number): Entry | null {
  // The monitor's own form, from the back: …","stream":"stdout","time":"…Z"}
  const timeStart = bytes.lastIndexOf('"', end - 3) + 1;
  const streamStart = timeStart - STREAM_OUT.length;
  const logStart = start + LOG_START.length;
  if (streamStart >= logStart && bytes.compare(LOG_START, 0, LOG_START.length, start, logStart) === 0) {
    const out = bytes.compare(STREAM_OUT, 0, STREAM_OUT.length, streamStart, timeStart) === 0;
    if (out || bytes.compare(STREAM_ERR, 0, STREAM_ERR.length, streamStart, timeStart) === 0) {
      const raw = bytes.toString("utf8", logStart, streamStart);
      const escape = raw.indexOf("\\");
      const log = escape === -1 ? raw : escape === raw.length - 2 && raw.endsWith("\\n") ? `${raw.slice(0, -2)}\n` : unescaped(raw);
      return log === null ? null : { log, stream: out ? "stdout" : "stderr", time: bytes.toString("latin1", timeStart, end - 2) };
    }
  }
  return parseAny(bytes.toString("utf8", start, end));
}

/** Null: what a torn line and the next one make together. */
function unescaped(raw: string): string | null {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return null;
  }
}

function parseAny(text: string): Entry | null {
  try {
    const entry = JSON.parse(text) as Partial<Entry>;
    if (typeof entry.log !== "string" || typeof entry.time !== "string") return null;
    return { log: entry.log, stream: entry.stream === "stderr" ? "stderr" : "stdout", time: entry.time, ...(typeof entry.attrs === "object" ? { attrs: entry.attrs } : {}) };
  } catch {
    return null;
  }
}
