/** An image as a container needs it: its config, and the directories of its layers. */
import { chmodSync, closeSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseConfig, type ContainerDefaults } from "../../image/config.ts";
import { hexOf, type Digest } from "../../image/digest.ts";
import { normalizePlatform, platformName } from "../../image/platform.ts";
import type { Container } from "../../store/containers.ts";
import { findImageRow, layersOf } from "../../store/images.ts";
import { MOUNTS_LAYER, storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { explainRefused, openRootDirectory } from "../host/root-directory.ts";
import { imageNamed } from "./named.ts";

export interface ImageFacts {
  /** "sha256:…". */
  readonly id: string;
  readonly config: ContainerDefaults;
}

/** The image that a user's word means here, or null; of a name that stands for an index, the one of the platform asked for. */
export function findImage(context: Context, word: string, platform: string | null): ImageFacts | null {
  const database = context.database();
  const found = findImageRow(database, word);
  if (found === null) return null;
  const meant = platform === null ? found.image : imageNamed(database, found, platform);
  return meant === null ? null : imageFacts(context, meant.id);
}

/** Of the image of this id, which is there. */
export function imageFacts(context: Context, id: Digest): ImageFacts {
  return { id, config: parseConfig(readFileSync(storePaths(context.root).blob(hexOf(id))), id).config };
}

/** "linux/amd64": the platform of the image that a user's word means here; null: there is none. */
export function findPlatform(context: Context, word: string): string | null {
  const found = findImageRow(context.database(), word);
  return found === null ? null : platformName(normalizePlatform(found.image));
}

/** Bytes of an image's files; 0 for one that is gone. */
export function imageBytes(context: Context, imageId: string): number {
  return findImageRow(context.database(), imageId)?.image.size ?? 0;
}

/** Directories of an image's layers, the uppermost first. */
export function layerDirectories(context: Context, imageId: string): string[] {
  const paths = storePaths(context.root);
  return layersOf(context.database(), imageId).map(({ id }) => paths.layerTree(id)).reverse();
}

/**
 * Does the work, which mounts them, with the directories that a container's root is made of, the uppermost first: its image's layers, or its
 * root directory, by a descriptor that is open so long. Below lies a layer of mdk's own with the directories and files that every container has
 * something mounted on, so that an image without them (a static program and nothing else) does not get them into each container's upper:
 * that takes time at every start and end, and would look like a change of the user's. And /.dockerenv, by which programs tell that they
 * are in a container (moby, daemon/initlayer).
 */
export function withRootLayers<T>(context: Context, { image, host: { Rootfs } }: Pick<Container, "image" | "host">, work: (directories: readonly string[]) => T): T {
  const mounts = mountsLayer(context);
  if (Rootfs === undefined) return work([...layerDirectories(context, image), mounts]);
  const directory = openRootDirectory(Rootfs);
  try {
    return work([`/proc/self/fd/${directory}/.`, mounts]);
  } catch (error) {
    throw explainRefused(Rootfs, error);
  } finally {
    closeSync(directory);
  }
}

/** The directory of that lowest layer. */
export function mountsLayer(context: Context): string {
  const paths = storePaths(context.root);
  // Named anew when more is made: what is there already stays.
  const made = `${paths.layer(MOUNTS_LAYER)}/made-2`;
  if (!existsSync(made)) makeMountsLayer(paths.layerTree(MOUNTS_LAYER), made);
  return paths.layerTree(MOUNTS_LAYER);
}

/** In place, each step whether or not it was done before: several may make it at once, and what a killed one left is gone on with. */
function makeMountsLayer(tree: string, made: string): void {
  mkdirSync(dirname(tree), { recursive: true, mode: 0o700 });
  for (const directory of ["", "/dev", "/etc", "/proc", "/sys"]) {
    mkdirSync(tree + directory, { recursive: true });
    chmodSync(tree + directory, 0o755);
  }
  for (const file of ["/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]) {
    writeFileSync(tree + file, "", { flag: "a" });
    chmodSync(tree + file, 0o755);
  }
  writeFileSync(made, "", { flag: "a" });
}
