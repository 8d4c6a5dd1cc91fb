/** COPY, ADD and WORKDIR: files put into a mounted overlay, or with --link into an empty directory, whose upper becomes the next layer. */
import { closeSync, openSync } from "node:fs";
import { posix } from "node:path";
import { withoutPasswords } from "../../build/context/remote.ts";
import type { PlannedStep } from "../../build/graph/planned.ts";
import type { AddInstruction, CopyInstruction } from "../../build/language/instructions/types.ts";
import { mountOverlay } from "../../layer/overlay.ts";
import { O_DIRECTORY, O_NOFOLLOW, type Time } from "../../sys/at.ts";
import { userInRoot } from "../host/in-root.ts";
import { gathering, stageLayerDirectories, type Building, type Staged, type StepContext } from "./building.ts";
import { cachedLayer, stepKey, type LayerPlace } from "./cached-layer.ts";
import { ensureDirectories, resolveDestination } from "./files/destination.ts";
import { gatherFiles } from "./files/gather.ts";
import { placeFiles } from "./files/place.ts";
import { openSource, type OpenedTree } from "./sources.ts";
import { chainOf, withLayer, withWords, type StageImage, type StageLayer } from "./stage-image.ts";

/** WORKDIR is made where it is missing, for the user who is to work there. */
export async function workdirStep(staged: Staged, image: StageImage, value: string, { shown, description, anew }: StepContext): Promise<StageImage> {
  const path = posix.resolve(image.config.WorkingDir || "/", value);
  const changed = { ...image, config: { ...image.config, WorkingDir: path } };
  if (path === "/") return withWords(changed, "WORKDIR /");
  const { User } = image.config;
  const time = timeOf(staged.request);
  const layer = await cachedLayer(staged, {
    key: stepKey(["workdir", chainOf(image.layers), path, User]), description, shown, anew, below: image.layers,
    fill: async (place) => onOverlay(staged, image.layers, place, async (root) => {
      const owner = User === "" ? null : userInRoot(root, User, []);
      ensureDirectories(root, resolveDestination(root, path, "/").path, { owner, mode: null, parents: 0o755, time });
    }),
  });
  return withLayer(changed, layer, `WORKDIR ${path}`);
}

export async function copyStep(staged: Staged, image: StageImage, instruction: CopyInstruction | AddInstruction, { step, shown, description, anew }: StepContext): Promise<StageImage> {
  const { request } = staged;
  const tree = await openTree(staged, instruction, step);
  try {
    const gathered = await gatherFiles(instruction, tree?.tree ?? null, gathering(staged, tree?.tree ?? null));
    try {
      const { destination, chown, chmod, link } = instruction;
      const workingDirectory = image.config.WorkingDir || "/";
      const below = link ? [] : image.layers;
      const layer = await cachedLayer(staged, {
        key: stepKey(["files", chainOf(below), gathered.digest, destination, chown, chmod, workingDirectory]), description, shown, anew, below,
        fill: async (place) => {
          const options = { workingDirectory, sourceDateEpoch: timeOf(request)?.seconds ?? null };
          if (link) await inside(place.upper, (root) => placeFiles(gathered, { ...options, root, names: null }));
          else await onOverlay(staged, below, place, (root) => placeFiles(gathered, { ...options, root, names: root }));
        },
      });
      return withLayer(image, layer, historyOf(instruction));
    } finally {
      gathered.close();
    }
  } finally {
    tree?.close();
  }
}

function timeOf({ epochMs }: Staged["request"]): Time | null {
  return epochMs === null ? null : { seconds: Math.floor(epochMs / 1000), nanoseconds: 0 };
}

function historyOf({ kind, chown, chmod, sources, inline, destination, ...more }: CopyInstruction | AddInstruction): string {
  const flags = [...("parents" in more && more.parents ? ["--parents"] : []), ...(chown === null ? [] : [`--chown=${chown}`]), ...(chmod === null ? [] : [`--chmod=${chmod}`])];
  return [kind.toUpperCase(), ...flags, ...sources.map(withoutPasswords), ...inline.map(({ name }) => `<<${name}`), destination].join(" ");
}

/** Where the instruction's files come from; null: it has but inline ones and there is no context. */
async function openTree(staged: Staged, instruction: CopyInstruction | AddInstruction, { sources: [source = null] }: PlannedStep): Promise<OpenedTree | null> {
  if (instruction.kind === "copy" && source !== null) return openSource(staged, source);
  const { context } = staged.request;
  return context === null ? null : { tree: { root: context.root, ignore: context.ignore, name: "build context", ownersKept: false }, close() {} };
}

/** Lets the work change a tree of these layers, of none an empty one; what it changes is in `upper`. */
export async function onOverlay(staged: Building, below: readonly StageLayer[], { upper, work, scratch }: LayerPlace, put: (root: number) => Promise<void>): Promise<void> {
  const root = mountOverlay({ lower: below.length === 0 ? [scratch] : stageLayerDirectories(staged, below), upper, work, volatile: true });
  try {
    await put(root);
  } finally {
    closeSync(root);
  }
}

async function inside(directory: string, put: (root: number) => Promise<void>): Promise<void> {
  const root = openSync(directory, O_DIRECTORY | O_NOFOLLOW);
  try {
    await put(root);
  } finally {
    closeSync(root);
  }
}
