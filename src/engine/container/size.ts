/** What a container takes on disk. */
import { storePaths } from "../../store/paths.ts";
import { treeBytes } from "../../sys/tree-size.ts";
import type { Context } from "../context.ts";

/** Bytes of the container's own layer: what it wrote. Walks the whole of it. */
export function ownBytes(context: Context, id: string): number {
  return treeBytes(`${storePaths(context.root).container(id)}/upper`);
}
