/**
 * One pattern of a .dockerignore against one path, as an automaton whose states are bits: all ways are followed at once, thirty-two in a step, so that no
 * pattern takes longer than its length times the path's, by far. Pure.
 */

/** "enter" and "directories" are "**" with the slash behind it: any directories, or none. "rest" is one at the end: anything. */
type Token = "star" | "any" | "enter" | "directories" | "rest" | ((point: number) => boolean);

const SLASH = 0x2f;

/** `pattern`: cleaned, its brackets checked. */
export function compilePattern(pattern: string): (path: string) => boolean {
  const automaton = new Automaton(tokensOf(pattern));
  return (path) => automaton.matches(path);
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*" && characters[at + 1] === "*") {
      at += characters[at + 2] === "/" ? 2 : 1;
      tokens.push(...(at + 1 >= characters.length ? ["rest" as const] : ["enter" as const, "directories" as const]));
    } else if (character === "*") tokens.push("star");
    else if (character === "?") tokens.push("any");
    else if (character === "[") at = pushSet(tokens, characters, at);
    else {
      const wanted = pointOf(character === "\\" ? characters[++at]! : character);
      tokens.push((other) => other === wanted);
    }
  }
  return tokens;
}

const pointOf = (character: string): number => character.codePointAt(0)!;

/** A set in brackets, checked before; the index of the bracket that ends it. As in moby's expressions "[^…]" takes a slash, too. */
function pushSet(tokens: Token[], characters: readonly string[], begin: number): number {
  const isNegated = characters[begin + 1] === "^";
  const ranges: [first: number, last: number][] = [];
  let at = begin + (isNegated ? 2 : 1);
  const take = (): number => pointOf(characters[at] === "\\" ? characters[(at += 2) - 1]! : characters[at++]!);
  while (at < characters.length && characters[at] !== "]") {
    const first = take();
    if (characters[at] !== "-") ranges.push([first, first]);
    else {
      at++;
      ranges.push([first, take()]);
    }
  }
  tokens.push((other) => ranges.some(([first, last]) => first <= other && other <= last) !== isNegated);
  return at;
}

/** Characters whose masks are kept besides those of ASCII. */
const KEPT_MAX = 64;
const ASCII = 128;

class Automaton {
  /** Of each state what leads to the next one; null: nothing does. */
  readonly #steps: (((point: number) => boolean) | null)[] = [];
  /** From a state to a later one, without a character; in the order of their beginnings. */
  readonly #jumps: (readonly [from: number, to: number])[] = [];
  readonly #words: number;
  /** States that stay on any character, and on any but a slash. */
  readonly #staying: Int32Array;
  readonly #stayingInName: Int32Array;
  readonly #ascii: (Int32Array | undefined)[] = new Array<undefined>(ASCII).fill(undefined);
  readonly #others = new Map<number, Int32Array>();
  readonly #buffers: readonly [Int32Array, Int32Array];

  constructor(tokens: readonly Token[]) {
    const [staying, stayingInName]: [number[], number[]] = [[], []];
    for (const token of tokens) {
      const at = this.#steps.length;
      if (token === "star") stayingInName.push(at);
      else if (token === "rest") staying.push(at);
      else if (token === "enter") {
        this.#steps.push(null);
        this.#jumps.push([at, at + 1], [at, at + 2]);
      } else if (token === "directories") {
        staying.push(at);
        // Directories end with a slash.
        this.#steps.push((point) => point === SLASH);
      } else this.#steps.push(token === "any" ? (point) => point !== SLASH : token);
    }
    this.#words = (this.#steps.length >> 5) + 1;
    [this.#staying, this.#stayingInName] = [this.#set(staying), this.#set(stayingInName)];
    this.#buffers = [this.#set([]), this.#set([])];
  }

  matches(path: string): boolean {
    return this.#words === 1 && this.#jumps.length === 0 ? this.#matchesInWord(path) : this.#matchesInWords(path);
  }

  /** What nearly all patterns are. */
  #matchesInWord(path: string): boolean {
    const [staying, stayingInName] = [this.#staying[0]!, this.#stayingInName[0]!];
    let states = 1;
    for (let at = 0; at < path.length; at++) {
      const point = path.codePointAt(at)!;
      if (point > 0xffff) at++;
      states = ((states & this.#maskOf(point)[0]!) << 1) | (states & (point === SLASH ? staying : staying | stayingInName));
      if (states === 0) return false;
    }
    return (states & (1 << this.#steps.length)) !== 0;
  }

  #matchesInWords(path: string): boolean {
    let [states, next] = this.#buffers;
    states.fill(0);
    states[0] = 1;
    this.#jump(states);
    for (let at = 0; at < path.length; at++) {
      const point = path.codePointAt(at)!;
      if (point > 0xffff) at++;
      const mask = this.#maskOf(point);
      const stays = point === SLASH ? 0 : -1;
      let [carry, any] = [0, 0];
      for (let word = 0; word < this.#words; word++) {
        const state = states[word]!;
        const taken = state & mask[word]!;
        const found = (taken << 1) | carry | (state & (this.#staying[word]! | (this.#stayingInName[word]! & stays)));
        carry = taken >>> 31;
        any |= next[word] = found;
      }
      if (any === 0) return false;
      this.#jump(next);
      [states, next] = [next, states];
    }
    return isIn(states, this.#steps.length);
  }

  #jump(states: Int32Array): void {
    if (this.#jumps.length === 0) return;
    for (const [from, to] of this.#jumps) if (isIn(states, from)) states[to >> 5]! |= 1 << (to & 31);
  }

  #set(states: readonly number[]): Int32Array {
    const set = new Int32Array(this.#words);
    for (const state of states) set[state >> 5]! |= 1 << (state & 31);
    return set;
  }

  /** The states that a character leads on from. */
  #maskOf(point: number): Int32Array {
    const known = point < ASCII ? this.#ascii[point] : this.#others.get(point);
    if (known !== undefined) return known;
    const mask = this.#set(this.#steps.flatMap((step, state) => (step?.(point) === true ? [state] : [])));
    if (point < ASCII) this.#ascii[point] = mask;
    else if (this.#others.size < KEPT_MAX) this.#others.set(point, mask);
    return mask;
  }
}

function isIn(states: Int32Array, state: number): boolean {
  return (states[state >> 5]! & (1 << (state & 31))) !== 0;
}
