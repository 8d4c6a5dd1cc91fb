/** What a registry has under a name: `docker manifest inspect`. Nothing is stored. */
import { mediaTypeOf, parseManifest } from "../../image/manifest.ts";
import { parseObject, type JsonObject } from "../../image/json.ts";
import type { Platform } from "../../image/platform.ts";
import { canonicalName, DEFAULT_TAG, familiarName, parseReference, withDefaultTag } from "../../image/reference.ts";
import { Remote } from "../../registry/remote.ts";
import type { Context } from "../context.ts";
import { remoteOptions, type RegistryOptions } from "./registry-options.ts";

export interface RemoteManifest {
  /** "docker.io/library/ubuntu:latest", of an entry by its digest. */
  readonly name: string;
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  /** Of an entry of an index. */
  readonly platform: Platform | null;
  readonly document: JsonObject;
}

/** `entries`: of an index, each of its manifests. Errors: "reference-invalid", "manifest-invalid", and those of the registry. */
export async function readRemoteManifest(context: Context, text: string, options: RegistryOptions & { readonly entries: boolean }): Promise<RemoteManifest[]> {
  const reference = withDefaultTag(parseReference(text));
  const remote = new Remote(reference, remoteOptions(context, reference, options, null));
  const read = async (target: string, platform: Platform | null): Promise<{ readonly found: RemoteManifest; readonly parsed: ReturnType<typeof parseManifest> }> => {
    const fetched = await remote.manifest(target);
    const parsed = parseManifest(fetched.bytes, fetched.contentType, familiarName(reference));
    const name = platform === null ? canonicalName(reference) : canonicalName({ ...reference, tag: null, digest: fetched.digest });
    return { parsed, found: { name, digest: fetched.digest, mediaType: mediaTypeOf(fetched), size: fetched.bytes.length, platform, document: parseObject(fetched.bytes, name) } };
  };
  const { parsed, found } = await read(reference.digest ?? reference.tag ?? DEFAULT_TAG, null);
  if (parsed.kind === "manifest" || !options.entries) return [found];
  const all: RemoteManifest[] = [];
  for (const { digest, platform } of parsed.manifests) all.push((await read(digest, platform ?? { os: "", architecture: "", variant: "" })).found);
  return all;
}
