/**
 * The engines that start a CI job's container, each in namespaces of its own, with a registry: Debian's podman, mdk itself and Debian's
 * docker. `--privileged` where this machine can give it: docker asks for CAP_SYS_RESOURCE then, which not every machine has.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { imageLayout } from "./fixtures.ts";
import { MDK } from "./mdk.ts";
import { startRegistry, type Registry } from "./registry.ts";

export type Engine = "podman" | "mdk" | "docker";
export type Root = "overlay" | "volume" | "tmpfs";

export interface BedEnded {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** What docker gives who asks for all that this machine has, but not for `--privileged`. */
const DOCKER_POWER = ["--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined",
  "--device=/dev/loop-control", "--device-cgroup-rule=b 7:* rmw"];

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

  static async open(engine: Engine): Promise<Bed> {
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
    for (const image of ["busybox", "debian"]) {
      const pushed = await bed.run(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", `oci:${imageLayout(image as "busybox" | "debian")}:latest`, `docker://${registry.host}/${image}`]);
      if (pushed.status !== 0) throw new Error(pushed.err);
    }
    const pulled = await bed.cli("pull", "-q", ...(engine === "podman" ? ["--tls-verify=false"] : []), `${registry.host}/debian`);
    if (pulled.status !== 0) throw new Error(pulled.err);
    return bed;
  }

  /** A command in the bed's namespaces; killed after two minutes. */
  async run(command: readonly string[]): Promise<BedEnded> {
    const { DOCKER_HOST: _host, MDK_ROOT: _root, MDK_RUN_ROOT: _runRoot, ...env } = process.env;
    const child = Bun.spawn(["timeout", "-s", "KILL", "120", "nsenter", "-t", String(this.#pid.pid), "--mount", "--net", ...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env });
    const [out, err, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    return { status, out, err };
  }

  cli(...args: readonly string[]): Promise<BedEnded> {
    return this.run([...this.#cli, ...args]);
  }

  /** Starts a job's container: PID 1 sleeps and never reaps. Returns its id. */
  async begin(root: Root): Promise<string> {
    const place = {
      overlay: [], volume: ["-v", `${mkdtempSync(join(this.folder, "volume-"))}:/var/lib/mdk`], tmpfs: ["--tmpfs", "/var/lib/mdk:rw,exec,size=1g"],
    }[root];
    const power = this.engine === "docker" ? DOCKER_POWER : ["--privileged"];
    const { status, out, err } = await this.cli("run", "-d", "--network=host", ...power, ...place, "-v", `${resolve(MDK)}:/usr/bin/mdk:ro`, "-v", "/bin/busybox:/usr/bin/busybox:ro",
      "-v", `${this.folder}/job:/job:ro`, `${this.registry.host}/debian`, "sleep", "100000");
    if (status !== 0) throw new Error(err);
    return out.trim();
  }

  /** `sh job.sh ARGS` in the job. */
  job(id: string, ...args: readonly string[]): Promise<BedEnded> {
    return this.cli("exec", id, "sh", "/job/job.sh", ...args);
  }

  /** The job's container is killed with all that is in it, and started again. */
  async restart(id: string): Promise<void> {
    for (const word of ["kill", "start"]) {
      const { status, err } = await this.cli(word, id);
      if (status !== 0) throw new Error(err);
    }
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
