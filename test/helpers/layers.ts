/**
 * The layers of src/ and who may import whom:
 *   main → cli → api → engine → { registry layer network volume cgroup runtime build store } → sys
 * and the floors inside engine/, whose folders are the stages of a container's life:
 *   { session system } → { container build } → start → image → end → { network volume } → host → context.ts
 * An import points right. Siblings in the braces never import one another, but a pure file (data in, data out) may be
 * imported by anybody above sys. error.ts is everybody's.
 */
import type { Source } from "./source.ts";

const RANKS: Readonly<Record<string, number>> = {
  "main.ts": 0, cli: 1, api: 2, engine: 3,
  registry: 4, layer: 4, network: 4, volume: 4, cgroup: 4, runtime: 4, build: 4, store: 4, image: 4, spec: 4, config: 4,
  sys: 5, "error.ts": 6,
};

/** The floors of engine/: a folder imports itself and what is below it. */
const FLOORS: Readonly<Record<string, number>> = {
  session: 0, system: 0, container: 1, build: 1, start: 2, image: 3, end: 4, network: 5, volume: 5, host: 6, "context.ts": 7,
};

/** What the design promises to be pure, whatever imports it. */
export const PROMISED_PURE = [/^src\/image\//, /^src\/spec\//, /^src\/config\//, /^src\/runtime\/(planner|plan)\.ts$/, /^src\/cgroup\/limits\.ts$/, /^src\/network\/ipam6?\.ts$/, /^src\/build\/(language|graph|check)\//, /^src\/build\/context\/ignore\.ts$/];

/** Built-in modules and members of Bun that only compute. */
const PURE_MODULES = new Set(["node:path", "node:path/posix", "node:assert"]);
const PURE_BUN = new Set(["Bun.CryptoHasher", "Bun.hash", "Bun.semver", "Bun.SHA256", "Bun.inspect", "Bun.escapeHTML", "Bun.stringWidth"]);
const WORLD = /^(Bun\.\w+|process\.\w+|Date\.now|performance\.now|console\.\w+)$/;

/** "cli", "engine", … or the file's own name for those directly in src/. */
export function layerOf(path: string): string {
  return path.split("/")[1] ?? "";
}

export function rankOf(path: string): number | null {
  return RANKS[layerOf(path)] ?? null;
}

/** Paths of the files that reach no file system, process, clock or network, not through what they import either. */
export function pureFiles(sources: readonly Source[]): Set<string> {
  const pure = new Set(sources.filter(touchesNothing).map((source) => source.path));
  for (let changed = true; changed; ) {
    changed = false;
    for (const source of sources) {
      const tainted = source.imports.some((item) => item.path !== null && !item.typeOnly && !pure.has(item.path));
      if (tainted && pure.delete(source.path)) changed = true;
    }
  }
  return pure;
}

function touchesNothing(source: Source): boolean {
  const foreign = source.imports.filter((item) => item.path === null && !item.typeOnly);
  if (foreign.some((item) => !PURE_MODULES.has(item.specifier))) return false;
  return [...source.members.values()].every((name) => !WORLD.test(name) || PURE_BUN.has(name));
}

/** Why the import is not allowed, or null. */
export function importViolation(from: string, to: string, pure: ReadonlySet<string>): string | null {
  const [rank, target] = [rankOf(from), rankOf(to)];
  if (!to.startsWith("src/")) return `${to} is no part of src/`;
  if (rank === null || target === null) return `${layerOf(rank === null ? from : to)} is no layer of the design`;
  if (layerOf(from) === "engine" && layerOf(to) === "engine") return floorViolation(from, to);
  if (target < rank) return `${layerOf(to)} is left of ${layerOf(from)}`;
  if (target === rank && layerOf(from) !== layerOf(to) && !pure.has(to)) return `${layerOf(from)} and ${layerOf(to)} are siblings, and ${to} is not pure`;
  return null;
}

function floorViolation(from: string, to: string): string | null {
  const [home, away] = [from.split("/")[2] ?? "", to.split("/")[2] ?? ""];
  const [floor, target] = [FLOORS[home], FLOORS[away]];
  if (floor === undefined || target === undefined) return `${floor === undefined ? from : to} is on no floor of engine/`;
  if (home === away || target > floor) return null;
  return target === floor ? `${home} and ${away} are on one floor` : `${away} is above ${home}`;
}
