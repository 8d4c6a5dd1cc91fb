/** An image as a container needs it: its config, and the directories of its layers. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { parseConfig, type ContainerDefaults } from "../image/config.ts";
import { hexOf } from "../image/digest.ts";
import { hostPlatform, normalizePlatform, parsePlatform, platformName } from "../image/platform.ts";
import { findImage as findRow, layersOf, type ImageRow } from "../store/images.ts";
import { MOUNTS_LAYER, storePaths, type StorePaths } from "../store/paths.ts";
import type { Context } from "./context.ts";

export interface ImageFacts {
  /** "sha256:…". */
  readonly id: string;
  readonly config: ContainerDefaults;
}

/** The image that a user's word means here, or null; one of another platform than the one asked for does not count. */
export function findImage(context: Context, word: string, platform: string | null): ImageFacts | null {
  const found = findRow(context.database(), word);
  if (found === null || (platform !== null && !isOf(found.image, platform))) return null;
  const { id } = found.image;
  return { id, config: parseConfig(readFileSync(storePaths(context.root).blob(hexOf(id))), word).config };
}

/** "linux/amd64": the platform of the image that a user's word means here; null: there is none. */
export function findPlatform(context: Context, word: string): string | null {
  const found = findRow(context.database(), word);
  return found === null ? null : platformName(normalizePlatform(found.image));
}

/** Directories of an image's layers, the uppermost first. */
export function layerDirectories(context: Context, imageId: string): string[] {
  const paths = storePaths(context.root);
  return layersOf(context.database(), imageId).map(({ id }) => paths.layerTree(id)).reverse();
}

/**
 * What a container's root is mounted of. Below the image lies a layer of mdk's own with the directories and files that every
 * container has something mounted on, so that an image without them (a static program and nothing else) does not get them
 * into each container's upper: two milliseconds a start and end, and no change that the user made.
 */
export function rootLayers(context: Context, imageId: string): string[] {
  const paths = storePaths(context.root);
  if (!existsSync(paths.layer(MOUNTS_LAYER))) makeMountsLayer(paths);
  return [...layerDirectories(context, imageId), paths.layerTree(MOUNTS_LAYER)];
}

/** Whole or not at all under its name; two that make it at once make the same. */
function makeMountsLayer(paths: StorePaths): void {
  const draft = mkdtempSync(`${paths.temporary}/mounts-`);
  for (const directory of ["d", "d/dev", "d/etc", "d/proc", "d/sys"]) {
    mkdirSync(`${draft}/${directory}`);
    chmodSync(`${draft}/${directory}`, 0o755);
  }
  for (const file of ["hostname", "hosts", "resolv.conf"]) {
    writeFileSync(`${draft}/d/etc/${file}`, "");
    chmodSync(`${draft}/d/etc/${file}`, 0o644);
  }
  try {
    renameSync(draft, paths.layer(MOUNTS_LAYER));
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    const { code } = error as { code?: string };
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
}

function isOf(image: ImageRow, platform: string): boolean {
  return platformName(normalizePlatform(image)) === platformName(parsePlatform(platform, hostPlatform(process.arch)));
}
