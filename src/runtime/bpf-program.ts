/**
 * A classic BPF program for seccomp, written from its end to its beginning: jumps only go forward, so whatever a jump aims at
 * is there already when the jump is written. Equal code is shared as long as a jump reaches it.
 * (Documentation/networking/filter.rst; kernel/seccomp.c, seccomp_check_filter lists what is allowed.)
 */

/** sock_filter codes that are used. */
export const BPF = { LOAD: 0x20, AND: 0x54, JA: 0x05, JEQ: 0x15, JGT: 0x25, JGE: 0x35, RET: 0x06 } as const;

/** The kernel's BPF_MAXINSNS. */
const MOST = 4096;
/** Conditional jumps hold eight bits. */
const REACH = 255;

/** A place in the program: its distance from the end. */
export type Label = number;

/** A value's range from `start` up to the next one's start, and what happens there. */
export interface Range {
  readonly start: number;
  readonly target: Target;
}

/** Code that is written when it is first needed. Equal keys mean equal code. */
export interface Target {
  readonly key: string;
  readonly emit: (program: BpfProgram) => Label;
}

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export class BpfProgram {
  /** Last instruction first. */
  readonly #reversed: Instruction[] = [];
  readonly #shared = new Map<string, Label>();

  get length(): number {
    return this.#reversed.length;
  }

  /** A plain instruction in front of everything that is there. */
  put(code: number, k: number): Label {
    return this.#push({ code, jt: 0, jf: 0, k });
  }

  /** Goes on at `next`, which must be in front: writes a jump where it is not. */
  goto(next: Label): void {
    if (next !== this.#reversed.length) this.put(BPF.JA, this.#reversed.length - next);
  }

  /** A load or calculation that goes on at `next`. */
  then(code: number, k: number, next: Label): Label {
    this.goto(next);
    return this.put(code, k);
  }

  /** A comparison of the accumulator with k. Targets out of reach get a jump of their own in front. */
  branch(code: number, k: number, yes: Label, no: Label): Label {
    let [jt, jf] = [yes, no];
    // One jump more may come in front of the other.
    if (this.#distance(jt) >= REACH) jt = this.put(BPF.JA, this.#distance(jt));
    if (this.#distance(jf) > REACH) jf = this.put(BPF.JA, this.#distance(jf));
    return this.#push({ code, jt: this.#distance(jt), jf: this.#distance(jf), k });
  }

  /** The label of a target, written now or before. */
  place(target: Target): Label {
    const known = this.#shared.get(target.key);
    if (known !== undefined && this.#distance(known) < REACH - 8) return known;
    const label = target.emit(this);
    this.#shared.set(target.key, label);
    return label;
  }

  /** A binary search over ranges (sorted by start, the first at 0) for the accumulator's value. */
  search(ranges: readonly Range[]): Label {
    const merged = ranges.filter((range, index) => index === 0 || ranges[index - 1]?.target.key !== range.target.key);
    return this.#search(merged, 0, merged.length);
  }

  #search(ranges: readonly Range[], from: number, to: number): Label {
    const middle = (from + to) >> 1;
    const range = ranges[middle];
    if (range === undefined) throw new Error("search without ranges");
    if (to - from === 1) return this.place(range.target);
    // Large parts first, so that what is written last, and is near, are the returns that everybody shares.
    const high = this.#search(ranges, middle, to);
    const low = this.#search(ranges, from, middle);
    return this.branch(BPF.JGE, range.start, high, low);
  }

  /** struct sock_filter[], native byte order (both processors are little-endian). */
  bytes(): Uint8Array<ArrayBuffer> {
    const view = new DataView(new ArrayBuffer(this.length * 8));
    this.#reversed.toReversed().forEach(({ code, jt, jf, k }, index) => {
      view.setUint16(index * 8, code, true);
      view.setUint8(index * 8 + 2, jt);
      view.setUint8(index * 8 + 3, jf);
      view.setUint32(index * 8 + 4, k >>> 0, true);
    });
    return new Uint8Array(view.buffer);
  }

  /** How many instructions a jump that is written now would skip. */
  #distance(label: Label): number {
    return this.#reversed.length - label;
  }

  #push(instruction: Instruction): Label {
    if (this.#reversed.length >= MOST) throw new Error("a filter of more than 4096 instructions");
    return this.#reversed.push(instruction);
  }
}
