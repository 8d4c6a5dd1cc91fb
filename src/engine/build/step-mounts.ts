/** The mounts of a RUN: what each one binds, what of it the outcome depends on, and what is tidied up behind it. */
import { closeSync, fstatSync, mkdirSync, openSync } from "node:fs";
import { posix } from "node:path";
import { MdkError } from "../../error.ts";
import type { PlannedStep } from "../../build/graph/planned.ts";
import type { RunMount } from "../../build/language/instructions/mount.ts";
import { mountOverlay } from "../../layer/overlay.ts";
import type { UserMount } from "../../spec/mount-types.ts";
import { openInRoot, O_DIRECTORY, O_PATH } from "../../sys/at.ts";
import type { OpenBind } from "../start/binds.ts";
import { gathering, type Staged } from "./building.ts";
import { cacheOf } from "./cache-mount.ts";
import { gatherFiles, type Gathered } from "./files/gather.ts";
import { placeFiles } from "./files/place.ts";
import { agentOf, secretOf } from "./secret-mounts.ts";
import { openSource, openView } from "./sources.ts";
import type { StageImage } from "./stage-image.ts";
import { bindOn, cloneMount, tmpfsOn, wholeOf, type ReadyMount } from "./step-mount.ts";
import { findStubs, removeStubs, type Stubs } from "./stubs.ts";
import { RESOLVE } from "../../sys/linux.ts";

export interface StepMounts {
  /** What the outcome of the step depends on. */
  readonly key: readonly unknown[];
  /** Variables that are secrets. */
  readonly environment: readonly string[];
  /** Opens all of them. `scratch`: a directory for what is written into those that keep nothing. */
  open(scratch: string): Promise<{ readonly mounts: readonly UserMount[]; readonly binds: ReadonlyMap<string, OpenBind> }>;
  /** Takes away what was made in the upper directory for something to be mounted on. */
  tidy(upper: string): void;
  close(): void;
}

export async function openStepMounts(staged: Staged, asked: readonly RunMount[], step: PlannedStep, image: StageImage): Promise<StepMounts> {
  const ready: ReadyMount[] = [];
  const environment: string[] = [];
  const close = (): void => ready.forEach((one) => one.close?.());
  try {
    let agents = 0;
    for (const [at, mount] of asked.entries()) {
      const target = posix.resolve(image.config.WorkingDir || "/", mount.target);
      if (target === "/" && mount.type !== "secret" && mount.type !== "ssh") throw new MdkError("invalid", "mount-target", `invalid mount target ${JSON.stringify(target)}`);
      if (mount.type === "secret") ready.push(...secretOf(staged, mount, environment, image));
      else if (mount.type === "ssh") ready.push(...agentOf(staged, mount, agents++, environment));
      else if (mount.type === "tmpfs") ready.push({ target, key: ["tmpfs", target, mount.size], bind: null, mount: tmpfsOn(target, mount.size) });
      else if (mount.type === "cache") ready.push(await cacheOf(staged, mount, target, step.sources[at] ?? null));
      else ready.push(await boundFrom(staged, mount, target, step.sources[at] ?? null));
    }
  } catch (error) {
    close();
    throw error;
  }
  const view = openView(staged, image.layers);
  let stubs: Stubs;
  try {
    stubs = findStubs(view, ready.flatMap(({ target, mount }) => (mount === null ? [] : [target])));
  } catch (error) {
    close();
    throw error;
  } finally {
    closeSync(view);
  }
  return {
    key: ready.map(({ key }) => key), environment, close,
    open: async (scratch) => {
      const binds = new Map<string, OpenBind>();
      for (const [index, { bind, target }] of ready.entries()) {
        if (bind === null) continue;
        const own = `${scratch}/${index}`;
        mkdirSync(own, { mode: 0o700 });
        binds.set(target, await bind(own));
      }
      return { mounts: ready.flatMap(({ mount }) => (mount === null ? [] : [mount])), binds };
    },
    tidy: (upper) => removeStubs(upper, stubs),
  };
}

async function boundFrom(staged: Staged, mount: RunMount, target: string, source: PlannedStep["sources"][number]): Promise<ReadyMount> {
  const { context } = staged.request;
  if (source === null && context === null) throw new MdkError("invalid", "no-context", "a bind mount needs a build context, and there is none");
  const opened = source === null ? { tree: { root: context!.root, ignore: context!.ignore, name: "build context", ownersKept: false }, close() {} } : await openSource(staged, source);
  try {
    const copy = wholeOf(mount.source);
    const gathered = await gatherFiles(copy, opened.tree, gathering(staged, opened.tree));
    return {
      target, key: ["bind", target, gathered.digest, mount.isReadonly], mount: bindOn(target, mount.isReadonly),
      close: () => {
        gathered.close();
        opened.close();
      },
      bind: async (scratch) => {
        const found = openInRoot(opened.tree.root, mount.source === "" ? "." : mount.source, O_PATH, 0, RESOLVE.NO_MAGICLINKS);
        try {
          const isDirectory = fstatSync(found).isDirectory();
          if (isDirectory && opened.tree.ignore === null && !mount.isReadonly) return discarding(found, scratch);
          if (opened.tree.ignore === null && mount.isReadonly) {
            try {
              return cloneMount(found, true);
            } catch (error) {
              // Before Linux 6.15 nothing is cloned of a mount that is attached nowhere.
              if ((error as { code?: string }).code !== "EINVAL") throw error;
            }
          }
          return await copied(gathered, scratch, mount, isDirectory);
        } finally {
          closeSync(found);
        }
      },
    };
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** What is written is thrown away. */
function discarding(directory: number, scratch: string): OpenBind {
  const [upper, work] = [`${scratch}/upper`, `${scratch}/work`];
  for (const each of [upper, work]) mkdirSync(each, { mode: 0o755 });
  return { fd: mountOverlay({ lower: [`/proc/self/fd/${directory}/.`], upper, work, volatile: true }), kind: "directory" };
}

async function copied(gathered: Gathered, scratch: string, { source, isReadonly }: RunMount, isDirectory: boolean): Promise<OpenBind> {
  const place = `${scratch}/copy`;
  mkdirSync(place, { mode: 0o755 });
  const root = openSync(place, O_DIRECTORY);
  try {
    await placeFiles(gathered, { root, names: null, workingDirectory: "/", sourceDateEpoch: null });
  } finally {
    closeSync(root);
  }
  return cloneMount(isDirectory ? place : `${place}/${posix.basename(source)}`, isReadonly);
}
