/** What the configuration of a host can say, and what is so where it says nothing. Pure. */
import { NO_DEFAULTS, type HostDefaults } from "../spec/host-defaults.ts";
import type { Pool4, Pool6 } from "../spec/network-config.ts";
import type { AddressPool } from "../network/ipam.ts";
import type { AddressPool6 } from "../network/ipam6.ts";

/** What a store is on (engine/host/root-store.ts). */
export const STORAGE_DRIVERS = ["overlay2", "loop", "tmpfs"] as const;
export type StorageDriver = (typeof STORAGE_DRIVERS)[number];

/** Where it is where nobody names another file. */
export const DEFAULT_FILE = "/etc/mdk/daemon.json";

export interface Settings {
  /** The file; null: there is none. */
  readonly file: string | null;
  /** Keys of Docker's that the file has, and that mean nothing here. */
  readonly idle: readonly string[];
  /** Absolute paths; null: the default. */
  readonly dataRoot: string | null;
  readonly execRoot: string | null;
  /** Null: what the data root needs. */
  readonly storageDriver: StorageDriver | null;
  readonly registries: RegistrySettings;
  readonly layers: LayerSettings;
  /** What containers get that were not told otherwise. */
  readonly host: HostDefaults;
  readonly networks: NetworkSettings;
  /** Of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, for requests of mdk itself. */
  readonly proxies: Readonly<Record<string, string>>;
}

export interface RegistrySettings {
  /** "host", "host:port", or a subnet "192.0.2.0/24" that a registry's address is in. */
  readonly insecure: readonly string[];
  /** Origins ("https://mirror.example:5000") by the registry that they stand for, in the order in which they are asked. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** Layers at once. */
  readonly downloads: number;
  readonly uploads: number;
  /** Of one request. */
  readonly attempts: number;
}

/** What the layers of images may take. */
export interface LayerSettings {
  /** Whether the compressed blobs of layers stay in the store when they are unpacked. */
  readonly keepBlobs: boolean;
  /** Bytes that a layer may unpack to, whatever its compressed size is. */
  readonly size: number;
  /** And beyond them, how many times its compressed size. */
  readonly ratio: number;
  /** Percent of the store's disk that stay free. */
  readonly freePercent: number;
}

export interface NetworkSettings {
  /** Where networks get their subnets from; null: Docker's own. */
  readonly pools: readonly AddressPool[] | null;
  /** Null: the store's own fd…::/48. */
  readonly pools6: readonly AddressPool6[] | null;
  /** The default network's; null: one is chosen. */
  readonly bridge: Pool4 | null;
  /** Whether the default network has IPv6, and its pool of it; null: one is chosen. */
  readonly ipv6: boolean;
  readonly bridge6: Pool6 | null;
  /** Options of the default network, as `network create -o` names them. */
  readonly bridgeOptions: Readonly<Record<string, string>>;
  /** Options of new networks, by driver. */
  readonly options: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const NO_SETTINGS: Settings = {
  file: null, idle: [], dataRoot: null, execRoot: null, storageDriver: null, host: NO_DEFAULTS, proxies: {},
  registries: { insecure: [], mirrors: {}, downloads: 3, uploads: 5, attempts: 5 },
  layers: { keepBlobs: true, size: 2 ** 30, ratio: 200, freePercent: 5 },
  networks: { pools: null, pools6: null, bridge: null, ipv6: false, bridge6: null, bridgeOptions: {}, options: {} },
};
