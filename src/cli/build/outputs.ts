/** --output, --push and --load: what is to come of a build, in the words of buildx. */
import { statSync } from "node:fs";
import { MdkError, messageOf } from "../../error.ts";
import { parseCsv } from "../../build/language/csv.ts";
import { isSamePacking, USUAL_PACKING, type Packing } from "../../image/packing.ts";
import { flagField, keyedFields, PACKING_KEYS, packingOf } from "./fields.ts";

export type Output =
  /** The steps are carried out, for the cache. */
  | { readonly kind: "cacheonly" }
  | { readonly kind: "image"; readonly names: readonly string[]; readonly isPushed: boolean; /** Of registries without TLS. */ readonly isInsecure: boolean; readonly packing: Packing }
  /** The files of the image, in a directory. */
  | { readonly kind: "local"; readonly path: string; /** Several platforms get a directory each. */ readonly isSplit: boolean }
  /** The same as an archive; `path` null: standard output. */
  | { readonly kind: "tar"; readonly path: string | null }
  /** An archive of the image, or the same unpacked. */
  | { readonly kind: "oci" | "docker"; readonly names: readonly string[]; readonly path: string | null; readonly isDirectory: boolean; readonly packing: Packing };

export interface Wanted {
  readonly words: readonly string[];
  /** --tag: they go before the names of an output. */
  readonly tags: readonly string[];
  readonly isPushed: boolean;
  readonly isLoaded: boolean;
  /** Standard output is a terminal, which gets no archive. */
  readonly isTerminal: boolean;
}

/** Without any, the image is for the store. Throws MdkError "output". */
export function parseOutputs({ words, tags, isPushed, isLoaded, isTerminal }: Wanted): Output[] {
  const outputs = words.map((word) => outputOf(word, tags, isTerminal));
  const images = outputs.filter(({ kind }) => kind === "image");
  const pushed = isPushed ? outputs.map((output) => (output.kind === "image" ? { ...output, isPushed: true } : output)) : outputs;
  const isStored = images.length === 0 && (words.length === 0 || isPushed || isLoaded);
  const all: Output[] = isStored ? [...pushed, { kind: "image", names: tags, isPushed, isInsecure: false, packing: USUAL_PACKING }] : pushed;
  for (const output of all) {
    if (output.kind !== "image") continue;
    if (output.isPushed && output.names.length === 0) throw wrong("tag is needed when pushing to registry");
    if (!output.isPushed && !isSamePacking(output.packing, USUAL_PACKING)) throw unsupported("another compression of an image that is not pushed");
  }
  if (all.filter((output) => "path" in output && output.path === null).length > 1) throw wrong("standard output can have one of the outputs only");
  return all;
}

/** Whether others get a manifest of the image. */
export function hasManifest(output: Output): boolean {
  return output.kind === "oci" || output.kind === "docker" || (output.kind === "image" && output.isPushed);
}

/** How those are packed whose manifests several outputs share. Throws MdkError "output". */
export function commonPacking(outputs: readonly Output[]): Packing {
  const [first = USUAL_PACKING, ...more] = outputs.filter(hasManifest).map((output) => ("packing" in output ? output.packing : USUAL_PACKING));
  if (!more.every((packing) => isSamePacking(packing, first))) throw unsupported("different compression of outputs for several platforms");
  return first;
}

/** Of a build for several platforms. Throws MdkError "output" in BuildKit's words. */
export function refuseSingle(outputs: readonly Output[]): void {
  for (const output of outputs) {
    if (output.kind === "docker") throw wrong("docker exporter does not currently support exporting manifest lists");
    if (output.kind === "local" && !output.isSplit) throw unsupported("platform-split=false of several platforms");
  }
}

const PACKING = Object.fromEntries(PACKING_KEYS.map((key) => [key, ""]));

