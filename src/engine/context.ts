/** What every use case is handed: where the state lies, the clock, the environment and the database, opened at first use. */
import { existsSync } from "node:fs";
import { NO_SETTINGS, type Settings } from "../config/settings.ts";
import type { Cgroups } from "../cgroup/detect.ts";
import { reachCgroups } from "../cgroup/reach.ts";
import { checkVersion, openDatabase, type Database } from "../store/database.ts";
import { ensureStore, storePaths } from "../store/paths.ts";

export interface Context {
  /** `--root`: an absolute path. */
  readonly root: string;
  /** `--run-root`: an absolute path. */
  readonly runRoot: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the host's configuration. */
  readonly settings: Settings;
  now(): Date;
  /** The store's database, made with its directories at the first call. Throws what openDatabase throws. */
  database(): Database;
  /** Where cgroups are and can be written to, looked up once a command: what it makes is where it will remove it. */
  cgroups(): Cgroups;
}

/** Who lives longer than this asks again which version the store has: a newer mdk may have come. */
const RECHECK_MS = 1000;

export interface ContextOptions {
  /** Called once, before the store is made or opened: brings the file system that it is to be on (host/root-store.ts). */
  readonly bringRoot?: () => void;
  readonly root: string;
  readonly runRoot: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: nothing is configured. */
  readonly settings?: Settings;
  readonly now: () => Date;
}

export function createContext(options: ContextOptions): Context {
  let database: Database | undefined;
  let cgroups: Cgroups | undefined;
  let checkedMs = 0;
  return {
    ...options,
    settings: options.settings ?? NO_SETTINGS,
    database() {
      if (database === undefined) {
        const path = storePaths(options.root).database;
        options.bringRoot?.();
        // The database is made last: where it is, the directories are.
        if (!existsSync(path)) ensureStore(options.root);
        database = openDatabase(path, { create: true });
        checkedMs = performance.now();
      } else if (performance.now() - checkedMs > RECHECK_MS) {
        checkVersion(database);
        checkedMs = performance.now();
      }
      return database;
    },
    cgroups: () => (cgroups ??= reachCgroups()),
  };
}
