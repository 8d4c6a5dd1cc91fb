/** What nobody's container left in the run root: looked for by every `ps`, dealt with by settle.ts. */
import { existsSync, readdirSync } from "node:fs";
import { isOfAnotherRoot } from "../../runtime/state.ts";
import { containerIds } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";

/**
 * Names below the run root that belong to nobody: directories of containers whose row was never written, or is gone, and
 * shims, and secrets of builds, whose writer was killed. `known`: ids of which the caller has just read the rows; where there are others, all are read at once.
 */
export function findOrphans(context: Context, known: ReadonlySet<string>): string[] {
  if (!existsSync(context.runRoot)) return [];
  let rows: ReadonlySet<string> | null = null;
  return readdirSync(context.runRoot).filter((name) => {
    if (known.has(name)) return false;
    if (isContainerId(name)) return !(rows ??= containerIds(context.database())).has(name) && !isOfAnotherRoot(runPaths(context.runRoot).container(name), context.root);
    const writer = /^(?:shim-[0-9a-f]{64}|secret-[0-9a-f-]{36})\.(\d+)$/.exec(name)?.[1];
    return writer !== undefined && !existsSync(`/proc/${writer}`);
  });
}

/** 64 hexadecimal digits: what such a directory is called. */
export function isContainerId(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}
