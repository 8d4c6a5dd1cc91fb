/**
 * `docker save`: an archive that is an OCI layout and Docker's own at once, as Docker 25 and later write it. The same images give the same
 * bytes.
 */
import { MdkError } from "../../error.ts";
import { digestOf, hexOf, type Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import { USUAL_PACKING, type Packing } from "../../image/packing.ts";
import { DEFAULT_TAG, familiarName, parseReference, repositoryOf, type Reference } from "../../image/reference.ts";
import { choosePlatform, hostPlatform } from "../../image/platform.ts";
import { descriptorOf, type FetchedManifest } from "../../image/transfer.ts";
import { TarWriter } from "../../layer/tar-write.ts";
import type { Database } from "../../store/database.ts";
import { findImageRow, listTags, type ImageRow } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { writeContent, type ContentScope } from "./content.ts";
import { copyImage, type LayerProgress, type LayerTransfer, type Sink } from "./copy.ts";
import { fetchedAgain } from "./fetched-again.ts";
import { imageOfPlatform, indexNamed } from "./named.ts";
import { ownImage, type OwnImage } from "./own-image.ts";
import { storedIndex, type OwnIndex } from "./own-index.ts";
import type { SourceImage } from "./select.ts";

export interface SaveOptions {
  /** What the images are called there, whatever the store calls them. */
  readonly names?: readonly string[];
  readonly packing?: Packing;
  /** Of their manifests, which are made anew then. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Only the images for it; else all that a tag stands for. */
  readonly platform?: string | null;
  readonly warn?: (text: string) => void;
  readonly progress?: LayerProgress | null;
  readonly signal?: AbortSignal | null;
}

/**
 * Hands the archive of the images to `write`, whose bytes are only lent. A name without a tag means all tags of its repository. Throws
 * "no-such-image" and "other-platform" before anything is written, and the errors of ownImage; the archive is not whole then. Returns what its index names.
 */
export async function saveImages(context: Context, words: readonly string[], write: (bytes: Uint8Array) => void, options: SaveOptions = {}): Promise<readonly Descriptor[]> {
  const chosen = chooseImages(context.database(), words, options.platform ?? null);
  const common = { packing: options.packing ?? USUAL_PACKING, annotations: options.annotations ?? {}, warn: options.warn ?? (() => {}) };
  const progress = options.progress ?? { layer() {} };
  return await writeContent(context, options.signal ?? null, async (scope) => {
    const sink = new ArchiveSink(write);
    for (const { image, index, references: own } of chosen.values()) {
      const references = options.names?.map(parseReference) ?? own;
      const [first] = references;
      const called = first === undefined ? { repository: null, name: image.id } : { repository: repositoryOf(first), name: familiarName(first) };
      const again = fetchedAgain(context, {}, scope.abort.signal);
      const packed = index === null ? await ownImage(scope, image, { ...called, ...common, again }) : await storedIndex(scope, index, { ...common, again });
      try {
        if ("members" in packed) await putIndex({ scope, sink, progress }, packed, references);
        else await putImage({ scope, sink, progress }, packed, references);
      } finally {
        packed.close();
      }
    }
    return sink.end();
  });
}

/** The same of an index with all that it names, within writeContent. For who knows no index, the archive's own list has the image of this host. */
export async function saveIndex(scope: ContentScope, index: OwnIndex, names: readonly string[], write: (bytes: Uint8Array) => void): Promise<void> {
  const sink = new ArchiveSink(write);
  await putIndex({ scope, sink, progress: { layer() {} } }, index, names.map(parseReference));
  sink.end();
}

interface Put {
  readonly scope: ContentScope;
  readonly sink: ArchiveSink;
  readonly progress: LayerProgress;
}

async function putImage({ scope, sink, progress }: Put, { source, image }: Pick<OwnImage, "source" | "image">, references: readonly Reference[]): Promise<void> {
  sink.begin(references);
  await copyImage({ source, sink, image, progress, abort: scope.abort });
  sink.entry(image.fetched, references);
}

async function putIndex({ scope, sink, progress }: Put, index: OwnIndex, references: readonly Reference[]): Promise<void> {
  const listed = choosePlatform(index.members, hostPlatform(process.arch)) ?? index.members[0];
  for (const member of index.members) {
    const { source, image } = member.own;
    sink.begin(member === listed ? references : null);
    await copyImage({ source, sink, image, progress, abort: scope.abort });
  }
  sink.entry(index.fetched, references);
}

interface Chosen {
  readonly image: ImageRow;
  /** That is saved as a whole, with this image in it. */
  readonly index: Digest | null;
  readonly references: Reference[];
}

/** In the order of the words, each image and each index once. */
function chooseImages(database: Database, words: readonly string[], platform: string | null): Map<Digest, Chosen> {
  const chosen = new Map<Digest, Chosen>();
  const add = (found: ImageRow, reference: Reference | null, word: string): void => {
    const image = platform === null ? found : imageOfPlatform(database, { image: found, reference }, { word, platform });
    const index = platform === null ? indexNamed(database, reference) : null;
    const key = index ?? image.id;
    const references: Reference[] = chosen.get(key)?.references ?? [];
    const known = references.some((other) => reference !== null && familiarName(other) === familiarName(reference));
    if (reference !== null && !known) references.push(reference);
    chosen.set(key, { image, index, references });
  };
  for (const word of words) {
    const all = allTags(database, word);
    for (const reference of all) add(findImageRow(database, familiarName(reference))!.image, reference, word);
    if (all.length > 0) continue;
    const found = findImageRow(database, word);
    if (found === null) throw new MdkError("not-found", "no-such-image", `No such image: ${word}`);
    add(found.image, found.reference?.tag == null ? null : found.reference, word);
  }
  return chosen;
}

/** Of a word that is a repository. */
function allTags(database: Database, word: string): Reference[] {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(word)) return [];
  const reference = /^[a-z0-9]/i.test(word) && !word.startsWith("sha256:") ? parseReference(word) : null;
  if (reference === null || reference.tag !== null || reference.digest !== null) return [];
  return listTags(database).filter(({ repository }) => repository === repositoryOf(reference)).map(({ tag }) => ({ ...reference, tag }));
}

