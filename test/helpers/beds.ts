/**
 * The engines that start a CI job's container, each in namespaces of its own, with a registry: Debian's podman, mdk itself and Debian's
 * docker. `--privileged` where this machine can give it: docker asks for CAP_SYS_RESOURCE then, which not every machine has.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { imageLayout } from "./fixtures.ts";
import { MDK } from "./mdk.ts";
import { layOutMusl } from "./musl-root.ts";
import { run, startRegistry, type Registry } from "./registry.ts";

export type Engine = "podman" | "mdk" | "docker";
/** What the data root is on. */
export type Root = "overlay" | "volume" | "tmpfs";
/** What the job's container runs: Debian, or busybox and musl alone. */
export type Image = "debian" | "musl";

export interface JobOptions {
  readonly root: Root;
  readonly image?: Image;
  /** `--privileged`, or what of it this machine can give; `no-loop`: without loop devices (docker only); `plain`: what any container has. */
  readonly power?: "all" | "no-loop" | "plain";
  /** The job sees its own cgroup as the root of all. Mdk's containers do always. */
  readonly cgroupNamespace?: boolean;
  /** More words of `run`. */
  readonly more?: readonly string[];
}

export interface BedEnded {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** What docker gives who asks for all that this machine has, but not for `--privileged`. */
const DOCKER_POWER = ["--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"];
const DOCKER_LOOP = ["--device=/dev/loop-control", "--device-cgroup-rule=b 7:* rmw"];

function powerOf(engine: Engine, power: JobOptions["power"]): readonly string[] {
  if (power === "plain") return [];
  if (engine !== "docker") return ["--privileged"];
  return power === "no-loop" ? DOCKER_POWER : [...DOCKER_POWER, ...DOCKER_LOOP];
}

/** Podman's default limits are more than a machine without CAP_SYS_RESOURCE can set. */
const PODMAN_CONF = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n';

export class Bed {
  readonly engine: Engine;
  readonly folder: string;
  readonly registry: Registry;
  readonly #pid: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #cli: readonly string[];

