/** The mounts of a container that is being made: what was asked, what other containers have, what its image declares; sources looked at, names given. */
import { existsSync } from "node:fs";
import { MdkError } from "../../error.ts";
import type { ContainerConfig, HostConfig } from "../../spec/container.ts";
import { checkTarget, cleanPath, type UserMount } from "../../spec/mount-types.ts";
import { resolveMounts } from "../../spec/mount-words.ts";
import { storePaths } from "../../store/paths.ts";
import { findImageRow, noSuchImage } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { newId } from "../host/ids.ts";
import { checkDriver } from "../volume/volumes.ts";
import { findContainer } from "./find.ts";

/** In the order of precedence: what takes a place first keeps it (moby daemon/volumes.go registerMountPoints). Throws MdkError in Docker's words. */
export function chooseMounts(context: Context, { config, host }: { readonly config: ContainerConfig; readonly host: HostConfig }): UserMount[] {
  const chosen = resolveMounts(host);
  const places = new Set(chosen.map(({ target }) => target));
  const take = (mount: UserMount): void => {
    if (places.has(mount.target)) return;
    places.add(mount.target);
    chosen.push(mount);
  };
  const refuse = (reason: string, hint: string): MdkError => new MdkError("invalid", "invalid-mount", `invalid mount config for type "volume": ${reason}`, { hint });
  for (const word of host.VolumesFrom ?? []) mountsFrom(context, word).forEach(take);
  for (const path of Object.keys(config.Volumes ?? {})) take({ type: "volume", name: null, source: "", target: checkTarget(cleanPath(path), refuse), readonly: false, nocopy: false, subpath: "", mode: "", driver: host.VolumeDriver || "local" });
  return chosen.map((mount) => settle(context, mount));
}

/** "ID[:ro|rw]": what is there of the image stays out of them (moby, registerMountPoints). */
function mountsFrom(context: Context, word: string): UserMount[] {
  const [name = "", mode = "", ...more] = word.split(":");
  if (more.length > 0 || !["", "ro", "rw"].includes(mode)) throw new MdkError("invalid", "invalid-volumes-from", `invalid mode: ${[mode, ...more].join(":")}`);
  return findContainer(context, name).mounts.filter(({ type }) => type === "bind" || type === "volume")
    .map((mount) => ({ ...mount, mode: "", ...(mode === "ro" ? { readonly: true } : {}), ...(mount.type === "volume" ? { nocopy: true } : {}) }) as UserMount);
}

function settle(context: Context, mount: UserMount): UserMount {
  switch (mount.type) {
    case "bind":
      if (mount.create === false && !existsSync(mount.source)) throw new MdkError("invalid", "bind-source", `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`);
      return mount;
    case "volume": {
      const name = mount.name ?? newId();
      checkDriver(name, mount.driver, mount.options ?? {});
      return { ...mount, name, source: mount.source || storePaths(context.root).volumeData(name), ...(mount.name === null ? { anonymous: true } : {}) };
    }
    case "image": {
      const found = findImageRow(context.database(), mount.image);
      if (found === null) throw noSuchImage(mount.image);
      return { ...mount, image: found.image.id, source: mount.image };
    }
    case "tmpfs":
      return mount;
  }
}
