/**
 * Archives and directories as a source of images: an OCI layout (image-layout.md), `docker save`'s manifest.json, or both in one, as
 * Docker writes them since 25. Of what manifest.json alone names, the manifest is made up here.
 */
import { basename } from "node:path";
import { MdkError } from "../../error.ts";
import { parseConfig } from "../../image/config.ts";
import { algorithmOf, digestOf, hexOf, isDigest, type Digest } from "../../image/digest.ts";
import { listOf, objectOf, optional, parseObject, stringOf, stringsOf } from "../../image/json.ts";
import { CONFIG_BYTES_MAX, MANIFEST_BYTES_MAX, parseManifest, type Descriptor, type IndexEntry } from "../../image/manifest.ts";
import { detectCompression, layerType, OCI_CONFIG, OCI_MANIFEST } from "../../image/media-types.ts";
import type { FetchedManifest, Source } from "../../image/transfer.ts";
import type { ImageFiles } from "../../layer/image-files.ts";
import { Turns } from "../../sys/turns.ts";

export interface ArchivedImage {
  /** Of its manifest, or of an index that leads to it. */
  readonly target: Digest;
  /** As the archive says them: not yet looked at. */
  readonly names: readonly string[];
  /** What a layout calls it: org.opencontainers.image.ref.name, whatever it says. */
  readonly tags: readonly string[];
  /** Its manifest is not the archive's own. */
  readonly madeUp: boolean;
}

/** As Docker's: of containerd, and of the layout's own specification, which means a tag only. */
const NAME_ANNOTATION = "io.containerd.image.name";
const REFERENCE_ANNOTATION = "org.opencontainers.image.ref.name";

export class ArchiveSource implements Source {
  readonly #files: ImageFiles;
  /** Made up here, by digest. */
  readonly #manifests = new Map<string, FetchedManifest>();
  /** Of blobs that are not where a layout has them. */
  readonly #places = new Map<string, string>();
  /** Of layers that were read, by what file they are: many images may name one, by many names. */
  readonly #read = new Map<string, ReadLayer>();

  /** The files stay the caller's to close. */
  constructor(files: ImageFiles) {
    this.#files = files;
  }

  async manifest(target: string): Promise<FetchedManifest> {
    const made = this.#manifests.get(target);
    if (made !== undefined) return made;
    const bytes = isDigest(target) ? this.#files.small(placeOf(target), MANIFEST_BYTES_MAX) : null;
    if (bytes === null) throw lacking(target);
    const digest = digestOf(bytes, algorithmOf(target as Digest));
    if (digest !== target) throw new MdkError("corrupt", "digest-mismatch", `manifest verification failed for digest ${target}: the archive has ${digest}`);
    return { bytes, contentType: "", digest };
  }

  async *blob({ digest, size }: Descriptor, from: number): AsyncGenerator<Uint8Array, void> {
    const place = this.#places.get(digest) ?? placeOf(digest);
    const found = this.#files.size(place);
    if (found === null) throw lacking(digest);
    if (found !== size) throw new MdkError("corrupt", "blob-size", `the blob ${digest} has ${found} bytes in the archive, not the ${size} that its manifest says`);
    yield* this.#files.read(place, from);
  }