const FOLDER = { type: "directory", mode: 0o755, size: 0 } as const;
const FILE = { type: "file", mode: 0o644 } as const;
const COMMON = { linkName: "", uid: 0, gid: 0, modified: { seconds: 0, nanoseconds: 0 }, deviceMajor: 0, deviceMinor: 0, xattrs: new Map<string, Uint8Array>() };

/** One archive: one blob at a time. */
class ArchiveSink implements Sink {
  readonly concurrent = 1;
  readonly #tar: TarWriter;
  readonly #written = new Set<string>();
  readonly #index: (Descriptor & { readonly annotations?: object })[] = [];
  readonly #list: object[] = [];
  readonly #repositories: Record<string, Record<string, string>> = {};
  #references: readonly Reference[] | null = [];

  constructor(write: (bytes: Uint8Array) => void) {
    this.#tar = new TarWriter(write);
    for (const name of ["blobs", "blobs/sha256"]) this.#tar.entry({ ...COMMON, ...FOLDER, name });
  }

  /** Names of the image that comes next; null: it is one of an index, and not listed. */
  begin(references: readonly Reference[] | null): void {
    this.#references = references;
  }

  async layer({ descriptor, slots, signal, open, report }: LayerTransfer): Promise<void> {
    await slots.take();
    try {
      signal.throwIfAborted();
      if (!this.#start(descriptor)) return;
      for await (const chunk of open("Saving layer")) this.#tar.data(chunk);
      this.#tar.close();
      report("Saved", descriptor.size);
    } finally {
      slots.give();
    }
  }

  async finish({ fetched, manifest, configBytes }: SourceImage): Promise<void> {
    this.#small(configBytes);
    this.#small(fetched.bytes);
    if (this.#references === null) return;
    const names = this.#references.map(tagged);
    for (const name of names) (this.#repositories[familiarName({ ...name, tag: null })] ??= {})[name.tag] = hexOf((manifest.layers.at(-1) ?? manifest.config).digest);
    const place = ({ digest }: Pick<Descriptor, "digest">): string => `blobs/sha256/${hexOf(digest)}`;
    this.#list.push({ Config: place(manifest.config), RepoTags: names.length === 0 ? null : names.map(familiarName), Layers: manifest.layers.map(place) });
  }

  /** What the layout has under these names, or without one: an image that is there, or an index of some. */
  entry(top: FetchedManifest, references: readonly Reference[]): void {
    this.#small(top.bytes);
    const descriptor = descriptorOf(top);
    const names = references.map(tagged);
    if (names.length === 0) this.#index.push(descriptor);
    for (const name of names) {
      const annotations = { "io.containerd.image.name": `${repositoryOf(name)}:${name.tag}`, "org.opencontainers.image.ref.name": name.tag };
      this.#index.push({ ...descriptor, annotations });
    }
  }

  end(): readonly Descriptor[] {
    this.#file("index.json", json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: this.#index }));
    this.#file("manifest.json", json(this.#list));
    this.#file("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
    if (Object.keys(this.#repositories).length > 0) this.#file("repositories", json(this.#repositories));
    this.#tar.end();
    return this.#index;
  }

  /** False: it is there. */
  #start({ digest, size }: Pick<Descriptor, "digest" | "size">): boolean {
    if (this.#written.has(digest)) return false;
    this.#written.add(digest);
    this.#tar.entry({ ...COMMON, ...FILE, name: `blobs/sha256/${hexOf(digest)}`, size });
    return true;
  }

  #small(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    if (this.#start({ digest, size: bytes.length })) {
      this.#tar.data(bytes);
      this.#tar.close();
    }
    return digest;
  }

  #file(name: string, bytes: Uint8Array): void {
    this.#tar.entry({ ...COMMON, ...FILE, name, size: bytes.length });
    this.#tar.data(bytes);
    this.#tar.close();
  }
}

function tagged(reference: Reference): Reference & { readonly tag: string } {
  return { ...reference, tag: reference.tag ?? DEFAULT_TAG };
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
