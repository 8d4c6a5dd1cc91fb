/** The context of a command: where its state lies, from flags, environment and configuration, in this order. */
import { existsSync, statfsSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { MdkError } from "../error.ts";
import { createContext, type Context } from "../engine/context.ts";
import { defaultRunRoot } from "../engine/host/identity.ts";
import { isKernel, kernelRelease } from "../sys/kernel.ts";
import { NO_SETTINGS, STORAGE_DRIVERS, type Settings } from "../config/settings.ts";
import { DEFAULT_ROOT, storePaths } from "../store/paths.ts";
import type { Values } from "./grammar/flags.ts";
import { printable, printError } from "./output/text.ts";
import { readSettings } from "./settings.ts";

/**
 * Throws MdkError when DOCKER_HOST points elsewhere: its owner means another engine, and what he then does to "his"
 * containers would be done to others.
 */
export async function commandContext(globals: Values, { needsRoot, enduring }: { readonly needsRoot: boolean; readonly enduring: boolean }): Promise<Context> {
  const environment = process.env;
  if (environment.DOCKER_HOST !== undefined && environment.DOCKER_HOST !== "") {
    throw new MdkError("denied", "docker-host", `DOCKER_HOST is set (${environment.DOCKER_HOST}): mdk has no daemon and runs containers on this host only`, {
      hint: "unset DOCKER_HOST",
    });
  }
  if (needsRoot && process.getuid?.() !== 0) {
    throw new MdkError("denied", "not-root", "mdk must run as root", { hint: "try: sudo mdk …" });
  }
  refuseOldKernel();
  for (const name of ["root", "run-root", "config-file"]) if (globals.given(name) && globals.string(name) === null) throw new MdkError("invalid", "empty-path", `--${name} must not be empty`);
  const reading = readSettings(globals.string("config-file") ?? (environment.MDK_CONFIG_FILE || null));
  const settings = enduring ? await reading.catch(() => NO_SETTINGS) : await reading;
  useProxies(settings);
  const root = directory(globals.string("root") ?? environment.MDK_ROOT ?? settings.dataRoot ?? DEFAULT_ROOT);
  const bringRoot = await rootBringer(root, globals.string("storage-driver") ?? (environment.MDK_STORAGE_DRIVER || settings.storageDriver));
  return createContext({
    ...(bringRoot === null ? {} : { bringRoot }),
    root, settings,
    runRoot: directory(globals.string("run-root") ?? environment.MDK_RUN_ROOT ?? settings.execRoot ?? defaultRunRoot(root)),
    environment: globals.string("config") === null ? environment : { ...environment, DOCKER_CONFIG: globals.string("config")! },
    now: () => new Date(),
  });
}

/** Bun's fetch asks the environment of its process, in either case. */
function useProxies({ proxies }: Settings): void {
  for (const [name, value] of Object.entries(proxies)) if ((process.env[name] || process.env[name.toLowerCase()] || "") === "") process.env[name] = value;
}

/** statfs(2) says these of overlayfs, FUSE, NFS and ecryptfs: an older mdk may have made a store there, in which no container can be. */
const DOUBTFUL: ReadonlySet<number> = new Set([0x794c7630, 0x65735546, 0x6969, 0xf15f]);

/** Null where nothing is to be brought: the store is there, and nobody asks on what. */
async function rootBringer(root: string, word: string | null): Promise<(() => void) | null> {
  const asked = word === "" ? null : word;
  if (asked === null && existsSync(storePaths(root).database) && !DOUBTFUL.has(statfsSync(root).type)) return null;
  const { bringRootStore } = await import("../engine/host/root-store.ts");
  const driver = STORAGE_DRIVERS.find((name) => name === asked) ?? null;
  if (asked !== null && driver === null) {
    throw new MdkError("invalid", "storage-driver-unknown", `unknown storage driver ${JSON.stringify(asked)}`, { hint: `one of: ${STORAGE_DRIVERS.join(" ")}` });
  }
  return () => bringRootStore({ root, driver, now: () => new Date(), tell: (text) => printError(printable(text.startsWith("WARNING: ") ? text : `mdk: ${text}`)) });
}

/** The oldest kernel with everything the shim is told to do (CLONE_INTO_CGROUP and pidfds 5.7, volatile overlays 5.10). */
const KERNEL_LEAST = [5, 10] as const;

function refuseOldKernel(): void {
  if (isKernel(...KERNEL_LEAST)) return;
  throw new MdkError("unsupported", "kernel-too-old", `Linux ${kernelRelease()} is too old: mdk needs ${KERNEL_LEAST.join(".")} or newer`, { hint: "upgrade the kernel of this host" });
}

function directory(path: string): string {
  if (path === "") throw new MdkError("invalid", "empty-path", "--root and --run-root must not be empty");
  return isAbsolute(path) ? resolve(path) : resolve(process.cwd(), path);
}
