/**
 * The moment a container becomes one that is being started: its op lock, its address, its ports and its row, the last
 * three in one transaction. `run` makes its container in the same transaction; `start` takes one that is there.
 */
import { closeSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { markStarted } from "../../store/container-life.ts";
import type { Connection } from "../../store/endpoints.ts";
import { insertContainer, nameHolder, readContainer, type Container } from "../../store/containers.ts";
import { isForeignKeyViolation, isUniqueViolation, transaction, type Database } from "../../store/database.ts";
import { addVolume, useImage, useVolume } from "../../store/volumes.ts";
import { markBegun } from "../../runtime/state.ts";
import type { Context } from "../context.ts";
import { bringToRest } from "../end/at-rest.ts";
import { noSuchContainer } from "../end/words.ts";
import { cgroupPath } from "../host/identity.ts";
import { newName } from "../host/ids.ts";
import { wishesOf, type Wish } from "../network/endpoints.ts";
import { leaseNetwork, reserveNetwork, type Reservation } from "../network/network.ts";
import type { OpenBind } from "./binds.ts";
import { clearRunDirectory, reconcile, removeRunDirectory, takeOpLock } from "../end/settle.ts";

/** A container on its way: phase `started`, and the descriptors that keep it so. `startBegun` closes them. */
export interface Begun {
  readonly container: Container;
  readonly opLock: number;
  /** Its share of its networks; the bound sockets of published ports are open. */
  readonly reservation: Reservation;
  /** Of the reservation's seats, in their order. */
  readonly connections: readonly Connection[];
  /** Null: its image's, and its own directory in the store. */
  readonly root: GivenRoot | null;
}

/** What a container's root is made of where no image says it: a step of a build. */
export interface GivenRoot {
  /** Directories of layers, the uppermost first. */
  readonly layers: readonly string[];
  /** An empty directory, and one beside it: the caller's, who keeps what is written there, and removes both. */
  readonly upper: string;
  readonly work: string;
  /** By their destinations, for the mounts of type "bind" of the same ones: detached mounts that are open already, closed by who starts. */
  readonly binds: ReadonlyMap<string, OpenBind>;
  /** More variables of the process, which no row has: secrets. */
  readonly environment: readonly string[];
}

/** What a new container is before it has a row. */
export interface Draft extends Pick<Container, "id" | "name" | "image" | "createdMs" | "config" | "host" | "mounts"> {
  /** On which networks it is to be, the first one first. */
  readonly endpoints: readonly Wish[];
  /** The user gave the name: another one will not do. */
  readonly named: boolean;
  /** Of one that is begun at once. Not there: its image's. */
  readonly root?: GivenRoot;
}

const NAME_TRIES = 20;

/** Inserts the row under its own name or a made-up one. Throws Docker's "Conflict." sentence for a name that is taken. */
export function insertDraft(context: Context, draft: Draft, state: Pick<Container, "phase" | "transient">): string {
  const database = context.database();
  makeVolumes(database, draft);
  for (let attempt = 0; ; attempt++) {
    const name = draft.named || attempt === 0 ? draft.name : newName(attempt);
    try {
      insertContainer(database, { ...draft, ...state, endpoints: draft.endpoints.map(({ network, settings }) => ({ network: network.id, settings })), name, cgroup: cgroupPath(context, draft) });
      holdMounts(database, draft);
      return name;
    } catch (error) {
      if (isForeignKeyViolation(error)) throw new MdkError("not-found", "no-such-image", `No such image: ${draft.config.Image}`, { hint: "it was removed meanwhile" });
      if (!isUniqueViolation(error)) throw error;
      if (draft.named) throw nameConflict(name, nameHolder(database, name) ?? "unknown");
      if (attempt === NAME_TRIES) throw new MdkError("exhausted", "no-free-name", "no free name was found for the container", { hint: "give one with --name" });
    }
  }
}

/** Those that are not there. */
function makeVolumes(database: Database, { mounts, createdMs }: Draft): void {
  for (const mount of mounts) {
    if (mount.type === "volume") addVolume(database, { name: mount.name!, createdMs, options: mount.options ?? {}, labels: mount.labels ?? {}, anonymous: mount.anonymous === true });
  }
}

/** Images and volumes that a container has mounted stay as long as it does. */
function holdMounts(database: Database, { id, mounts }: Draft): void {
  for (const mount of mounts) {
    if (mount.type === "image") useImage(database, id, mount.image);
    if (mount.type === "volume") useVolume(database, id, mount.name!);
  }
}

export function nameConflict(name: string, holder: string): MdkError {
  return new MdkError("conflict", "name-conflict", `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`);
}

/** For `run`: the container is made and begun at once. On failure nothing of it is left. */
export function beginNew(context: Context, draft: Draft): Begun {
  const opLock = takeOpLock(context, draft.id, true)!;
  try {
    markBegun(opLock, context.root);
    return withReservation(context, draft, () => draft.endpoints, (reservation) =>
      transaction(context.database(), () => {
        insertDraft(context, draft, { phase: "started", transient: true });
        return { ...lease(context, draft, { opLock, reservation }), root: draft.root ?? null };
      }),
    );
  } catch (error) {
    removeRunDirectory(context, draft.id);
    closeSync(opLock);
    throw error;
  }
}

/** For `start`: null when it runs already, or will without us. On failure the container is as it was. */
export function beginExisting(context: Context, id: string): Begun | null {
  return begin(context, id, { restart: false });
}

/** For its policy: null unless it still waits for its restart, and the time has come. */
export function beginRestart(context: Context, id: string): Begun | null {
  return begin(context, id, { restart: true });
}

function begin(context: Context, id: string, { restart }: { readonly restart: boolean }): Begun | null {
  const opLock = takeOpLock(context, id, true)!;
  try {
    const container = bringToRest(context, id);
    const isThere = container !== null && container.phase !== "removing";
    if (!isThere && !restart) throw noSuchContainer(id);
    if (!isThere || container.phase === "started" || (container.phase === "restarting") !== restart) {
      closeSync(opLock);
      return null;
    }
    // Before the row says that a start was begun: what an earlier run left must not be taken for this one's end.
    clearRunDirectory(context, id);
    markBegun(opLock, context.root);
    return withReservation(context, container, () => wishesOf(context, id), (reservation) =>
      transaction(context.database(), () => {
        markStarted(context.database(), id, { cgroup: cgroupPath(context, container), restart });
        return lease(context, container, { opLock, reservation });
      }),
    );
  } catch (error) {
    closeSync(opLock);
    throw error;
  }
}

function lease(context: Context, container: Pick<Container, "id" | "config" | "host">, held: { readonly opLock: number; readonly reservation: Reservation }): Begun {
  const database = context.database();
  const connections = leaseNetwork(context, container, held.reservation);
  return { container: readContainer(database, container.id)!, opLock: held.opLock, reservation: held.reservation, connections, root: null };
}

/**
 * Reserves, works, and closes the reservation's sockets when the work fails. A port or address that only a dead container
 * still has is freed by one reconcile, then it is tried once more: who was told of an end (`wait`) may have what it held.
 */
function withReservation<T>(context: Context, container: Pick<Draft, "id" | "name" | "config" | "host"> & Partial<Pick<Draft, "named">>, wishes: () => readonly Wish[], work: (reservation: Reservation) => T): T {
  for (let attempt = 0; ; attempt++) {
    let reservation: Reservation | null = null;
    try {
      // The row would refuse it too, but a taken port would be told of first: `run` of the same line twice has both.
      const holder = container.named === true ? nameHolder(context.database(), container.name) : null;
      if (holder !== null) throw nameConflict(container.name, holder);
      reservation = reserveNetwork(context, container, wishes());
      return work(reservation);
    } catch (error) {
      for (const descriptor of reservation?.holds ?? []) closeSync(descriptor);
      const retry = error instanceof MdkError && (error.code === "port-taken" || error.code === "no-free-address" || error.code === "address-taken" || error.code === "name-conflict");
      if (attempt > 0 || !retry || !reconcile(context, { all: true, wait: true })) throw error;
    }
  }
}