/** What an output can say besides its type; what it may only say is the value. */
const KEYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cacheonly: {},
  local: { dest: "", "platform-split": "" },
  tar: { dest: "" },
  image: { name: "", push: "", "registry.insecure": "", store: "true", unpack: "", ...PACKING, "oci-mediatypes": "true", "rewrite-timestamp": "" },
  oci: { dest: "", name: "", tar: "", ...PACKING, "oci-mediatypes": "true", "rewrite-timestamp": "" },
  docker: { dest: "", name: "", tar: "", ...PACKING, "oci-mediatypes": "true", "rewrite-timestamp": "" },
};

function outputOf(word: string, tags: readonly string[], isTerminal: boolean): Output {
  const { type: said, fields } = fieldsOf(word);
  const type = said === "registry" ? "image" : said;
  const known = KEYS[type];
  if (known === undefined) throw wrong(`exporter ${JSON.stringify(type)} could not be found`);
  for (const [key, value] of fields) {
    if (known[key] === undefined) throw unsupported(`${key}= of the output type ${said}`);
    if (known[key] !== "" && known[key] !== value) throw unsupported(`${key}=${value} of the output type ${said}`);
  }
  if (type === "cacheonly") return { kind: type };
  const dest = fields.get("dest") ?? null;
  const packing = packingOf(fields, wrong, (what) => unsupported(`${what} of the output type ${said}`));
  const names = tags.length > 0 ? tags : (fields.get("name") ?? "").split(",").filter((name) => name !== "");
  if (type === "image" || (type === "docker" && dest === null)) {
    return { kind: "image", names, isPushed: flagField(fields, "push", said === "registry", wrong), isInsecure: flagField(fields, "registry.insecure", false, wrong), packing };
  }
  if (type === "local") return { kind: "local", path: directoryOf(dest, type), isSplit: flagField(fields, "platform-split", true, wrong) };
  if (type !== "tar" && !flagField(fields, "tar", true, wrong)) return { kind: type as "oci", names, path: directoryOf(dest, type), isDirectory: true, packing };
  const path = fileOf(dest, type, isTerminal);
  return type === "tar" ? { kind: "tar", path } : { kind: type as "oci", names, path, isDirectory: false, packing };
}

/** "DIR" and "-" alone mean type=local and type=tar. */
function fieldsOf(word: string): { readonly type: string; readonly fields: Map<string, string> } {
  const parts = partsOf(word);
  if (parts.length === 1 && parts[0] === word && !word.startsWith("type=")) return { type: word === "-" ? "tar" : "local", fields: new Map([["dest", word]]) };
  const fields = keyedFields(parts, wrong);
  const type = fields.get("type") ?? "";
  if (type === "") throw wrong("type is required for output");
  fields.delete("type");
  return { type, fields };
}

function partsOf(word: string): string[] {
  try {
    return parseCsv(word);
  } catch (error) {
    throw new MdkError("invalid", "output", `invalid output ${JSON.stringify(word)}: ${messageOf(error)}`, { cause: error });
  }
}

function directoryOf(dest: string | null, type: string): string {
  if (dest === null || dest === "") throw wrong(`dest is required for ${type} exporter`);
  if (dest === "-") throw wrong(`dest cannot be stdout for ${type} exporter`);
  if (statSync(dest, { throwIfNoEntry: false })?.isDirectory() === false) throw wrong(`destination directory ${dest} is a file`);
  return dest;
}

function fileOf(dest: string | null, type: string, isTerminal: boolean): string | null {
  if (dest === null || dest === "" || dest === "-") {
    if (isTerminal) throw wrong(`dest file is required for ${type} exporter. refusing to write to console`);
    return null;
  }
  if (statSync(dest, { throwIfNoEntry: false })?.isDirectory() === true) throw wrong(`destination file ${dest} is a directory`);
  return dest;
}

const wrong = (message: string): MdkError => new MdkError("invalid", "output", message);
const unsupported = (what: string): MdkError => new MdkError("unsupported", "output", `${what} is not supported by this version of mdk`);
