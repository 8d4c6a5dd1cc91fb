/** OCI bundles for crun and runc: Docker's own specification of a container, so that the isolation is the same. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, type Bench } from "./engines.ts";

interface Spec {
  process: { args: string[]; terminal?: boolean };
  root: { path: string };
  hooks?: unknown;
  mounts: { destination: string; source?: string }[];
  linux: { cgroupsPath?: string; namespaces: { type: string; path?: string }[] };
}

/** Starts a container with docker, takes its config.json and root, and writes two bundles: `true` and a sleep. */
export async function exportBundles(bench: Bench): Promise<{ readonly short: string; readonly long: string }> {
  const docker = bench.engines[1];
  const id = (await call(docker, ["run", "-d", bench.busybox, "sleep", "1000000"], { capture: true })).stdout.trim();
  const tasks = join(bench.folder, "dockerd/exec/containerd/daemon/io.containerd.runtime.v2.task/moby");
  if (!readdirSync(tasks).includes(id)) throw new Error(`${tasks} does not hold ${id}`);
  const text = readFileSync(join(tasks, id, "config.json"), "utf8");
  const folder = join(bench.folder, "bundles");
  const rootfs = join(folder, "rootfs");
  mkdirSync(rootfs, { recursive: true });
  await bench.host.run({ argv: ["sh", "-c", `"$@" | tar -xf - -C '${rootfs}'`, "sh", ...docker.cli, "export", id] });
  await call(docker, ["rm", "-f", id]);
  return { short: writeBundle(folder, "short", text, ["true"]), long: writeBundle(folder, "long", text, ["sleep", "1000000"]) };
}

function writeBundle(folder: string, name: string, text: string, args: string[]): string {
  const spec = JSON.parse(text) as Spec;
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  spec.process.args = args;
  spec.root.path = join(folder, "rootfs");
  delete spec.hooks; // the network is Docker's, set up by its hook: crun's and runc's containers have a loopback only
  spec.mounts = spec.mounts.filter((mount) => !mount.destination.startsWith("/etc/")); // Docker's own files
  spec.linux.namespaces = spec.linux.namespaces.map(({ type }) => ({ type }));
  spec.linux.cgroupsPath = `/mdk-bench-${process.pid}-${name}`;
  writeFileSync(join(path, "config.json"), JSON.stringify(spec));
  return path;
}
