/**
 * A root, a run root and a registry of its own, and what a second witness finds in them and on the host: /proc,
 * /sys/fs/cgroup, `ip`, `nft`, the database read as a file. Nothing here asks mdk.
 */
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { imageLayout } from "../helpers/fixtures.ts";
import { MOUNTS_LAYER } from "../../src/store/paths.ts";
import { NAMES } from "../../src/runtime/names.ts";
import { push, startRegistry } from "../helpers/registry.ts";

export interface Output {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface World {
  readonly folder: string;
  /** Image names in the registry. */
  readonly image: string;
  readonly layered: string;
  readonly root: string;
  readonly runRoot: string;
  /** A free port of the host. */
  readonly port: number;
  /** argv of mdk with this world's roots. */
  argv(...words: string[]): string[];
  mdk(...words: string[]): Output;
  close(): Promise<void>;
}

export const BINARY = resolve(process.env["MDK_FAULT_BINARY"] ?? "dist/mdk");

export function execute(argv: readonly string[], seconds = 60): Output {
  const done = Bun.spawnSync([...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: seconds * 1000, killSignal: "SIGKILL" });
  return { code: done.exitCode ?? 128 + 9, out: done.stdout.toString(), err: done.stderr.toString() };
}

/** Makes the world. `makeLayered` pushes a small image of several layers under the given name. */
export async function openWorld(makeLayered: (folder: string, name: string) => void): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "mdk-fault-"));
  const registry = await startRegistry();
  const image = `${registry.host}/busybox`;
  push(`${imageLayout("busybox")}:latest`, `${image}:latest`);
  const layered = `${registry.host}/layered:1`;
  makeLayered(folder, layered);
  const world: World = {
    folder, image, layered, root: join(folder, "root"), runRoot: join(folder, "run"), port: freePort(),
    argv: (...words) => [BINARY, "--root", world.root, "--run-root", world.runRoot, ...words],
    mdk: (...words) => execute(world.argv(...words)),
    close: async () => {
      await registry.stop();
      const cleaned = world.mdk("clean", "-f");
      rmSync(folder, { recursive: true, force: true });
      if (cleaned.code !== 0) throw new Error(`clean: ${cleaned.err}`);
    },
  };
  mkdirSync(world.root);
  return world;
}

function freePort(): number {
  const server = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => {} } });
  server.stop(true);
  return server.port;
}

/** Everything that a container could have left, each with where it is. Empty: nothing is left of any container. */
export function leftovers(world: World, pids: readonly number[]): string[] {
  return [
    ...names(world.runRoot).filter((name) => !/^(shim-[0-9a-f]{64}|names)$/.test(name)).map((name) => `run root: ${name}`),
    ...told(world).map((path) => `name ${path}`),
    ...names(join(world.root, "containers")).map((name) => `containers/${name}`),
    ...names(join(world.root, "tmp")).filter((name) => name !== "pull.lock" && name !== "empty").map((name) => `tmp/${name}`),
    ...groups(world), ...links(world), ...elements(world), ...rows(world), ...mounts(world),
    ...pids.filter(alive).map((pid) => `process ${pid} ${commandOf(pid)}`),
  ];
}

function names(path: string): string[] {
  return existsSync(path) ? readdirSync(path).sort() : [];
}

/** The first digits of the root's digest, as src/engine/host/identity.ts has them: control groups carry them. */
function hash(world: World): string {
  return new Bun.CryptoHasher("sha256").update(world.root).digest("hex").slice(0, 8);
}

function groups(world: World): string[] {
  const found: string[] = [];
  const parent = `mdk-${hash(world)}`;
  for (const hierarchy of ["", ...names("/sys/fs/cgroup")]) {
    const folder = join("/sys/fs/cgroup", hierarchy, parent);
    if (existsSync(folder)) found.push(...readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => `cgroup ${hierarchy}/${name}`));
  }
  return found;
}

/** A dying network namespace takes its veth along late (kernel-traps 9): waited for. */
function links(world: World): string[] {
  const names = tags(world);
  const there = (): string[] => readdirSync("/sys/class/net").filter((name) => names.some((tag) => name.startsWith(`mdk${tag}`)));
  for (let tries = 0; tries < 100 && there().length > 0; tries++) Bun.sleepSync(20);
  return there().map((name) => `link ${name}`);
}

/** What containers of networks are found by: a symbolic link for each name of one that runs. */
function told(world: World): string[] {
  const tree = join(world.runRoot, NAMES);
  return existsSync(tree) ? readdirSync(tree, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name)) : [];
}

/** Elements of the firewall's maps: published ports. Its sets are of networks, which may stay. */
function elements(world: World): string[] {
  return tags(world).flatMap((tag) => {
    const { code, out } = execute(["nft", "-j", "list", "table", "inet", `mdk-${tag}`]);
    if (code !== 0) return [];
    const { nftables } = JSON.parse(out) as { nftables: { map?: { name: string; elem?: unknown[] } }[] };
    return nftables.flatMap(({ map }) => map ?? []).filter(({ elem }) => (elem?.length ?? 0) > 0).map(({ name, elem }) => `nft ${name}: ${JSON.stringify(elem)}`);
  });
}

/** Others may be at work on it, a monitor's last command for one. */
export function openReading(path: string): Database {
  const database = new Database(path, { readonly: true });
  database.run("PRAGMA busy_timeout = 5000");
  return database;
}

/** What names the bridges and the table of the world's store. */
export function tags(world: World): string[] {
  const path = join(world.root, "mdk.db");
  if (!existsSync(path)) return [];
  const database = openReading(path);
  try {
    if (database.query("SELECT 1 FROM sqlite_master WHERE name = 'namespaces'").get() === null) return [];
    return (database.query("SELECT tag FROM namespaces").all() as { tag: string }[]).map(({ tag }) => tag);
  } finally {
    database.close();
  }
}

function rows(world: World): string[] {
  const path = join(world.root, "mdk.db");
  if (!existsSync(path)) return [];
  const database = openReading(path);
  try {
    return ["containers", "endpoints", "ports"].flatMap((table) => {
      if (database.query("SELECT 1 FROM sqlite_master WHERE name = ?").get(table) === null) return [];
      return database.query(`SELECT * FROM ${table}`).all().map((row) => `row of ${table}: ${JSON.stringify(row).slice(0, 300)}`);
    });
  } finally {
    database.close();
  }
}

function mounts(world: World): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => line.includes(world.folder)).map((line) => `mount ${line}`);
}

/** Zombies do not count: they may be those of a PID 1 that never waits. */
export function alive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** Layers on disk without a row, and rows without a layer. */
export function strayLayers(world: World): string[] {
  const database = openReading(join(world.root, "mdk.db"));
  try {
    const known = (database.query("SELECT id FROM layers").all() as { id: string }[]).map(({ id }) => id);
    // The one that is no image's is made once.
    const there = names(join(world.root, "layers")).filter((name) => name !== MOUNTS_LAYER);
    return [...there.filter((id) => !known.includes(id)).map((id) => `layer without a row: ${id}`), ...known.filter((id) => !there.includes(id)).map((id) => `row without a layer: ${id}`)];
  } finally {
    database.close();
  }
}