  /** What there is. Throws "archive-unknown", "manifest-invalid", "json-invalid", "config-invalid", and the signal's reason. */
  async images(signal: AbortSignal): Promise<ArchivedImage[]> {
    const listed = this.#files.small("manifest.json", MANIFEST_BYTES_MAX);
    const index = this.#files.small("oci-layout", MANIFEST_BYTES_MAX) === null ? null : this.#files.small("index.json", MANIFEST_BYTES_MAX);
    const docker = listed === null ? [] : readList(listed);
    if (index !== null) return this.#layout(index, docker);
    if (listed === null) {
      const old = this.#files.size("repositories") !== null;
      throw new MdkError("invalid", "archive-unknown", old ? "the archive is of a Docker older than 1.10, which mdk does not read" : "the archive is no image: it has neither manifest.json nor index.json");
    }
    const images: ArchivedImage[] = [];
    const turns = new Turns(signal);
    for (const image of docker) images.push({ target: await this.#makeUp(image, turns), names: image.names, tags: [], madeUp: true });
    return images;
  }

  /** Entries of one digest are one image with several names. */
  #layout(index: Uint8Array, docker: readonly Listed[]): ArchivedImage[] {
    const document = parseManifest(index, "", "the archive");
    if (document.kind !== "index") throw new MdkError("corrupt", "manifest-invalid", "index.json of the archive is no index");
    const images = new Map<Digest, Set<string>>();
    const tags = new Map<Digest, string[]>();
    for (const entry of document.manifests) {
      const names = images.get(entry.digest) ?? new Set();
      for (const name of namesOf(entry)) names.add(name);
      images.set(entry.digest, names);
      const tag = entry.annotations[REFERENCE_ANNOTATION];
      if (tag !== undefined) tags.set(entry.digest, [...(tags.get(entry.digest) ?? []), tag]);
    }
    const listed = namesByConfig(docker);
    for (const [digest, names] of images) if (names.size === 0) for (const name of this.#listedNames(digest, listed)) names.add(name);
    return [...images].map(([target, names]) => ({ target, names: [...names], tags: tags.get(target) ?? [], madeUp: false }));
  }

  /** By manifest.json, for a manifest that index.json has no name of. */
  #listedNames(digest: Digest, listed: ReadonlyMap<string, readonly string[]>): readonly string[] {
    if (listed.size === 0) return [];
    const bytes = this.#files.small(placeOf(digest), MANIFEST_BYTES_MAX);
    const document = bytes === null ? null : parseManifest(bytes, "", digest);
    if (document?.kind !== "manifest") return [];
    return listed.get(hexOf(document.config.digest)) ?? [];
  }

  async #makeUp({ config: path, layers: paths }: Listed, turns: Turns): Promise<Digest> {
    const configBytes = this.#files.small(path, CONFIG_BYTES_MAX);
    if (configBytes === null) throw lacking(path);
    const config = { mediaType: OCI_CONFIG, digest: digestOf(configBytes), size: configBytes.length };
    this.#places.set(config.digest, path);
    const { diffIds } = parseConfig(configBytes, "the archive");
    if (diffIds.length !== paths.length) throw new MdkError("invalid", "config-invalid", `${path} of the archive names ${diffIds.length} layers, manifest.json ${paths.length}`);
    const layers: Descriptor[] = [];
    for (const [at, place] of paths.entries()) layers.push(await this.#layer(place, diffIds[at] as Digest, turns));
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }));
    const digest = digestOf(bytes);
    this.#manifests.set(digest, { bytes, contentType: OCI_MANIFEST, digest });
    return digest;
  }

  /** Of an archive as it is, the diff id is the digest; whoever reads it verifies that. */
  async #layer(place: string, diffId: Digest, turns: Turns): Promise<Descriptor> {
    const [size, identity] = [this.#files.size(place), this.#files.identity(place)];
    if (size === null || identity === null) throw lacking(place);
    await turns.give();
    const read = this.#read.get(identity) ?? (await this.#readLayer(place, turns));
    this.#read.set(identity, read);
    const digest = read.digest ?? diffId;
    this.#places.set(digest, place);
    return { mediaType: layerType(read.compression), digest, size };
  }

  /** A compressed one is read once for its digest. */
  async #readLayer(place: string, turns: Turns): Promise<ReadLayer> {
    const hash = new Bun.CryptoHasher("sha256");
    let compression: ReadLayer["compression"] | null = null;
    for await (const chunk of this.#files.read(place, 0)) {
      compression ??= detectCompression(chunk, `the layer ${place}`);
      if (compression === "none") return { compression, digest: null };
      hash.update(chunk);
      await turns.give();
    }
    return compression === null ? { compression: "none", digest: null } : { compression, digest: `sha256:${hash.digest("hex")}` as Digest };
  }
}

interface ReadLayer {
  readonly compression: ReturnType<typeof detectCompression>;
  /** Null: as it is. */
  readonly digest: Digest | null;
}

/** An image of manifest.json. */
interface Listed {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

function readList(bytes: Uint8Array): Listed[] {
  const what = "manifest.json of the archive";
  // A list at the top, which parseObject does not take.
  const { list } = parseObject(Buffer.concat([Buffer.from('{"list":'), bytes, Buffer.from("}")]), what);
  return listOf(list, what).map((value, index) => {
    const at = `${what}: [${index}]`;
    const image = objectOf(value, at);
    return {
      config: stringOf(image.Config, `${at}.Config`), layers: optional(image.Layers, (given) => stringsOf(given, `${at}.Layers`), []),
      names: optional(image.RepoTags, (given) => stringsOf(given, `${at}.RepoTags`), []),
    };
  });
}

/** By the digest that is in the name of the config's file: "HEX.json", "blobs/sha256/HEX". The first of one digest counts. */
function namesByConfig(docker: readonly Listed[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const image of docker) {
    const hex = basename(image.config, ".json");
    if (!names.has(hex)) names.set(hex, image.names);
  }
  return names;
}

function namesOf({ annotations }: IndexEntry): readonly string[] {
  const name = annotations[NAME_ANNOTATION];
  if (name !== undefined) return [name];
  // Others write whole names where the specification has tags.
  const reference = annotations[REFERENCE_ANNOTATION];
  return reference !== undefined && /[:/]/.test(reference) ? [reference] : [];
}

function placeOf(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

function lacking(what: string): MdkError {
  return new MdkError("corrupt", "archive-invalid", `the archive does not have ${what}`);
}
