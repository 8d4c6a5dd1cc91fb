/** The images of the store as a list: one line a tag, as Docker counts them. */
import { parseReference, repositoryOf, familiarRepository } from "../../image/reference.ts";
import { listDigests, listImages, listTags, type ImageName, type ImageRow } from "../../store/images.ts";
import { countByImage } from "../../store/containers.ts";
import type { Context } from "../context.ts";

export interface ImageSummary {
  /** "sha256:…" */
  readonly id: string;
  /** "ubuntu"; null: "<none>". */
  readonly repository: string | null;
  readonly tag: string | null;
  /** "sha256:…" of the name in its registry. */
  readonly digest: string | null;
  /** RFC 3339 as the config has it; "" when it does not say. */
  readonly created: string;
  /** Bytes. */
  readonly size: number;
  /** Containers that were made of it. */
  readonly containers: number;
}

/** `name`: only this repository, or this tag of it ("ubuntu", "ubuntu:22.04"); null: all. The newest first. */
export function listSummaries(context: Context, name: string | null = null): ImageSummary[] {
  const database = context.database();
  const tags = groupById(listTags(database));
  const digests = groupById(listDigests(database));
  const used = countByImage(database);
  const all = listImages(database).flatMap((image) => summarize(image, {
    tags: tags.get(image.id) ?? [], digests: digests.get(image.id) ?? [], containers: used.get(image.id) ?? 0,
  }));
  if (name === null) return all;
  const wanted = parseReference(name);
  const repository = familiarRepository(repositoryOf(wanted));
  return all.filter((summary) =>
    summary.repository === repository && (wanted.tag === null || summary.tag === wanted.tag) && (wanted.digest === null || summary.digest === wanted.digest));
}

interface Names {
  readonly tags: readonly ImageName[];
  readonly digests: readonly ImageName[];
  readonly containers: number;
}

function summarize(image: ImageRow, { tags, digests, containers }: Names): ImageSummary[] {
  const { id, created, size } = image;
  const common = { id, created, size, containers };
  const rows = tags.map(({ repository, tag }): ImageSummary => ({
    ...common, repository: familiarRepository(repository), tag, digest: digests.find((name) => name.repository === repository)?.digest ?? null,
  }));
  // Pulled by digest, or its tag went to a newer image: the repository is still known.
  for (const { repository, digest } of digests) {
    if (!tags.some((tag) => tag.repository === repository)) rows.push({ ...common, repository: familiarRepository(repository), tag: null, digest });
  }
  return rows.length > 0 ? rows : [{ ...common, repository: null, tag: null, digest: null }];
}

function groupById(names: readonly ImageName[]): Map<string, ImageName[]> {
  const groups = new Map<string, ImageName[]>();
  for (const name of names) groups.set(name.imageId, [...(groups.get(name.imageId) ?? []), name]);
  return groups;
}
