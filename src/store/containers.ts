/**
 * Containers: names are unique by constraint, what else each holds of the host is in endpoints.ts and ports.ts. Whether a container *runs* is not stored: its run lock says it (runtime/state.ts).
 */
import type { Database, Statement } from "bun:sqlite";
import type { ContainerConfig, HostConfig } from "../spec/container.ts";
import { decodeConfig, decodeHostConfig } from "../spec/decode.ts";
import { probeOf } from "../spec/health.ts";
import type { UserMount } from "../spec/mount-types.ts";
import { resolveMounts } from "../spec/mount-words.ts";
import { addEndpoint, type Endpoint } from "./endpoints.ts";
import { noteContainer, noteEndpoints, noteMounts } from "./events.ts";

/**
 * `created` never started · `started` a start was begun and its end is not yet noted: lock, state file and exit record
 * tell what it is · `exited` the end is noted · `restarting` so is it, and its policy starts it again when `restartAtMs` has come ·
 * `removing` its files go, then the row.
 */
export type Phase = "created" | "started" | "exited" | "restarting" | "removing";

/** What lists show of a container. */
export interface ContainerLine {
  readonly id: string;
  readonly name: string;
  /** Image id: "sha256:…". */
  readonly image: string;
  /** The image as the user named it. */
  readonly imageName: string;
  /** Entrypoint and command, joined by blanks, arguments with a blank in quotes. */
  readonly command: string;
  /** "80/tcp, 53/udp": the ports that the image or the user exposes. */
  readonly exposed: string;
  readonly createdMs: number;
  readonly phase: Phase;
  /** Frozen by its user; of one that runs. */
  readonly paused: boolean;
  /** When its policy starts it again, in milliseconds of the epoch; of phase `restarting`. */
  readonly restartAtMs: number;
  /** Its health is checked: how it is, its run directory says (runtime/health.ts). */
  readonly checked: boolean;
  /** RFC 3339; null: never. */
  readonly started: string | null;
  readonly finished: string | null;
  readonly code: number;
  readonly oom: boolean;
}

export interface Container extends ContainerLine {
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  /** What HostConfig says of mounts, resolved when the container was made. */
  readonly mounts: readonly UserMount[];
  /** Path of its cgroup below every hierarchy's mount, "mdk/<id>": since it was last started, else where it would be; "": the row is of a store from before rows had it. */
  readonly cgroup: string;
  /** Made by `run` and not yet past `go`: vanishes when its start is cut off. Being removed: the volumes that were made for it go, too. */
  readonly transient: boolean;
  readonly error: string;
  /** How often its policy has started it since its user did. */
  readonly restarts: number;
  /** The wait before the last one, as 100 ms doubled so often; -1: there was none. */
  readonly restartDoublings: number;
  /** Its user has stopped it: no policy starts it again. */
  readonly stopped: boolean;
}

/** A row of the table. SQLite makes the fields; what is JSON is parsed when it is asked for. */
class StoredLine implements ContainerLine {
  declare readonly id: string;
  declare readonly name: string;
  declare readonly image: string;
  declare readonly imageName: string;
  declare readonly command: string;
  declare readonly exposed: string;
  declare readonly createdMs: number;
  declare readonly phase: Phase;
  declare readonly started: string | null;
  declare readonly finished: string | null;
  declare readonly code: number;
  declare private readonly isOom: number;
  declare readonly restartAtMs: number;
  declare private readonly isPaused: number;
  declare private readonly isChecked: number;

  get paused(): boolean {
    return this.isPaused === 1;
  }
  get checked(): boolean {
    return this.isChecked === 1;
  }
  get oom(): boolean {
    return this.isOom === 1;
  }
}

class StoredContainer extends StoredLine implements Container {
  declare readonly error: string;
  declare private readonly configJson: string;
  declare private readonly hostJson: string;
  declare private readonly mountsJson: string;
  declare readonly cgroup: string;
  declare readonly restarts: number;
  declare readonly restartDoublings: number;
  declare private readonly isTransient: number;
  declare private readonly isStopped: number;
  declare private parsedConfig: ContainerConfig | undefined;
  declare private parsedHost: HostConfig | undefined;

  get config(): ContainerConfig {
    return (this.parsedConfig ??= decodeConfig(JSON.parse(this.configJson)));
  }
  get host(): HostConfig {
    return (this.parsedHost ??= decodeHostConfig(JSON.parse(this.hostJson)));
  }
  get mounts(): readonly UserMount[] {
    // Null: of a store from before rows had them.
    return (JSON.parse(this.mountsJson) as UserMount[] | null) ?? resolveMounts(this.host);
  }
  get transient(): boolean {
    return this.isTransient === 1;
  }
  get stopped(): boolean {
    return this.isStopped === 1;
  }
}

/** In the words of the partial index: it is used for no others (sqlite.org/partialindex.html, 3). */
const ACTIVE = "phase IN ('started', 'removing', 'restarting')";