  private constructor(engine: Engine, folder: string, registry: Registry, pid: Bun.Subprocess<"pipe", "pipe", "inherit">, cli: readonly string[]) {
    [this.engine, this.folder, this.registry, this.#pid, this.#cli] = [engine, folder, registry, pid, cli];
  }

  /** `images`: what its jobs will run. */
  static async open(engine: Engine, images: readonly Image[]): Promise<Bed> {
    const folder = mkdtempSync(join(tmpdir(), "mdk-bed-"));
    mkdirSync(join(folder, "job"));
    for (const file of ["test/nested/job.sh", "test/helpers/host.sh"]) copyFileSync(file, join(folder, "job", file.split("/").at(-1)!));
    // crun 1.8, runc and podman 4.3 stumble over a cgroup v2 mount that has a controller beside v1.
    const plain = engine === "mdk" ? "" : "! grep -q ' /sys/fs/cgroup/unified cgroup2 ' /proc/mounts || umount /sys/fs/cgroup/unified;";
    const pid = Bun.spawn(["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", `ip link set lo up; ${plain} echo ready; read end`], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    await pid.stdout.getReader().read();
    const within = ["nsenter", "-t", String(pid.pid), "--mount", "--net"];
    const registry = await startRegistry("", within);
    const bed = new Bed(engine, folder, registry, pid, await cliOf(engine, folder, within));
    const layouts: Readonly<Record<string, () => string>> = { busybox: () => imageLayout("busybox"), debian: () => imageLayout("debian"), musl: () => muslLayout(folder) };
    await Promise.all(["busybox", ...images].map((name) => bed.done(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", `oci:${layouts[name]!()}:latest`, `docker://${registry.host}/${name}`])));
    for (const image of images) await bed.done([...bed.#cli, "pull", "-q", ...(engine === "podman" ? ["--tls-verify=false"] : []), `${registry.host}/${image}`]);
    return bed;
  }

  /** A command in the bed's namespaces; killed after so many seconds. */
  async run(command: readonly string[], seconds = 120): Promise<BedEnded> {
    const { DOCKER_HOST: _host, MDK_ROOT: _root, MDK_RUN_ROOT: _runRoot, ...env } = process.env;
    const child = Bun.spawn(["timeout", "-s", "KILL", String(seconds), "nsenter", "-t", String(this.#pid.pid), "--mount", "--net", ...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env });
    const [out, err, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    return { status, out, err };
  }

  /** The same; throws what it said when it failed. Returns its output. */
  async done(command: readonly string[]): Promise<string> {
    const { status, out, err } = await this.run(command);
    if (status !== 0) throw new Error(err);
    return out;
  }

  cli(...args: readonly string[]): Promise<BedEnded> {
    return this.run([...this.#cli, ...args]);
  }

  /** `mdk ARGS` in a job that is about to be killed: the engine's own client may wait for ever then. */
  mdkInDying(id: string, ...args: readonly string[]): Promise<BedEnded> {
    return this.run([...this.#cli, "exec", id, "mdk", ...args], 5);
  }

  /** Starts a job's container: PID 1 sleeps and never reaps. Returns its id. */
  async begin({ root, image = "debian", power = "all", cgroupNamespace = false, more = [] }: JobOptions): Promise<string> {
    const place = {
      overlay: [], volume: ["-v", `${mkdtempSync(join(this.folder, "volume-"))}:/var/lib/mdk`], tmpfs: ["--tmpfs", "/var/lib/mdk:rw,exec,size=1g"],
    }[root];
    const namespace = cgroupNamespace && this.engine !== "mdk" ? ["--cgroupns=private"] : [];
    const id = await this.done([...this.#cli, "run", "-d", "--network=host", ...powerOf(this.engine, power), ...namespace, ...place, ...more, "-v", `${resolve(MDK)}:/usr/bin/mdk:ro`,
      "-v", "/bin/busybox:/usr/bin/busybox:ro", "-v", `${this.folder}/job:/job:ro`, `${this.registry.host}/${image}`, "sleep", "100000"]);
    return id.trim();
  }

  /** `sh job.sh ARGS` in the job. */
  job(id: string, ...args: readonly string[]): Promise<BedEnded> {
    return this.cli("exec", id, "sh", "/job/job.sh", ...args);
  }

  /** The job's container is killed with all that is in it, and started again. */
  async restart(id: string): Promise<void> {
    for (const word of ["kill", "start"]) await this.done([...this.#cli, word, id]);
  }

  async end(id: string): Promise<void> {
    await this.cli("rm", "-f", ...(this.engine === "podman" ? ["-t", "0"] : []), id);
  }

  async close(): Promise<void> {
    if (this.engine === "mdk") await this.cli("clean", "-f");
    if (this.engine === "podman") {
      await this.cli("rm", "-af", "-t", "0");
      // Where no other podman is at work; its conmon ends a moment later.
      await this.run(["sh", "-c", "for try in 1 2 3 4 5; do sleep 0.1; find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null && break; done"]);
    }
    if (this.engine === "docker") await this.run(["sh", resolve("test/helpers/dockerd.sh"), "stop", join(this.folder, "docker")]);
    await this.registry.stop();
    this.#pid.stdin.end();
    await this.#pid.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An OCI layout below `folder`, written by umoci. */
function muslLayout(folder: string): string {
  const [layout, root] = [join(folder, "musl"), join(folder, "musl-root")];
  layOutMusl(root);
  for (const words of [["init", "--layout", layout], ["new", "--image", `${layout}:latest`], ["insert", "--image", `${layout}:latest`, root, "/"],
    ["config", "--image", `${layout}:latest`, "--config.env", "PATH=/usr/bin:/bin"]]) run("umoci", ...words);
  return layout;
}

async function cliOf(engine: Engine, folder: string, within: readonly string[]): Promise<string[]> {
  if (engine === "mdk") return [MDK, "--root", join(folder, "root"), "--run-root", join(folder, "run")].map((word, index) => (index === 0 ? resolve(word) : word));
  if (engine === "podman") {
    const conf = join(folder, "containers.conf");
    writeFileSync(conf, PODMAN_CONF);
    return ["env", `CONTAINERS_CONF=${conf}`, "podman", "--root", join(folder, "podman"), "--runroot", join(folder, "podman-run"), "--storage-driver", "overlay"];
  }
  const started = Bun.spawnSync([...within, "env", "MDK_DOCKERD_NET=", "sh", resolve("test/helpers/dockerd.sh"), "start", join(folder, "docker")]);
  if (started.exitCode !== 0) throw new Error(`dockerd: ${started.stderr.toString()}`);
  return ["/usr/bin/docker", "--host", started.stdout.toString().trim()];
}
