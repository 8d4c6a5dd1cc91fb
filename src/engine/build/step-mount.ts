/** One mount of a RUN, ready to be opened. */
import { fstatSync } from "node:fs";
import { spanAt } from "../../build/language/error.ts";
import type { CopyInstruction } from "../../build/language/instructions/types.ts";
import type { UserMount } from "../../spec/mount-types.ts";
import { MOUNT_ATTR } from "../../sys/linux.ts";
import { AT_EMPTY_PATH, AT_FDCWD, mountSetattr, OPEN_TREE_CLONE, openTree } from "../../sys/mount.ts";
import type { OpenBind } from "../start/binds.ts";

export interface ReadyMount {
  readonly target: string;
  /** What of it the outcome of the step depends on. */
  readonly key: unknown;
  /** What is bound, a detached mount; `scratch`: an empty directory for what is thrown away. Null: a file system of its own, which `mount` says, or nothing. */
  readonly bind: ((scratch: string) => OpenBind | Promise<OpenBind>) | null;
  /** Null: it is only a variable. */
  readonly mount: UserMount | null;
  readonly close?: () => void;
}

export const bindOn = (target: string, readonly: boolean): UserMount => ({ type: "bind", source: "/", target, readonly, propagation: "rprivate", recursive: true, mode: readonly ? "ro" : "" });
export const tmpfsOn = (target: string, size: number): UserMount => ({ type: "tmpfs", target, options: size === 0 ? [] : [`size=${size}`] });

/** Of something that is mounted, a clone. Before Linux 6.15 EINVAL for what is mounted nowhere itself. */
export function cloneMount(path: number | string, isReadonly: boolean): OpenBind {
  const tree = typeof path === "number" ? openTree(path, "", OPEN_TREE_CLONE | AT_EMPTY_PATH) : openTree(AT_FDCWD, path, OPEN_TREE_CLONE);
  if (isReadonly) mountSetattr(tree, "", AT_EMPTY_PATH, { set: MOUNT_ATTR.RDONLY });
  return { fd: tree, kind: fstatSync(tree).isDirectory() ? "directory" : "file" };
}

/** A COPY of all that is at the source. */
export function wholeOf(source: string): CopyInstruction {
  return {
    kind: "copy", span: spanAt({ line: 1, column: 1 }), keyword: "COPY", source: "", comments: [], sources: [source === "" ? "/" : source], inline: [], destination: "/", chown: null, chmod: null,
    link: false, exclude: [], from: null, parents: false,
  };
}
