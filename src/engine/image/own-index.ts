/** Images of the store for several platforms as one: each as `ownImage` has it, and an index of their manifests (image-spec image-index.md). */
import { digestOf, type Digest } from "../../image/digest.ts";
import { OCI_INDEX } from "../../image/media-types.ts";
import { normalizePlatform, type Platform } from "../../image/platform.ts";
import { descriptorOf, type FetchedManifest } from "../../image/transfer.ts";
import { findImageRow } from "../../store/images.ts";
import { listMembers } from "../../store/indexes.ts";
import type { ContentScope } from "./content.ts";
import { ownImage, type OwnImage, type OwnOptions } from "./own-image.ts";

export interface Member {
  readonly id: Digest;
  readonly platform: Platform;
  /** By which an index has it already. */
  readonly manifest?: Digest;
}

/** close() when it was copied. */
export interface OwnIndex {
  /** In their order. */
  readonly members: readonly (Member & { readonly own: OwnImage })[];
  readonly fetched: FetchedManifest;
  close(): void;
}

type Common = Pick<OwnOptions, "annotations" | "warn" | "again" | "packing">;

/** Call it within writeContent, with images that are there. Throws what ownImage throws. */
export async function ownIndex(scope: ContentScope, images: readonly Member[], options: Common): Promise<OwnIndex> {
  const members: OwnIndex["members"][number][] = [];
  const close = (): void => members.forEach(({ own }) => own.close());
  try {
    for (const { id, platform, manifest } of images) {
      const own = await ownImage(scope, findImageRow(scope.database, id)!.image, { ...options, repository: null, name: id, ...(manifest === undefined ? {} : { manifest }) });
      members.push({ id, platform, own });
    }
  } catch (error) {
    close();
    throw error;
  }
  const manifests = members.map(({ platform: { architecture, os, variant }, own: { image: { fetched } } }) => ({
    ...descriptorOf(fetched), platform: { architecture, os, ...(variant === "" ? {} : { variant }) },
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  return { members, close, fetched: { bytes, contentType: OCI_INDEX, digest: digestOf(bytes) } };
}

/** The one that a tag stands for, as it was made, but for images that were removed since. Call it as ownIndex. */
export async function storedIndex(scope: ContentScope, digest: Digest, options: Common): Promise<OwnIndex> {
  const members = listMembers(scope.database, digest).map((member) => ({ ...member, platform: normalizePlatform(findImageRow(scope.database, member.id)!.image) }));
  const index = await ownIndex(scope, members, options);
  if (index.fetched.digest !== digest && Object.keys(options.annotations).length === 0) options.warn(`images of the index ${digest} were removed, or are packed anew: it is ${index.fetched.digest} now`);
  return index;
}
