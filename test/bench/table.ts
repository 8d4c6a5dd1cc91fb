/** Figures to a markdown table. Pure. */

import type { Taken } from "./taken.ts";

/** Name of what was measured to its samples. */
export type Samples = Readonly<Record<string, readonly number[]>>;

export interface Row {
  readonly what: string;
  readonly unit: "ms" | "s" | "KiB";
  readonly samples: Samples;
  /** What mdk's median is divided by: a name in samples, "faster peer" for the best of the others, null: the figure itself. */
  readonly against: string | null;
  /** Largest ratio, or largest figure where `against` is null. */
  readonly budget: number;
  /** What each took besides. */
  readonly taken?: Readonly<Record<string, Taken>>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[Math.max(0, middle - 1)] ?? Number.NaN, sorted[middle] ?? Number.NaN];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

const SUBJECT = "mdk";

/** mdk's median over the peer's. */
export function measure(row: Row): { readonly value: number; readonly peer: string | null } {
  const own = median(row.samples[SUBJECT] ?? []);
  if (row.against === null) return { value: own, peer: null };
  const others = Object.keys(row.samples).filter((name) => name !== SUBJECT);
  const best = others.toSorted((a, b) => median(row.samples[a] ?? []) - median(row.samples[b] ?? []))[0];
  const peer = row.against === "faster peer" ? (best ?? "") : row.against;
  return { value: own / median(row.samples[peer] ?? []), peer };
}

function isMet(row: Row): boolean {
  return measure(row).value <= row.budget;
}

export function renderTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { value, peer } = measure(row);
    const peers = Object.keys(row.samples).filter((name) => name !== SUBJECT).map((name) => `${name} ${format(median(row.samples[name] ?? []))}`);
    const unit = peer === null ? ` ${row.unit}` : ` × ${peer}`;
    const budget = `≤ ${format(row.budget)}${peer === null ? unit : " ×"}`;
    return `| ${row.what} | ${format(median(row.samples[SUBJECT] ?? []))} ${row.unit} | ${peers.join(", ")} | ${format(value)}${unit} | ${budget} | ${isMet(row) ? "yes" : "**no**"} |`;
  });
  return ["| what | mdk | peers | measured | budget | met |", "|---|---|---|---|---|---|", ...lines].join("\n");
}

/** What was taken of the machine, a row for each who did it; "": of no row. */
export function renderTaken(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ what, taken = {} }) => Object.entries(taken).map(([name, { cpuSeconds, peakMib, writtenMb }]) => `| ${what} | ${name} | ${format(cpuSeconds)} s | ${format(peakMib)} MiB | ${format(writtenMb)} MB |`));
  return lines.length === 0 ? "" : ["", "| what | by | CPU of the machine | memory at most | written |", "|---|---|---|---|---|", ...lines].join("\n");
}

function format(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
