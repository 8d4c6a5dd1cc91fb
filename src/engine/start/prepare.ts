/** The root file system and the specification of a container that is about to start: what needs the mounted root to be known. */
import { closeSync } from "node:fs";
import { release } from "node:os";
import { bindAttributes } from "../../runtime/mount-options.ts";
import { openShim } from "../../runtime/shim.ts";
import type { HostConfig } from "../../spec/container.ts";
import { limitedDevices } from "../../spec/block-io.ts";
import { sharedMemoryOf } from "../../spec/mounts.ts";
import { INIT_PATH } from "../../spec/defaults.ts";
import { generateSpec, type HostFacts } from "../../spec/generate.ts";
import { chooseCapabilities } from "../../spec/capabilities.ts";
import { parseSecurityOptions } from "../../spec/security-options.ts";
import type { LinuxSeccomp, Spec } from "../../spec/types.ts";
import type { Container } from "../../store/containers.ts";
import { AT_EMPTY_PATH, mountSetattr, OPEN_TREE_CLONE, openTree } from "../../sys/mount.ts";
import { checkPropagation, ensureSource, openBind, type OpenBind } from "./binds.ts";
import type { Context } from "../context.ts";
import { machine, readHostFacts } from "../host/facts.ts";
import { userInRoot } from "../host/in-root.ts";
import { mountsLayer, withRootLayers } from "../image/layers.ts";
import { mountOverlay } from "../../layer/overlay.ts";
import type { GivenRoot } from "./begin.ts";
import { ensureMountPoint, ensureRootDirectory, mountRoot } from "./root.ts";

/** PID 1 of a container that another one joins: its number on the host, and a pidfd. */
export interface Donor {
  readonly pid: number;
  readonly fd: number;
}

/** Whose namespaces are joined (joined.ts). */
export interface Donors {
  readonly pid: Donor | null;
  readonly ipc: Donor | null;
  readonly network: Donor | null;
}

export const ALONE: Donors = { pid: null, ipc: null, network: null };

export interface PreparedRoot {
  /** Detached root file system. */
  readonly mount: number;
  readonly spec: Spec;
  readonly host: HostFacts;
  /** Detached mounts by destination. */
  readonly binds: ReadonlyMap<string, OpenBind>;
}

export interface PrepareOptions {
  /** The container's directory in the store. */
  readonly store: string;
  /** Where hosts, hostname and resolv.conf are: the same, or that of the container whose network namespace it is in. */
  readonly files: string;
  /** KEY=VALUE: what its processes are told beneath its own environment. */
  readonly variables: readonly string[];
  /** Where no image says what its root is made of. */
  readonly given: GivenRoot | null;
  /** Whether one of its networks has IPv6. */
  readonly ipv6: boolean;
  readonly joined: Donors;
  readonly window: { readonly rows: number; readonly columns: number } | null;
  /** Of a container that has volumes or images mounted (engine/start/volumes.ts); null: it has none. */
  readonly volumes: typeof import("./volumes.ts") | null;
  /** Takes every descriptor that is opened; the caller closes them. */
  readonly keep: (descriptor: number) => number;
}

/** Mounts, reads, decides, makes mount points, opens binds. Errors: MdkError in Docker's words. */
export async function prepareRoot(context: Context, container: Container, options: PrepareOptions): Promise<PreparedRoot> {
  const { config, host, mounts } = container;
  const { store, files, window, joined } = options;
  const { given } = options;
  const mount = options.keep(given === null
    ? withRootLayers(context, container, (layers) => mountRoot({ root: context.root, directory: store, layers, volatile: host.AutoRemove }))
    : mountOverlay({ lower: [...given.layers, mountsLayer(context)], upper: given.upper, work: given.work, volatile: true }));
  const user = userInRoot(mount, config.User, host.GroupAdd ?? []);
  const facts = { ...readHostFacts(host.Privileged), ...(await deviceFacts(host)) };
  const described = { host, mounts, config: { ...config, Env: [...options.variables, ...config.Env, ...(given?.environment ?? [])] } };
  const spec = generateSpec(described, {
    seccomp: await profileOf(host, facts),
    user, window, ipv6: options.ipv6, joined: { pid: joined.pid?.pid ?? null, ipc: joined.ipc?.pid ?? null, network: joined.network?.pid ?? null }, cgroupsPath: `/${container.cgroup}`, rootPath: "rootfs",
    files: { hosts: `${files}/hosts`, hostname: `${files}/hostname`, resolvConf: `${files}/resolv.conf` },
    init: host.Init === true ? "mdk-shim" : null,
  }, facts);
  for (const bind of mounts) {
    if (bind.type !== "bind" || given?.binds.has(bind.target) === true) continue;
    ensureSource(bind);
    checkPropagation(context.root, bind);
  }
  options.volumes?.fillVolumes(context, container, mount);
  ensureRootDirectory(mount, spec.process.cwd);
  const binds = new Map<string, OpenBind>();
  for (const entry of spec.mounts) {
    // That of another mount namespace is cloned there, by a step of the plan.
    const borrowed = joined.ipc !== null && entry.source === sharedMemoryOf(joined.ipc.pid);
    if (entry.type === "bind" && !borrowed) {
      const bind = entry.destination === INIT_PATH ? openInit(context, entry.options) : (given?.binds.get(entry.destination) ?? options.volumes?.openOwn(context, container, entry.destination) ?? openBind(entry));
      options.keep(bind.fd);
      binds.set(entry.destination, bind);
    }
    if (isBelowAnother(entry.destination, spec)) continue;
    ensureMountPoint(mount, entry.destination, binds.get(entry.destination)?.kind ?? "directory");
  }
  return { mount, spec, host: facts, binds };
}

/** The list of a seccomp option that is a file's text. Null: another one, or a text that confines nothing. */
async function profileOf({ CapAdd, CapDrop, Privileged: privileged, SecurityOpt }: HostConfig, facts: HostFacts): Promise<LinuxSeccomp | null> {
  const { seccomp } = parseSecurityOptions(SecurityOpt ?? []);
  if (typeof seccomp === "string") return null;
  const { readProfile } = await import("../../spec/seccomp-file.ts");
  const capabilities = chooseCapabilities({ add: CapAdd ?? [], drop: CapDrop ?? [], privileged }, facts.capabilities);
  return readProfile(seccomp.profile, { capabilities, machine: machine(), kernel: release() });
}

async function deviceFacts(host: HostConfig): Promise<Pick<HostFacts, "mapped" | "numbers">> {
  const limited = limitedDevices(host);
  if ((host.Devices ?? []).length === 0 && limited.length === 0) return { mapped: [], numbers: new Map() };
  const { readDeviceNumbers, readMappedDevices } = await import("../host/devices.ts");
  return { mapped: readMappedDevices(host.Devices ?? []), numbers: readDeviceNumbers(limited) };
}

/** Mount points in other mounts of the container are made after those are mounted, by steps of the plan. */
function isBelowAnother(destination: string, spec: Spec): boolean {
  return spec.mounts.some((other) => other.destination !== destination && destination.startsWith(`${other.destination}/`));
}

/** The shim as /sbin/docker-init, from the same mount it is executed from. */
function openInit(context: Context, words: readonly string[]): OpenBind {
  const { attrSet, attrClr, propagation } = bindAttributes(words);
  const tree = openTree(openShim(context.runRoot), "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
  try {
    mountSetattr(tree, "", AT_EMPTY_PATH, { set: attrSet, clear: attrClr, propagation });
  } catch (error) {
    closeSync(tree);
    throw error;
  }
  return { fd: tree, kind: "file" };
}
