/**
 * `clean`: everything that mdk made on this host for this root is taken away, except images and named volumes. Containers first, then what
 * exists once per host. Goes on after an error and returns what went wrong.
 */
import { closeSync, existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { MdkError, messageOf } from "../../error.ts";
import { listGroups, removeGroup } from "../../cgroup/group.ts";
import { killGroup, killMonitors } from "../../cgroup/kill.ts";
import { removeParent } from "../../cgroup/parent.ts";
import { hasBridges, removeNetworks } from "../../network/bridge.ts";
import { leaveGuards, openFirewall } from "../../network/firewall.ts";
import { FORWARDING, restoreSysctl } from "../../network/forwarding.ts";
import { networkNames } from "../../network/names.ts";
import { listContainers, type Container } from "../../store/containers.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { readTag, rememberedSysctl, takeSysctls } from "../../store/namespaces.ts";
import { NETLINK_ROUTE, openNetlink } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { networkNamespace } from "../host/facts.ts";
import { giveBackSpace } from "../host/backing.ts";
import { cgroupParent } from "../host/identity.ts";
import { takeRootStoreAway } from "../host/root-store.ts";
import { NAMES } from "../../runtime/names.ts";
import { TOLD } from "../network/told.ts";
import { pruneNetworks } from "../network/networks.ts";
import { ownerOf } from "../network/place.ts";
import { removeContainer } from "../container/remove.ts";
import { reconcile } from "../end/settle.ts";
import { pruneVolumes } from "../volume/remove.ts";

export interface Cleaned {
  /** Ids of the containers that were removed. */
  readonly containers: readonly string[];
  readonly problems: readonly string[];
  /** What the user should know of. */
  readonly told: readonly string[];
}

export function cleanHost(context: Context): Cleaned {
  const problems: string[] = [];
  const attempt = (work: () => unknown): void => {
    try {
      work();
    } catch (error) {
      problems.push(messageOf(error));
    }
  };
  let removed: readonly string[] = [];
  // Who runs in another job that has the same data root, and may have the same network and groups.
  const elsewhere = new Set<string>();
  attempt(() => (removed = removeAll(context, problems, elsewhere)));
  attempt(() => reconcile(context, { all: true, problem: (error) => void problems.push(messageOf(error)) }));
  attempt(() => pruneVolumes(context, false, () => true));
  attempt(() => pruneNetworks(context, () => true));
  if (elsewhere.size === 0) attempt(() => problems.push(...cleanNetwork(context)));
  attempt(() => cleanGroups(context, elsewhere));
  attempt(() => cleanRunRoot(context));
  attempt(() => checkpoint(context.database()));
  attempt(() => giveBackSpace(context.root));
  const told: string[] = [];
  // Last: from here on there is no store at this path.
  attempt(() => told.push(...[takeRootStoreAway(context.root)].filter((text) => text !== null)));
  // One that cannot be removed is come upon twice.
  return { containers: removed, problems: [...new Set(problems)], told };
}

/** Returns who went. On a full disk those who hold nothing go once others have made room: what fails for want of it is tried again. */
function removeAll(context: Context, problems: string[], elsewhere: Set<string>): string[] {
  const removed: string[] = [];
  let waiting = listContainers(context.database(), "all");
  for (let before = -1; waiting.length > 0 && removed.length > before; ) {
    before = removed.length;
    const failed: [container: Container, error: unknown][] = [];
    for (const container of waiting) {
      try {
        removeContainer(context, container, { force: true, volumes: true });
        removed.push(container.id);
      } catch (error) {
        failed.push([container, error]);
        if (error instanceof MdkError && error.code === "container-elsewhere") elsewhere.add(container.id);
      }
    }
    const full = (error: unknown): boolean => error instanceof MdkError && error.code === "store-full";
    waiting = removed.length > before ? failed.filter(([, error]) => full(error)).map(([container]) => container) : [];
    problems.push(...failed.filter(([container]) => !waiting.includes(container)).map(([, error]) => messageOf(error)));
  }
  return removed;
}

function cleanNetwork(context: Context): string[] {
  const route = openNetlink(NETLINK_ROUTE);
  const firewall = openFirewall();
  try {
    const namespace = networkNamespace(context);
    const tag = readTag(context.database(), namespace);
    const names = tag === null ? null : networkNames(tag);
    const problems = names === null ? [] : removeNetworks(route, firewall, names, ownerOf(context));
    const forwarding = (["ipv4", "ipv6"] as const).filter((family) => rememberedSysctl(context.database(), namespace, FORWARDING[family]) !== null);
    if (names !== null && forwarding.length > 0 && hasBridges(route)) {
      // Another engine's containers, or another store's, have come to rely on it: it stays, with its guard, and is put back by a later `clean`.
      if (firewall !== null) leaveGuards(firewall, names, forwarding);
      return problems;
    }
    for (const { name, value } of transaction(context.database(), (database) => takeSysctls(database, namespace))) restoreSysctl({ name, old: value });
    return problems;
  } finally {
    closeSync(route.fd);
    firewall?.close();
  }
}

function cleanGroups(context: Context, elsewhere: ReadonlySet<string>): void {
  const cgroups = context.cgroups();
  const parent = cgroupParent(context);
  for (const id of listGroups(cgroups, parent)) {
    if (elsewhere.has(id)) continue;
    killGroup(cgroups, `${parent}/${id}`);
    removeGroup(cgroups, `${parent}/${id}`);
  }
  try {
    removeParent(cgroups, parent);
  } catch (error) {
    if (!(error instanceof MdkError && error.code === "cgroup-busy") || listContainers(context.database(), "all").length > 0) throw error;
    // Monitors of containers that are gone still serve readers that take nothing.
    killMonitors(cgroups, parent);
    removeParent(cgroups, parent);
  }
}

/** Only what mdk itself puts there: the directory may be somebody's mount point. */
function cleanRunRoot(context: Context): void {
  if (!existsSync(context.runRoot)) return;
  for (const name of readdirSync(context.runRoot)) {
    if (name === NAMES) rmSync(`${context.runRoot}/${name}`, { recursive: true, force: true });
    if ((TOLD as readonly string[]).includes(name) || /^shim-[0-9a-f]{64}(\.\d+)?$/.test(name)) rmSync(`${context.runRoot}/${name}`, { force: true });
  }
  if (readdirSync(context.runRoot).length === 0) {
    try {
      rmdirSync(context.runRoot);
    } catch (error) {
      if ((error as { code?: string }).code !== "EBUSY") throw error;
    }
  }
}
