/**
 * The tree on disk, drawn once. Everything else asks here for a path; nothing here touches the disk but `ensureStore`.
 *
 *     /var/lib/mdk/                0711  --root: traversable, because a container's root lies below it; not listable
 *       mdk.db  -wal  -shm         0600  every fact that must be unique, counted or leased (schema.ts)
 *       mdk.db.reserve             0600  room for the rows of what ends or goes while the disk is full
 *       blobs/sha256/<hex>         0600  manifests, indexes, image configs and layers' blobs, byte for byte as the registry served them
 *       layers/<short id>/         0700  ids are at most 12 characters: the mount option string stays short
 *         d/                             the unpacked layer in overlay format; mode and owner are those of its `/`
 *       layers/mounts/d/                 the lowest layer of every container's root: what its mounts need under them
 *       containers/<id>/           0700  upper, work, hosts, hostname, resolv.conf, config.json, log; filled: its volumes have got what the image has there
 *       volumes/<name>/            0700  of the local driver
 *         _data                          what containers see
 *         lock  draft  whole             of who fills it with what an image has there (engine/volume/copy-up.ts)
 *       tmp/                       0700  what is being made, and the lock files of who makes it; part-<hex>: of a blob, where a pull was interrupted
 *       backing/                   0700  of a root store on a loop device (engine/host/root-store.ts): the directory below, which it covers
 *     /var/lib/mdk/                      below such a store: with directories of this tree, all empty
 *       store.ext4                 0600  the store, a sparse file
 *       store.lock                 0600  who brings it
 *     /run/mdk/                    0711  --run-root (of another --root: /run/mdk-<hash>): gone with a reboot, except where a CI container keeps /run
 *       <container id>/            0700  locks, attach socket, exit record
 *         names/                         whom its monitor answers for (runtime/names.ts)
 *       names/<network id>/        0700  the names of a network's containers, a directory each
 *       shim-<sha256>              0500  the shim, verified at every use
 *       name-servers-told                the host's lack of name servers was told of
 *
 * Layers' blobs are kept beside what they unpack to: only they give the same digests on push and save, and a signature is of a digest.
 * `layers/<id>` is 0700 so that a setuid program of an image cannot be reached by a host's ordinary user through the
 * store (CVE-2021-41091); the directory `d` in it may then carry whatever mode the image gives its root.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { spreadSubdirectories } from "../sys/inode-flags.ts";

export const DEFAULT_ROOT = "/var/lib/mdk";
export const DEFAULT_RUN_ROOT = "/run/mdk";

/** The layer that no image has: made by engine/image/layers.ts, never pruned. */
export const MOUNTS_LAYER = "mounts";

/** Files and directories of a root store. */
export const ROOT_STORE = { image: "store.ext4", lock: "store.lock", backing: "backing" } as const;

export interface StorePaths {
  readonly root: string;
  readonly database: string;
  readonly blobs: string;
  readonly layers: string;
  readonly containers: string;
  readonly temporary: string;
  readonly volumes: string;
  /** Directories that steps of builds keep between builds (RUN --mount=type=cache). */
  readonly caches: string;
  volume(name: string): string;
  volumeData(name: string): string;
  /** `hex`: 64 characters, already validated (image/digest.ts). */
  blob(hex: string): string;
  /** `layers/<id>`: what is removed with the layer. */
  layer(id: string): string;
  /** `layers/<id>/d`: what is mounted. */
  layerTree(id: string): string;
  container(id: string): string;
}

export interface RunPaths {
  readonly root: string;
  container(id: string): string;
  /** `sha256`: hex of the shim's bytes. */
  shim(sha256: string): string;
}

export function storePaths(root: string): StorePaths {
  const blobs = join(root, "blobs", "sha256");
  const layers = join(root, "layers");
  const containers = join(root, "containers");
  const volumes = join(root, "volumes");
  return {
    root, blobs, layers, containers, volumes, caches: join(root, "caches"),
    database: join(root, "mdk.db"),
    temporary: join(root, "tmp"),
    volume: (name) => `${volumes}/${name}`,
    volumeData: (name) => `${volumes}/${name}/_data`,
    blob: (hex) => `${blobs}/${hex}`,
    layer: (id) => `${layers}/${id}`,
    layerTree: (id) => `${layers}/${id}/d`,
    container: (id) => `${containers}/${id}`,
  };
}

export function runPaths(runRoot: string): RunPaths {
  return {
    root: runRoot,
    container: (id) => `${runRoot}/${id}`,
    shim: (sha256) => `${runRoot}/shim-${sha256}`,
  };
}

/** Makes the directories of the store that are missing, with the modes drawn above; idempotent. Throws node's errors. */
export function ensureStore(root: string): StorePaths {
  const paths = storePaths(root);
  if (mkdirSync(paths.root, { recursive: true, mode: 0o711 }) !== undefined) chmodSync(paths.root, 0o711);
  for (const [path, mode] of [
    [join(root, "blobs"), 0o700], [paths.blobs, 0o700], [paths.layers, 0o711], [paths.containers, 0o711],
    [paths.temporary, 0o700],
  ] as const) {
    // The caller's umask took bits away; a directory that was there keeps what its owner gave it.
    if (mkdirSync(path, { recursive: true, mode }) === undefined) continue;
    chmodSync(path, mode);
    // Layers are made here: hundreds of megabytes each.
    if (path === paths.temporary) spreadSubdirectories(path);
  }
  return paths;
}
