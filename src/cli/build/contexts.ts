/** --build-context: files and images that a Dockerfile knows by names. */
import { closeSync, openSync, statSync } from "node:fs";
import { withoutPasswords } from "../../build/context/remote.ts";
import type { NamedContext } from "../../engine/build/request.ts";
import type { Context } from "../../engine/context.ts";
import { MdkError } from "../../error.ts";
import type { Location } from "../../image/location.ts";
import { canonicalName, parseReference, withDefaultTag } from "../../image/reference.ts";
import { O_DIRECTORY, O_PATH } from "../../sys/at.ts";
import { UsageError } from "../grammar/flags.ts";
import { findContextFiles, type FindContextOptions } from "./context.ts";
import { readIgnoreRules } from "./files.ts";

export interface OpenContexts {
  readonly contexts: ReadonlyMap<string, NamedContext>;
  close(): void;
}

const IMAGE = "docker-image://";
const LAYOUT = "oci-layout://";

/** "name=path", "name=docker-image://reference", "name=oci-layout://path[:tag]", "name=URL". Throws UsageError, "context-missing" and what findContextFiles throws. */
export async function openContexts(context: Context, words: readonly string[], finding: FindContextOptions): Promise<OpenContexts> {
  const contexts = new Map<string, NamedContext>();
  const ends: (() => void)[] = [];
  const close = (): void => ends.forEach((end) => end());
  try {
    for (const text of words) {
      const [, name = "", value = ""] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
      if (name === "") throw new UsageError(`invalid context value: ${withoutPasswords(text)}, expected key=value`);
      contexts.set(name, await opened(context, { name, value }, ends, finding));
    }
    return { contexts, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function opened(context: Context, { name, value }: { readonly name: string; readonly value: string }, ends: (() => void)[], finding: FindContextOptions): Promise<NamedContext> {
  if (value.startsWith(IMAGE)) return { kind: "image", reference: canonicalName(withDefaultTag(parseReference(value.slice(IMAGE.length)))), location: null };
  if (value.startsWith(LAYOUT)) return { kind: "image", reference: value, location: layoutOf(value.slice(LAYOUT.length)) };
  const found = await findContextFiles(context, value, finding);
  ends.push(() => found.remove());
  if (found.path === null) throw new MdkError("invalid", "context-kind", `failed to get build context ${name}: ${withoutPasswords(value)} is no archive`);
  if (statSync(found.path, { throwIfNoEntry: false })?.isDirectory() !== true) throw new MdkError("not-found", "context-missing", `failed to get build context ${name}: ${withoutPasswords(value)} is no directory`);
  const root = openSync(found.path, O_PATH | O_DIRECTORY);
  ends.push(() => closeSync(root));
  return { kind: "directory", root, ignore: await readIgnoreRules({ path: found.path, isFetched: found.from !== null }, { path: null }, finding.signal) };
}

/** "PATH", "PATH:TAG". */
function layoutOf(text: string): Location {
  if (text.includes("@")) throw new MdkError("unsupported", "context-layout", `a digest in ${LAYOUT}${text} is not supported by this version of mdk`, { hint: "name the image by its tag" });
  const colon = text.lastIndexOf(":");
  const isTagged = colon > text.lastIndexOf("/");
  return { transport: "oci", path: isTagged ? text.slice(0, colon) : text, name: isTagged ? text.slice(colon + 1) : null };
}
