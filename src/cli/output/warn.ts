/** Warnings to standard error, through consola's core with a reporter of our own (its default one costs 9 ms). */
import { printError } from "./text.ts";

/** "WARNING: text", as Docker's command prints what the engine warns of. */
export async function warn(texts: readonly string[]): Promise<void> {
  if (texts.length === 0) return;
  const { createConsola } = await import("consola/core");
  const reporter = { log: (entry: { args: unknown[] }) => printError(`WARNING: ${entry.args.join(" ")}`) };
  const consola = createConsola({ level: 3, reporters: [reporter] });
  for (const text of texts) consola.warn(text);
}

/** Warnings of a start: told while nothing may be waited for, shown when its program runs or it has failed. */
export class Warnings {
  readonly #texts: string[] = [];
  readonly tell = (text: string): void => void this.#texts.push(text);
  readonly show = (): Promise<void> => warn(this.#texts.splice(0));
}
