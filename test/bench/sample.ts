/** Interleaved sampling: every contender once a round, so that a slow moment of the machine hits all alike. */
import type { Samples } from "./table.ts";

export interface Contender {
  readonly name: string;
  /** One measured run; returns the figure. What surrounds it is not measured. */
  readonly sample: () => Promise<number>;
}

/** The first round of each is not counted. */
export async function interleave(rounds: number, contenders: readonly Contender[]): Promise<Samples> {
  const samples = Object.fromEntries(contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, sample } of contenders) {
      const value = await sample();
      if (round > 0) samples[name]?.push(value);
    }
  }
  return samples;
}
