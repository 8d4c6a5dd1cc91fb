/** From a name in a source to one image of it: through indexes to the manifest that suits a platform, and its config. */
import { MdkError } from "../../error.ts";
import { parseConfig, type ImageConfig } from "../../image/config.ts";
import { CONFIG_BYTES_MAX, parseManifest, type Index, type Manifest } from "../../image/manifest.ts";
import { choosePlatform, platformName, type Platform } from "../../image/platform.ts";
import { readSmall, type FetchedManifest, type Source } from "../../image/transfer.ts";

export interface SelectedManifest {
  /** What the name stands for: an index or the manifest itself. */
  readonly top: FetchedManifest;
  readonly fetched: FetchedManifest;
  readonly manifest: Manifest;
}

export interface SourceImage extends SelectedManifest {
  readonly configBytes: Uint8Array;
  readonly config: ImageConfig;
}

/** Indexes in indexes are followed this often. */
const DEPTH_MAX = 3;

/** `name` is for errors. Throws "no-matching-platform" with what there is, "manifest-invalid", "digest-mismatch", and what the source throws. */
export async function selectManifest(source: Source, top: FetchedManifest, { name, platform }: { readonly name: string; readonly platform: Platform }): Promise<SelectedManifest> {
  let fetched = top;
  for (let depth = 0; depth < DEPTH_MAX; depth++) {
    const document = parseManifest(fetched.bytes, fetched.contentType, name);
    if (document.kind === "manifest") return { top, fetched, manifest: document };
    const entry = choosePlatform(document.manifests, platform);
    if (entry === null) {
      throw new MdkError("invalid", "no-matching-platform", `no matching manifest for ${platformName(platform)} in the manifest list entries`, {
        hint: `${name} has: ${offered(document) || "none"}`,
      });
    }
    fetched = await source.manifest(entry.digest);
    if (fetched.bytes.length !== entry.size) {
      throw new MdkError("corrupt", "digest-mismatch", `the manifest ${entry.digest} has ${fetched.bytes.length} bytes, not the ${entry.size} its index says`);
    }
  }
  throw new MdkError("corrupt", "manifest-invalid", `the index of ${name} leads to indexes only`);
}

/** "unknown" is what builders call the entries of their attestations. */
function offered({ manifests }: Index): string {
  const names = manifests.flatMap(({ platform }) => (platform === null || platform.os === "unknown" ? [] : platformName(platform)));
  return [...new Set(names)].join(", ");
}

/** The config too, which must fit the manifest. Throws "config-invalid", "no-matching-platform" for another system's, and what reading it throws. */
export async function readImage(source: Source, selected: SelectedManifest, name: string): Promise<SourceImage> {
  const { manifest } = selected;
  const configBytes = await readSmall(source, manifest.config, CONFIG_BYTES_MAX);
  const config = parseConfig(configBytes, name);
  if (config.diffIds.length !== manifest.layers.length) {
    throw new MdkError("invalid", "config-invalid", `the config of ${name} names ${config.diffIds.length} layers, its manifest ${manifest.layers.length}`);
  }
  if (config.os !== "" && config.os !== "linux") {
    throw new MdkError("invalid", "no-matching-platform", `image operating system "${config.os}" cannot be used on this platform`);
  }
  return { ...selected, configBytes, config };
}
