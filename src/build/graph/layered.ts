/** A map that never changes and yet grows cheaply: each step of a stage has its own, and thousands of them share what they have in common. */

/** How many layers lie on each other before they become one: what a look-up passes through at most. */
const LAYERS_MAX = 64;

export class Layered<V> {
  readonly #own: ReadonlyMap<string, V>;
  readonly #below: Layered<V> | null;
  readonly #layers: number;

  private constructor(own: ReadonlyMap<string, V>, below: Layered<V> | null) {
    this.#own = own;
    this.#below = below;
    this.#layers = below === null ? 1 : below.#layers + 1;
  }

  static of<V>(entries: Iterable<readonly [string, V]>): Layered<V> {
    return new Layered(new Map(entries), null);
  }

  get(name: string): V | undefined {
    for (let layer: Layered<V> | null = this; layer !== null; layer = layer.#below) if (layer.#own.has(name)) return layer.#own.get(name);
    return undefined;
  }

  has(name: string): boolean {
    for (let layer: Layered<V> | null = this; layer !== null; layer = layer.#below) if (layer.#own.has(name)) return true;
    return false;
  }

  /** In the order in which the names came; of one that came again the later value. */
  entries(): IterableIterator<[string, V]> {
    return this.#flat().entries();
  }

  keys(): IterableIterator<string> {
    return this.#flat().keys();
  }

  with(entries: Iterable<readonly [string, V]>): Layered<V> {
    const own = new Map(entries);
    if (this.#layers < LAYERS_MAX) return new Layered(own, this);
    const flat = this.#flat();
    for (const [name, value] of own) flat.set(name, value);
    return new Layered(flat, null);
  }

  #flat(): Map<string, V> {
    const layers: ReadonlyMap<string, V>[] = [];
    for (let layer: Layered<V> | null = this; layer !== null; layer = layer.#below) layers.push(layer.#own);
    const flat = new Map<string, V>();
    for (const layer of layers.reverse()) for (const [name, value] of layer) flat.set(name, value);
    return flat;
  }
}
