/** What all ways of showing a build have in common. */
import type { BuildProgress } from "../../engine/build/request.ts";
import { printable } from "../output/text.ts";

export interface Shown extends BuildProgress {
  /** The build is over: nothing is drawn any more. */
  end(): void;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

/** Of a step that failed, once more at the end, as BuildKit has it. */
export function failureText(name: string, lines: readonly string[]): string {
  return ["------", ` > ${printable(name)}:`, ...lines, "------", ""].join("\n");
}

/** What a step may say, as with BuildKit; the rest of it is not shown. */
const OUTPUT_BYTES_MAX = 2 << 20;
export const CLIPPED = "[output clipped, log limit 2MiB reached]";

/** Of the output of one step. */
export class OutputLimit {
  #left = OUTPUT_BYTES_MAX;
  #wasCut = false;

  /** What is shown of it, and whether it is cut here. */
  take(bytes: Uint8Array): { readonly shown: Uint8Array; readonly isCut: boolean } {
    const shown = bytes.subarray(0, this.#left);
    this.#left -= shown.length;
    const isCut = !this.#wasCut && shown.length < bytes.length;
    this.#wasCut ||= isCut;
    return { shown, isCut };
  }
}
/** A line that does not end is shown in pieces of so many characters. */
const LINE_MAX = 1 << 15;

/** Whole lines out of pieces of bytes. */
export class LineReader {
  readonly #decoder = new TextDecoder();
  #rest = "";

  take(bytes: Uint8Array): string[] {
    const lines = `${this.#rest}${this.#decoder.decode(bytes, { stream: true })}`.split("\n");
    this.#rest = lines.pop() ?? "";
    // What a line was rewritten with last is what it says.
    const shown = lines.map((line) => line.replace(/\r+$/, "").split("\r").at(-1)!);
    if (this.#rest.length <= LINE_MAX) return shown;
    const piece = this.#rest;
    this.#rest = "";
    return [...shown, piece];
  }

  end(): string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}
