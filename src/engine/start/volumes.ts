/** A container's volumes and mounted images, opened as its other binds are. Loaded where a container has any. */
import { closeSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mountLayers } from "../../layer/overlay.ts";
import type { ImageMount, VolumeMount } from "../../spec/mount-types.ts";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { layerDirectories, withRootLayers } from "../image/layers.ts";
import { copyUp } from "../volume/copy-up.ts";
import { openImage, openVolume } from "../volume/open.ts";
import type { OpenBind } from "./binds.ts";

const isOwn = (mount: Container["mounts"][number]): mount is VolumeMount | ImageMount => mount.type === "volume" || mount.type === "image";

/** What is mounted there, the caller's to close; null: no volume and no image. */
export function openOwn(context: Context, container: Pick<Container, "id" | "mounts">, target: string): OpenBind | null {
  const mount = container.mounts.filter(isOwn).find((own) => own.target === target);
  if (mount === undefined) return null;
  if (mount.type === "volume") return openVolume(context, mount);
  const empty = join(storePaths(context.root).temporary, "empty");
  mkdirSync(empty, { recursive: true, mode: 0o700 });
  return openImage(mount, layerDirectories(context, mount.image), empty);
}

/** Of one that is made and does not start yet: filled at once, as Docker does it. The caller holds the op lock. */
export function fillUnstarted(context: Context, container: Pick<Container, "id" | "image" | "host" | "mounts">): void {
  const directory = storePaths(context.root).container(container.id);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const root = withRootLayers(context, container, (layers) => mountLayers(layers, directory));
  try {
    fillVolumes(context, container, root);
  } finally {
    closeSync(root);
  }
}

/**
 * What the image has where volumes are mounted, into those that are empty; once in a container's life: what it takes out of them stays out.
 * `root`: descriptor of the container's root.
 */
export function fillVolumes(context: Context, container: Pick<Container, "id" | "mounts">, root: number): void {
  const done = `${storePaths(context.root).container(container.id)}/filled`;
  if (!container.mounts.some(({ type }) => type === "volume") || existsSync(done)) return;
  for (const mount of container.mounts) {
    if (mount.type !== "volume" || mount.nocopy || mount.subpath !== "") continue;
    copyUp(context, { volume: mount.name!, root, target: mount.target });
  }
  writeFileSync(done, "", { mode: 0o600 });
}
