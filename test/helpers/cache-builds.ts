/** Builds with caches of other stores: a home that writes them, a context, and stores that have nothing. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { World } from "./mdk.ts";
import { hasTool, isRoot } from "./requires.ts";

export const able = isRoot && hasTool("skopeo") && hasTool("docker-registry") && existsSync("/bin/busybox") && existsSync("dist/mdk");
export const NEEDS = "needs root, skopeo, docker-registry, busybox and a built dist/mdk";

export const RANDOM = "/bin/busybox cat /proc/sys/kernel/random/uuid";
export const BASE = ["FROM scratch AS base", "COPY busybox /bin/busybox", 'SHELL ["/bin/busybox", "sh", "-c"]', `RUN ${RANDOM} >/a`, "RUN /bin/busybox true"];
export const PLAIN = [...BASE, "COPY f /data/f", `RUN ${RANDOM} >/b`];
/** Of the steps of PLAIN that make files. */
export const STEPS = 5;

export interface Done {
  readonly id: string;
  readonly said: string;
  readonly cached: number;
}

export class CacheBuilds {
  readonly home = new World();
  readonly context: string;

  constructor() {
    this.context = join(this.home.folder, "context");
    mkdirSync(this.context);
    copyFileSync("/bin/busybox", join(this.context, "busybox"));
    writeFileSync(join(this.context, "f"), "content\n");
  }

  /** Beside a proxy that is in this process: nobody may wait for a build without it. */
  async ended(world: World, ...flags: readonly string[]): Promise<{ readonly status: number; readonly stderr: string }> {
    const child = world.spawn(["build", "--network", "none", ...flags, this.context], "ignore");
    const [stderr, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    return { status, stderr };
  }

  /** Must succeed. */
  async build(world: World, lines: readonly string[], ...flags: readonly string[]): Promise<Done> {
    const [file, iidFile] = [join(world.folder, "Dockerfile"), join(world.folder, "id")];
    writeFileSync(file, lines.join("\n"));
    const { status, stderr } = await this.ended(world, "--iidfile", iidFile, "-f", file, ...flags);
    if (status !== 0) throw new Error(stderr);
    return { id: readFileSync(iidFile, "utf8"), said: stderr, cached: [...stderr.matchAll(/^#\d+ CACHED$/gm)].length };
  }

  end(): void {
    this.home.close();
  }
}

/** In a store that has nothing. */
export async function elsewhere<T>(work: (world: World) => T | Promise<T>): Promise<T> {
  const world = new World();
  try {
    return await work(world);
  } finally {
    world.close();
  }
}
