/** What a name in a layer archive means (image-spec layer.md#whiteouts), and whether it is allowed at all. Pure. */
import { MdkError } from "../error.ts";
import { shownName } from "./tar-header.ts";

export const WHITEOUT = ".wh.";
/** AUFS kept its own files under this prefix in the root; only the opaque marker means something to an image. */
const META = ".wh..wh.";
export const OPAQUE = ".wh..wh..opq";
/** NAME_MAX of the kernel. */
const COMPONENT_BYTES_MAX = 255;

export const OPAQUE_XATTR = "trusted.overlay.opaque";
export const OPAQUE_VALUE = Buffer.from("y");

export type Mark =
  | { readonly kind: "entry" }
  /** The layers below show nothing of this name. */
  | { readonly kind: "whiteout"; readonly name: string }
  /** The layers below show nothing in this directory. */
  | { readonly kind: "opaque" }
  | { readonly kind: "ignored" };

/**
 * A path of an archive without leading slashes, empty components and "."; "" is the root. `..` is resolved as if the
 * archive's root were the root of everything ("a/../b" is "b"), but a path that climbs out of it is refused.
 */
export function cleanEntryPath(path: string): string {
  const clean: string[] = [];
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue;
    if (component === "..") {
      if (clean.pop() === undefined) throw new MdkError("corrupt", "archive-escape", `the archive has an entry that climbs out of its root: ${shownName(path)}`);
    } else if (component.length > COMPONENT_BYTES_MAX) {
      throw new MdkError("corrupt", "archive-invalid", `the archive has a name of ${component.length} bytes: ${shownName(component).slice(0, 40)}…`);
    } else clean.push(component);
  }
  return clean.join("/");
}

/** Reads the last component of a clean path. Throws "archive-invalid" for marks that would hide ".", ".." or nothing. */
export function whiteoutOf(path: string): Mark {
  if (!path.includes(WHITEOUT)) return { kind: "entry" };
  const components = path.split("/");
  if (components[0]!.startsWith(META) && components[0] !== OPAQUE) return { kind: "ignored" };
  const base = components.pop() as string;
  if (components.some((component) => component.startsWith(WHITEOUT))) {
    throw new MdkError("corrupt", "archive-invalid", `the archive puts something below a whiteout: ${shownName(path)}`);
  }
  if (base === OPAQUE) return { kind: "opaque" };
  if (base.startsWith(META)) return { kind: "ignored" };
  if (!base.startsWith(WHITEOUT)) return { kind: "entry" };
  const name = base.slice(WHITEOUT.length);
  if (name === "" || name === "." || name === "..") {
    throw new MdkError("corrupt", "archive-invalid", `the archive has an invalid whiteout: ${shownName(path)}`);
  }
  return { kind: "whiteout", name };
}
