/** What the store takes on disk, as `docker system df` counts it. */
import { familiarRepository } from "../../image/reference.ts";
import { listContainers, type Container } from "../../store/containers.ts";
import { layersOf, listImages, listTags } from "../../store/images.ts";
import { keptBlobs } from "../../store/layers.ts";
import { storePaths } from "../../store/paths.ts";
import { listVolumes, volumeUsers } from "../../store/volumes.ts";
import { treeBlocks, treeBytes } from "../../sys/tree-size.ts";
import { readBuildCache, type BuildCache } from "../build/cache.ts";
import { ownBytes } from "../container/size.ts";
import type { Context } from "../context.ts";
import { readStatus, type ContainerStatus } from "../end/status.ts";

export interface ImageDisk {
  readonly id: string;
  /** "busybox:latest"; null: it has no name. */
  readonly name: string | null;
  readonly created: string;
  /** Bytes of all of its layers and their blobs, and of those that another image has as well. */
  readonly size: number;
  readonly shared: number;
  /** How many containers are of it. */
  readonly containers: number;
}

export interface ContainerDisk {
  readonly container: Container;
  readonly status: ContainerStatus;
  /** Bytes that it wrote. */
  readonly size: number;
}

export interface VolumeDisk {
  readonly name: string;
  /** How many containers have it. */
  readonly links: number;
  readonly size: number;
}

export interface DiskUsage {
  /** What the data root takes on its disk, all in all: as `du -s --block-size=1` has it. */
  readonly total: number;
  /** Bytes of all layers and their blobs, each once. */
  readonly layers: number;
  readonly images: readonly ImageDisk[];
  readonly containers: readonly ContainerDisk[];
  readonly volumes: readonly VolumeDisk[];
  readonly buildCache: BuildCache;
}

/** Walks the data root: as slow as it is large. */
export function readDiskUsage(context: Context): DiskUsage {
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  const database = context.database();
  const containers = listContainers(database, "all");
  const layers = new Map<string, { readonly size: number; users: number }>();
  const images = listImages(database).map((image) => ({ image, own: layersOf(database, image.id).map((layer) => ({ id: layer.id, size: layer.size + sum(keptBlobs(database, layer.id).map(({ size }) => size)) })) }));
  for (const { own } of images) {
    for (const { id, size } of own) layers.set(id, { size, users: (layers.get(id)?.users ?? 0) + 1 });
  }
  const names = new Map(listTags(database).map(({ imageId, repository, tag }) => [imageId, `${familiarRepository(repository)}:${tag}`]));
  return {
    total: treeBlocks(context.root),
    layers: sum([...layers.values()].map(({ size }) => size)),
    images: images.map(({ image, own }) => ({
      id: image.id, name: names.get(image.id) ?? null, created: image.created, size: sum(own.map(({ size }) => size)),
      shared: sum(own.filter(({ id }) => layers.get(id)!.users > 1).map(({ size }) => size)), containers: containers.filter((container) => container.image === image.id).length,
    })),
    containers: containers.map((container) => ({ container, status: readStatus(context, container), size: ownBytes(context, container.id) })),
    buildCache: readBuildCache(context),
    volumes: listVolumes(database).map(({ name }) => ({ name, links: volumeUsers(database, name).length, size: treeBytes(storePaths(context.root).volumeData(name)) })),
  };
}
