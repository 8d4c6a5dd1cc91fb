/** The engines that are compared, each as the beginning of its command lines. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { hostWorld, plainWorld, type World } from "./world.ts";
import type { Result } from "./timer.ts";

/** Docker's command line, spoken by mdk, docker and podman. */
export interface Engine {
  readonly name: "mdk" | "docker" | "podman";
  readonly world: World;
  readonly cli: readonly string[];
  readonly pullFlags: readonly string[];
}

export interface Bench {
  readonly folder: string;
  readonly registry: string;
  /** Path of the mdk that is measured. */
  readonly mdk: string;
  /** Rounds of the short rows. */
  readonly rounds: number;
  readonly host: World;
  readonly plain: World;
  readonly engines: readonly [Engine, Engine, Engine];
  readonly busybox: string;
  readonly debian: string;
}

export function createBench(environment: Readonly<Record<string, string | undefined>>): Bench {
  const folder = environment["MDK_BENCH_FOLDER"];
  const registry = environment["MDK_BENCH_REGISTRY"];
  const dockerHost = environment["MDK_BENCH_DOCKER"];
  if (folder === undefined || registry === undefined || dockerHost === undefined) throw new Error("started by test/bench/run.sh only");
  const [host, plain] = [hostWorld(), plainWorld()];
  for (const name of ["mdk/root", "podman"]) mkdirSync(join(folder, name), { recursive: true });
  const conf = join(folder, "podman/containers.conf");
  writeFileSync(conf, PODMAN_CONF);
  const podman = ["env", `CONTAINERS_CONF=${conf}`, "podman", "--root", join(folder, "podman/root"), "--runroot", join(folder, "podman/run"), "--storage-driver", "overlay"];
  const binary = resolve(environment["MDK_BENCH_BINARY"] ?? "dist/mdk");
  const mdk = [binary, "--root", join(folder, "mdk/root"), "--run-root", "/run/mdk"];
  return {
    folder, registry, mdk: binary, host, plain,
    rounds: Number.parseInt(environment["MDK_BENCH_ROUNDS"] ?? "20", 10),
    engines: [
      { name: "mdk", world: host, cli: mdk, pullFlags: [] },
      { name: "docker", world: host, cli: ["/usr/bin/docker", "--host", dockerHost], pullFlags: [] },
      { name: "podman", world: plain, cli: podman, pullFlags: ["--tls-verify=false"] },
    ],
    busybox: `${registry}/busybox:latest`,
    debian: `${registry}/debian:latest`,
  };
}

/** Podman's default ulimits need CAP_SYS_RESOURCE, which such a machine may lack. */
const PODMAN_CONF = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[network]
network_backend = "netavark"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

/** Runs a command of an engine; its output is in `stdout` if captured. */
export function call(engine: Engine, args: readonly string[], options: { capture?: boolean; anyStatus?: boolean } = {}): Promise<Result> {
  return engine.world.run({ argv: [...engine.cli, ...args], capture: options.capture ?? false }, options.anyStatus);
}

export async function pullAll(bench: Bench, image: string): Promise<void> {
  for (const engine of bench.engines) await call(engine, ["pull", "-q", ...engine.pullFlags, image]);
}

/** Kills and removes them; podman would give each ten seconds to end by itself. */
export async function removeNow(engine: Engine, containers: readonly string[]): Promise<void> {
  await call(engine, ["rm", "-f", ...(engine.name === "podman" ? ["-t", "0"] : []), ...containers]);
}

/** Removes every container of every engine. */
export async function removeAll(bench: Bench): Promise<void> {
  for (const engine of bench.engines) {
    const ids = (await call(engine, ["ps", "-aq"], { capture: true })).stdout.split("\n").filter((id) => id !== "");
    if (ids.length > 0) await removeNow(engine, ids);
  }
}