const LINE = "id, name, image, image_name AS imageName, command, exposed, created AS createdMs, phase, started, finished, code, oom AS isOom, paused AS isPaused, restart_at AS restartAtMs, health AS isChecked";
const SELECT = `SELECT ${LINE}, error, config AS configJson, host AS hostJson, mounts AS mountsJson, cgroup, transient AS isTransient, restarts, restart_doublings AS restartDoublings, stopped != 0 AS isStopped FROM containers`;

function select(database: Database, rest: string): Statement<StoredContainer, string[]> {
  return database.query<StoredContainer, string[]>(`${SELECT} ${rest}`).as(StoredContainer);
}

/** As moby's daemon/list.go: arguments with a blank in quotes, the program as it is. */
function commandLine({ Entrypoint, Cmd }: ContainerConfig): string {
  const [path, ...args] = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  return [path, ...args.map((word) => (word.includes(" ") ? `'${word}'` : word))].join(" ");
}

/** A container that has never run. */
export interface NewContainer extends Pick<Container, "id" | "name" | "image" | "createdMs" | "config" | "host" | "mounts" | "cgroup" | "phase" | "transient"> {
  /** On which networks it is to be, the first one first. */
  readonly endpoints: readonly Pick<Endpoint, "network" | "settings">[];
}

/** SQLite's constraint errors: a name taken, an image that is gone. In the caller's transaction. */
export function insertContainer(database: Database, container: NewContainer): void {
  const { config } = container;
  database
    .query("INSERT INTO containers (id, name, image, image_name, command, exposed, created, config, host, mounts, cgroup, phase, transient, health) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    .run(
      container.id, container.name, container.image, config.Image, commandLine(config),
      Object.keys(config.ExposedPorts ?? {}).join(", "), container.createdMs, JSON.stringify(config), JSON.stringify(container.host),
      JSON.stringify(container.mounts), container.cgroup, container.phase, container.transient ? 1 : 0, probeOf(config) === null ? 0 : 1,
    );
  container.endpoints.forEach(({ network, settings }, position) => addEndpoint(database, { container: container.id, network, position, settings }));
  noteContainer(database, container.id, "create");
  if (container.phase !== "started") return;
  noteEndpoints(database, container.id, "connect");
  noteMounts(database, container.id, "mount");
  noteContainer(database, container.id, "start");
}

/** Containers, the last made first: all, or those whose phase is `started`, `restarting` or `removing`. */
export function listContainers(database: Database, which: "all" | "active"): Container[] {
  return select(database, ordered(which)).all();
}

/** The same without what lists seldom show. */
export function listLines(database: Database, which: "all" | "active"): ContainerLine[] {
  return database.query<StoredLine, []>(`SELECT ${LINE} FROM containers ${ordered(which)}`).as(StoredLine).all();
}

function ordered(which: "all" | "active"): string {
  return `${which === "all" ? "" : `WHERE ${ACTIVE}`} ORDER BY rowid DESC`;
}

/** By full id, or null. */
export function readContainer(database: Database, id: string): Container | null {
  return select(database, "WHERE id = ?").get(id);
}

/** Those that a user's word can mean: full id, then name, then the start of an id. More than one: ambiguous. */
export function findContainers(database: Database, word: string): Container[] {
  const name = word.startsWith("/") ? word.slice(1) : word;
  const exact = select(database, "WHERE id = ?1 OR name = ?2 ORDER BY id = ?1 DESC LIMIT 1").get(word, name);
  if (exact !== null) return [exact];
  if (!/^[0-9a-f]+$/.test(word)) return [];
  return select(database, "WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2").all(word);
}

/** The containers of an image. */
export function containersOfImage(database: Database, image: string): Container[] {
  return select(database, "WHERE image = ? ORDER BY rowid DESC").all(image);
}

/** Who has the name, or null. */
export function nameHolder(database: Database, name: string): string | null {
  return (database.query("SELECT id FROM containers WHERE name = ?").get(name) as { id: string } | null)?.id ?? null;
}

/** What may have to be dealt with. */
export type Active = Pick<Container, "id" | "phase" | "restartAtMs">;

/** The active ones, the last made first. */
export function listActive(database: Database): Active[] {
  return database.query<Active, []>(`SELECT id, phase, restart_at AS restartAtMs FROM containers WHERE ${ACTIVE} ORDER BY rowid DESC`).all();
}

/** At most `count` of each kind of the active ones, whose ids follow `from` (any hexadecimal digits), in a circle. Costs the same however many there are. */
export function sampleActive(database: Database, from: string, count: number): Active[] {
  const select = (phase: Phase, rest: string, ...values: (string | number)[]): Active[] =>
    database.query<Active, (string | number)[]>(`SELECT id, phase, restart_at AS restartAtMs FROM containers WHERE ${ACTIVE} AND phase = '${phase}' ${rest} ORDER BY id LIMIT ?`).all(...values);
  const after = select("started", "AND id >= ?", from, count);
  const before = after.length === count ? [] : select("started", "AND id < ?", from, count - after.length);
  return [...select("removing", "", count), ...select("restarting", "", count), ...after, ...before];
}

/** Ids of all containers. */
export function containerIds(database: Database): Set<string> {
  return new Set((database.query("SELECT id FROM containers").all() as { id: string }[]).map(({ id }) => id));
}
