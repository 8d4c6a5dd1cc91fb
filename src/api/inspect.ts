/** GET /containers/ID/json, /images/NAME/json, /networks/ID and /volumes/NAME: what a word names, as Docker's JSON. */
import { MdkError } from "../error.ts";
import type { Context } from "../engine/context.ts";
import { findContainer } from "../engine/container/find.ts";
import { ownBytes } from "../engine/container/size.ts";
import { inspectImage } from "../engine/image/inspect.ts";
import { findNetwork } from "../engine/network/endpoints.ts";
import { inspectNetwork } from "../engine/network/inspect.ts";
import { imageBytes, layerDirectories } from "../engine/image/layers.ts";
import { logName } from "../engine/end/log-file.ts";
import { inspectEndpoints } from "../engine/network/inspect.ts";
import { runningExecs } from "../engine/session/inspect.ts";
import { readStatus } from "../engine/end/status.ts";
import { healthOf } from "../engine/container/health.ts";
import { storePaths } from "../store/paths.ts";
import { listPorts } from "../store/ports.ts";
import { readVolume } from "../store/volumes.ts";
import { inspectContainer } from "./json/container.ts";
import { imageJson } from "./json/image.ts";
import { networkJson } from "./json/network.ts";
import { volumeJson } from "./json/volume.ts";

export type InspectKind = "container" | "image" | "network" | "volume";

export interface InspectHow {
  /** Null: any, in this order. */
  readonly type: InspectKind | null;
  /** With what a container takes on disk. */
  readonly size: boolean;
  /** Of images: which one of all that the name stands for; null: its own. */
  readonly platform: string | null;
}

export interface Inspected {
  readonly kind: InspectKind;
  readonly json: object;
}

/** Containers come before images of the same name, these before networks and volumes. Null: there is nothing. */
export function readInspect(context: Context, word: string, { type, size, platform }: InspectHow): Inspected | null {
  const readers: Readonly<Record<InspectKind, () => object | null>> = {
    container: () => orNull(() => readContainerJson(context, word, size), MISSING),
    image: () => orNull(() => imageJson(inspectImage(context, word, platform)), type === "image" ? MISSING : NO_NAME),
    network: () => readNetworkJson(context, word),
    volume: () => readVolumeJson(context, word),
  };
  for (const kind of type === null ? (Object.keys(readers) as InspectKind[]) : [type]) {
    const json = readers[kind]();
    if (json !== null) return { kind, json };
  }
  return null;
}

/** Null: there is no such volume. */
export function readVolumeJson(context: Context, name: string): object | null {
  const volume = readVolume(context.database(), name);
  return volume === null ? null : volumeJson(volume, storePaths(context.root).volumeData(name));
}

/** Null: there is no such network. Throws MdkError "ambiguous-network". */
function readNetworkJson(context: Context, word: string): object | null {
  return orNull(() => networkJson(inspectNetwork(context, findNetwork(context, word))), MISSING);
}

function readContainerJson(context: Context, word: string, size: boolean): object {
  const container = findContainer(context, word);
  const directory = storePaths(context.root).container(container.id);
  const status = readStatus(context, container);
  return inspectContainer({
    container, execs: runningExecs(context, container), status, health: container.checked ? healthOf(context, container, status.word) : null, layers: container.host.Rootfs === undefined ? layerDirectories(context, container.image) : [container.host.Rootfs],
    network: { endpoints: inspectEndpoints(context, container), ports: listPorts(context.database(), container.id) }, directory, logPath: `${directory}/${logName(container.id)}`,
    size: size ? { own: ownBytes(context, container.id), image: imageBytes(context, container.image) } : null,
  });
}

const MISSING: readonly string[] = ["no-such-container", "no-such-image", "no-such-network"];
/** A container's name need not be one that an image can have. */
const NO_NAME: readonly string[] = [...MISSING, "reference-invalid"];

function orNull(read: () => object, missing: readonly string[]): object | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MdkError && missing.includes(error.code)) return null;
    throw error;
  }
}
