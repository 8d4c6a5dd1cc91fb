/** A store that has something in it and is where no container can be: mdk brings a file system of its own over an empty one only. */
import { realpathSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { holdsAnything } from "../../store/database.ts";
import { storePaths } from "../../store/paths.ts";
import { E } from "../../sys/errno.ts";
import { SysError } from "../../sys/ffi.ts";
import { mountOf } from "../../sys/mountinfo.ts";

/** What to say of a data root on which overlays do not work (`unusable`, layer/overlay.ts), by whether its store has something in it. */
export function explainUnusable(root: string, unusable: MdkError): MdkError {
  // The caller may not mount, or the kernel has no overlay: the file system may be as good as any.
  if (unusable.cause instanceof SysError && (unusable.cause.errno === E.EPERM || unusable.cause.errno === E.ENODEV)) return unusable;
  if (!holdsAnything(storePaths(root).database)) return unusable;
  const type = mountOf(realpathSync(root))?.type ?? "a file system";
  return new MdkError("unsupported", "store-stranded", `${root} is on ${type}, which cannot hold containers, and its store has images already, which a file system of mdk's own would hide`, {
    hint: strandedHint(root), cause: unusable,
  });
}

export function strandedHint(root: string): string {
  return `choose another directory: --root DIR (or MDK_ROOT); or give up what is in this one: mdk clean -f && rm -r ${root}`;
}
