/** Goes through the cases of a target; a finding says how it is repeated. */
import { MdkError } from "../../src/error.ts";
import { chance } from "./random.ts";
import type { Target } from "./cases.ts";

export interface Bounds {
  readonly seed: number;
  readonly ms: number;
  /** Only the case of this number; null: from the first, until the time is over. */
  readonly only: number | null;
}

/** A case that takes longer is a finding: somebody waits for it. */
const CASE_MS = 15_000;

/** Returns how many cases were read and how many refused. Throws at the first finding. */
export async function fuzz(target: Target, { seed, ms, only }: Bounds): Promise<{ readonly cases: number; readonly refused: number }> {
  const until = performance.now() + ms;
  let refused = 0;
  let number = only ?? 0;
  do {
    const random = chance(seed, number);
    const bytes = target.make(random);
    const began = performance.now();
    try {
      await target.check(bytes, random);
    } catch (error) {
      if (!(error instanceof MdkError)) throw finding(target, { seed, number, bytes }, error);
      refused++;
    }
    if (performance.now() - began > CASE_MS) throw finding(target, { seed, number, bytes }, `it took ${Math.round(performance.now() - began)} ms`);
    number++;
  } while (only === null && performance.now() < until);
  return { cases: number - (only ?? 0), refused };
}

function finding({ name }: Target, { seed, number, bytes }: { readonly seed: number; readonly number: number; readonly bytes: Buffer }, error: unknown): Error {
  return new Error(`${name}: ${String(error)}\nagain: MDK_FUZZ_SEED=${seed} MDK_FUZZ_CASE=${number} MDK_FUZZ_TARGET='${name}' npm run fuzz\n${JSON.stringify(bytes.toString("latin1").slice(0, 500)).slice(0, 1000)}`, { cause: error });
}
