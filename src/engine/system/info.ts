/** What is known of this host and this store. */
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { findController } from "../../cgroup/detect.ts";
import { kernelRelease } from "../../sys/kernel.ts";
import { listImages } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { networkNamespace } from "../host/facts.ts";
import { cgroupParent } from "../host/identity.ts";
import { readRootStore } from "../host/root-store.ts";
import { mountOf } from "../../sys/mountinfo.ts";
import { summarizeContainers } from "../container/list.ts";
import { wayHere, type Way } from "../network/ways.ts";
import { readTag } from "../../store/namespaces.ts";
import type { Word } from "../end/words.ts";

export interface SystemFacts {
  /** Of this store on this host, the same at every call: a UUID. */
  readonly id: string;
  readonly containers: number;
  readonly running: number;
  readonly paused: number;
  readonly images: number;
  readonly root: string;
  readonly runRoot: string;
  /** Kind of the file system that the store is on ("ext4"). */
  readonly fileSystem: string;
  /** What mdk brought for it: null, nothing was needed. Bytes that its backing disk has left; null for a tmpfs, which has none. */
  readonly rootStore: { readonly driver: "loop" | "tmpfs"; readonly on: string; readonly bytes: number; readonly backingFree: number | null } | null;
  readonly cgroups: { readonly mode: string; readonly parent: string; readonly controllers: Readonly<Record<"memory" | "cpu" | "pids" | "cpuset", boolean>> };
  /** Limits of swap can be set. */
  readonly swapLimit: boolean;
  readonly forwarding: boolean;
  /** How ports of the host reach containers. */
  readonly way: Way;
  readonly descriptors: number;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly kernel: string;
  /** As uname(2) says it: "x86_64". */
  readonly machine: string;
  readonly system: { readonly name: string; readonly version: string };
  readonly hostname: string;
  readonly now: Date;
  readonly environment: Context["environment"];
  readonly settings: Context["settings"];
}

export async function readSystem(context: Context): Promise<SystemFacts> {
  const containers = await summarizeContainers(context, { all: true });
  const count = (word: Word): number => containers.filter(({ status }) => status.word === word).length;
  const cgroups = context.cgroups();
  const has = (name: string): boolean => findController(cgroups, name) !== null;
  const memory = findController(cgroups, "memory");
  return {
    id: identity(context), containers: containers.length, running: count("running") + count("restarting"), paused: count("paused"),
    images: listImages(context.database()).length, root: context.root, runRoot: context.runRoot, ...storageOf(context),
    cgroups: { mode: cgroups.mode, parent: cgroupParent(context), controllers: { memory: has("memory"), cpu: has("cpu"), pids: has("pids"), cpuset: has("cpuset") } },
    swapLimit: memory !== null && (memory.kind === "v2" || existsSync(`${memory.mountpoint}/memory.memsw.limit_in_bytes`)),
    forwarding: text("/proc/sys/net/ipv4/ip_forward") === "1", way: wayHere(readTag(context.database(), networkNamespace(context))), descriptors: readdirSync("/proc/self/fd").length,
    cpus: navigator.hardwareConcurrency, memory: Number(/^MemTotal:\s+(\d+) kB/m.exec(text("/proc/meminfo"))?.[1] ?? 0) * 1024,
    kernel: kernelRelease(), machine: process.arch === "x64" ? "x86_64" : "aarch64", system: operatingSystem(),
    hostname: text("/proc/sys/kernel/hostname"), now: context.now(), environment: context.environment, settings: context.settings,
  };
}

function storageOf(context: Context): Pick<SystemFacts, "fileSystem" | "rootStore"> {
  context.database();
  const store = readRootStore(context.root);
  return { fileSystem: mountOf(realpathSync(context.root))?.type ?? "", rootStore: store };
}

/** "" for a file that is not there. */
function text(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

/** machine-id(5) must not be told as it is: hashed with the store's path. */
function identity({ root }: Context): string {
  const hex = new Bun.CryptoHasher("sha256").update(`mdk\0${text("/etc/machine-id")}\0${root}`).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

function operatingSystem(): SystemFacts["system"] {
  const release = text("/etc/os-release");
  const field = (name: string): string | undefined => new RegExp(`^${name}="?([^"\\n]*)`, "m").exec(release)?.[1];
  return { name: field("PRETTY_NAME") ?? "Linux", version: field("VERSION_ID") ?? "" };
}
