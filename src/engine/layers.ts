/** An image as a container needs it: its config, and the directories of its layers. */
import { readFileSync } from "node:fs";
import { parseConfig, type ContainerDefaults } from "../image/config.ts";
import { hexOf } from "../image/digest.ts";
import { hostPlatform, normalizePlatform, parsePlatform, platformName } from "../image/platform.ts";
import { findImage as findRow, layersOf, type ImageRow } from "../store/images.ts";
import { storePaths } from "../store/paths.ts";
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

/** Directories of an image's layers, the uppermost first. */
export function layerDirectories(context: Context, imageId: string): string[] {
  const paths = storePaths(context.root);
  return layersOf(context.database(), imageId).map(({ id }) => paths.layerTree(id)).reverse();
}

function isOf(image: ImageRow, platform: string): boolean {
  return platformName(normalizePlatform(image)) === platformName(parsePlatform(platform, hostPlatform(process.arch)));
}
