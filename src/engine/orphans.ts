/** What nobody's container left in the run root: looked for by every `ps`, dealt with by settle.ts. */
import { existsSync, readdirSync } from "node:fs";
import type { Context } from "./context.ts";

/**
 * Names below the run root that belong to nobody: directories of containers whose row was never written, or is gone, and
 * shims whose writer was killed. `ids`: of all containers; asked for only where there is a directory.
 */
export function findOrphans(context: Context, ids: () => ReadonlySet<string>): string[] {
  if (!existsSync(context.runRoot)) return [];
  let known: ReadonlySet<string> | null = null;
  return readdirSync(context.runRoot).filter((name) => {
    if (isContainerId(name)) return !(known ??= ids()).has(name);
    const writer = /^shim-[0-9a-f]{64}\.(\d+)$/.exec(name)?.[1];
    return writer !== undefined && !existsSync(`/proc/${writer}`);
  });
}

/** 64 hexadecimal digits: what such a directory is called. */
export function isContainerId(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}
