/**
 * A container's file system with everything that is mounted in it, as one root descriptor. Of a running one, what its mount namespace
 * has; of one at rest, its overlay and its binds in a mount namespace of a shim. Nothing of it stands in the host's mount table,
 * and with this process it is gone.
 */
import { closeSync, existsSync } from "node:fs";
import { mountLayers } from "../../layer/overlay.ts";
import { readCondition } from "../../runtime/state.ts";
import { holdMounts, openContainerRoot, type HeldMount } from "../../runtime/view.ts";
import { planMounts } from "../../spec/mounts.ts";
import type { SpecMount } from "../../spec/types.ts";
import type { Container } from "../../store/containers.ts";
import { runPaths, storePaths } from "../../store/paths.ts";
import { openProcess } from "../../sys/pidfd.ts";
import type { Context } from "../context.ts";
import { takeAtRest } from "../end/at-rest.ts";
import { noSuchContainer } from "../end/words.ts";
import { existsInRoot } from "../host/in-root.ts";
import { withRootLayers } from "../image/layers.ts";
import { ensureSource, openBind, type OpenBind } from "../start/binds.ts";
import { fillVolumes, openOwn } from "../start/volumes.ts";
import { ensureMountPoint, ensureUpper, mountRoot } from "../start/root.ts";

/** To be closed by who asked for it, once. */
export interface RootView {
  /** Descriptor of the container's "/". */
  readonly root: number;
  readonly running: boolean;
  close(): void;
}

/**
 * `write`: of a container at rest, the op lock is held until it is closed, which must be soon; who only reads holds none, and sees it if the
 * container is started meanwhile. Throws MdkError "no-such-container" when it is gone.
 */
export function openRootView(context: Context, container: Container, access: "read" | "write"): RootView {
  // Whoever starts it holds the op lock: what was not running yet may be, once the lock is ours; and what runs may end.
  for (;;) {
    const view = viewRunning(context, container) ?? viewAtRest(context, container, access);
    if (view !== null) return view;
    Bun.sleepSync(1);
  }
}

/** Null when it does not run. */
export function viewRunning(context: Context, container: Container): RootView | null {
  const condition = readCondition(runPaths(context.runRoot).container(container.id));
  if (condition.kind !== "running") return null;
  const init = openProcess(condition.state.pid, condition.state.pidStart);
  if (init === null) return null;
  try {
    const root = openContainerRoot(context.runRoot, init);
    return root === null ? null : { root, running: true, close: () => closeSync(root) };
  } finally {
    closeSync(init);
  }
}

/** Null for one that runs. */
function viewAtRest(context: Context, { id }: Container, access: "read" | "write"): RootView | null {
  const rested = takeAtRest(context, id);
  if (rested.kind === "running") return null;
  if (rested.kind === "gone") throw noSuchContainer(id);
  let kept = false;
  try {
    const view = mountView(context, rested.container, access);
    kept = access === "write";
    if (!kept) return view;
    const close = (): void => {
      try {
        view.close();
      } finally {
        rested.release();
      }
    };
    return { ...view, close };
  } finally {
    if (!kept) rested.release();
  }
}

function mountView(context: Context, container: Container, access: "read" | "write"): RootView {
  return withRootLayers(context, container, (layers) => mountOf(context, container, access, layers));
}

function mountOf(context: Context, container: Container, access: "read" | "write", layers: readonly string[]): RootView {
  const directory = storePaths(context.root).container(container.id);
  const binds = bindsOf(container, directory);
  if (access === "read") {
    ensureUpper(`${directory}/upper`, layers[0]);
    const view = attach(context, container, mountLayers([`${directory}/upper`, ...layers], directory), { binds, probing: true });
    if (view !== null) return view;
    // Something is to be mounted where nothing is: a start would make the place, too.
    closeSync(writableRoot(context, container, { directory, layers, binds }));
    return attach(context, container, mountLayers([`${directory}/upper`, ...layers], directory), { binds, probing: false }) as RootView;
  }
  for (const mount of container.mounts) if (mount.type === "bind") ensureSource(mount);
  return attach(context, container, writableRoot(context, container, { directory, layers, binds }), { binds, probing: false }) as RootView;
}

/** Volatile: what is copied is as safe as other files that nobody has synced; else the end of it would wait for everything unwritten on this disk (kernel-traps 22). */
function writableRoot(context: Context, container: Container, { directory, layers, binds }: { readonly directory: string; readonly layers: readonly string[]; readonly binds: readonly SpecMount[] }): number {
  const root = mountRoot({ root: context.root, directory, layers, volatile: true });
  try {
    for (const bind of binds) {
      const { fd, kind } = open(context, container, bind);
      closeSync(fd);
      ensureMountPoint(root, bind.destination, kind);
    }
    return root;
  } catch (error) {
    closeSync(root);
    throw error;
  }
}

/** What is mounted in a container from the host, parents first. The engine's own files are there once it was started; a source that is gone shows nothing. */
function bindsOf(container: Container, directory: string): SpecMount[] {
  const files = { hosts: `${directory}/hosts`, hostname: `${directory}/hostname`, resolvConf: `${directory}/resolv.conf` };
  return planMounts({ user: container.mounts, files, init: null, privileged: false, readonlyRoot: container.host.ReadonlyRootfs, shmSize: 0, ipc: "private", ipcPid: null })
    .filter(({ type, source, destination }) => type === "bind" && (existsSync(source) || container.mounts.some((mount) => mount.target === destination && (mount.type === "volume" || mount.type === "image"))));
}

const open = (context: Context, container: Container, bind: SpecMount): OpenBind => openOwn(context, container, bind.destination) ?? openBind(bind);

/** Takes the root over. With `probing`: null where a place is missing (those below another mount are not looked for). */
function attach(context: Context, container: Container, root: number, { binds, probing }: { readonly binds: readonly SpecMount[]; readonly probing: boolean }): RootView | null {
  const mounts: HeldMount[] = [];
  let release = (): void => {};
  let given = false;
  try {
    if (probing && binds.some(({ destination }) => !existsInRoot(root, destination) && !binds.some((other) => destination.startsWith(`${other.destination}/`)))) return null;
    fillVolumes(context, container, root);
    for (const bind of binds) {
      const { fd, kind } = open(context, container, bind);
      const above = mounts.findLast(({ place }) => bind.destination.startsWith(`${place}/`));
      mounts.push({ place: bind.destination, fd });
      // As a start makes it: in what is mounted there.
      if (above !== undefined) ensureMountPoint(above.fd, bind.destination.slice(above.place.length), kind);
    }
    release = holdMounts(context.runRoot, root, mounts);
    given = true;
  } finally {
    for (const { fd } of mounts) closeSync(fd);
    if (!given) closeSync(root);
  }
  const close = (): void => {
    release();
    closeSync(root);
  };
  return { root, running: false, close };
}
