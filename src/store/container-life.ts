/**
 * What happens to a container that has a row: each change in one transaction, with the event that tells of it (events.ts). What it
 * held of the host is free again with its end.
 */
import type { Database } from "bun:sqlite";
import type { HostConfig } from "../spec/container.ts";
import { releasing, transaction } from "./database.ts";
import { releaseEndpoints } from "./endpoints.ts";
import { noteContainer, noteEndpoints, noteMounts } from "./events.ts";
import { releasePorts } from "./ports.ts";

/** A start begins, in this cgroup: phase `started`, the facts of an earlier run forgotten. By its policy it is one restart more (and who has just been told to stop is still to), by its user the first start. */
export function markStarted(database: Database, id: string, { cgroup, restart }: { readonly cgroup: string; readonly restart: boolean }): void {
  database
    .query(`UPDATE containers SET phase = 'started', cgroup = ?, started = NULL, finished = NULL, code = 0, oom = 0, error = '',
      restarts = CASE WHEN ?2 THEN restarts + 1 ELSE 0 END, restart_at = 0, restart_doublings = CASE WHEN ?2 THEN restart_doublings ELSE -1 END,
      stopped = CASE WHEN ?2 THEN stopped ELSE 0 END WHERE id = ?3`)
    .run(cgroup, restart, id);
  noteEndpoints(database, id, "connect");
  noteMounts(database, id, "mount");
  noteContainer(database, id, "start");
}

export interface End {
  readonly started: string | null;
  readonly finished: string;
  readonly code: number;
  readonly oom: boolean;
  readonly error: string;
}

/** When a container's policy starts it again. */
export interface Restart {
  readonly atMs: number;
  readonly doublings: number;
}

/** Notes the end of a run and gives back address and ports. `phase` is `created` when the program never started. */
export function markEnded(database: Database, id: string, phase: "created" | "exited" | Restart, end: End): void {
  releasing(database, () => {
    const [word, atMs, doublings] = typeof phase === "string" ? [phase, 0, -1] : ["restarting", phase.atMs, phase.doublings];
    database
      .query(`UPDATE containers SET phase = ?, transient = 0, paused = 0, started = ?, finished = ?, code = ?, oom = ?, error = ?,
        restart_at = ?, restart_doublings = ? WHERE id = ?`)
      .run(word, end.started, end.finished, end.code, end.oom ? 1 : 0, end.error, atMs, doublings, id);
    noteEnd(database, id, end);
    releaseHoldings(database, id);
  });
}

/** What the user has done to it. */
const STOPPED = { stop: 1, kill: 2 } as const;

/** Docker's events of an end; `stop` where that was the user's word. */
function noteEnd(database: Database, id: string, { code, oom }: Pick<End, "code" | "oom">): void {
  if (oom) noteContainer(database, id, "oom");
  noteContainer(database, id, "die", { exitCode: String(code) });
  noteEndpoints(database, id, "disconnect");
  noteMounts(database, id, "unmount");
  const row = database.query("SELECT stopped FROM containers WHERE id = ?").get(id) as { stopped: number } | null;
  if (row?.stopped === STOPPED.stop) noteContainer(database, id, "stop");
}

/** The user sends it a signal. `stops`: no policy starts it again; null: it is not meant to end by it. */
export function markSignalled(database: Database, id: string, signal: number, stops: keyof typeof STOPPED | null): void {
  releasing(database, () => {
    if (stops !== null) database.query("UPDATE containers SET stopped = ? WHERE id = ?").run(STOPPED[stops], id);
    noteContainer(database, id, "kill", { signal: String(signal) });
  });
}

/** Of one that waits for its restart: it stays ended. */
export function markGivenUp(database: Database, id: string, by: keyof typeof STOPPED | null): void {
  releasing(database, () => {
    database.query("UPDATE containers SET phase = 'exited', restart_at = 0, stopped = ? WHERE id = ? AND phase = 'restarting'").run(by === null ? 0 : STOPPED[by], id);
    if (by === "stop") noteContainer(database, id, "stop");
  });
}

/** Its processes are frozen, or go on. */
export function markPaused(database: Database, id: string, paused: boolean): void {
  transaction(database, () => {
    database.query("UPDATE containers SET paused = ? WHERE id = ?").run(paused, id);
    noteContainer(database, id, paused ? "pause" : "unpause");
  });
}

/** Its probes have failed so often that it counts as unhealthy, and something is done about it. */
export function noteUnhealthy(database: Database, id: string): void {
  transaction(database, () => noteContainer(database, id, "health_status: unhealthy"));
}

/** Its user has stopped and started it. */
export function noteRestart(database: Database, id: string): void {
  transaction(database, () => noteContainer(database, id, "restart"));
}

/** SQLite's constraint error for a name that is taken. */
export function renameContainer(database: Database, id: string, name: string): void {
  transaction(database, () => {
    const { name: old } = database.query("SELECT name FROM containers WHERE id = ?").get(id) as { name: string };
    database.query("UPDATE containers SET name = ? WHERE id = ?").run(name, id);
    noteContainer(database, id, "rename", { oldName: `/${old}` });
  });
}

/** What its next start, and `inspect`, go by. */
export function updateHost(database: Database, id: string, host: HostConfig): void {
  transaction(database, () => {
    database.query("UPDATE containers SET host = ? WHERE id = ?").run(JSON.stringify(host), id);
    noteContainer(database, id, "update");
  });
}

/** Why a start failed, with the status of the command that tried. `keep`: one that `run` made stays, as `Created`. */
export function setError(database: Database, id: string, failure: { readonly code: number; readonly error: string; readonly keep: boolean }): void {
  transaction(database, () =>
    database.query("UPDATE containers SET code = ?, error = ?, transient = CASE WHEN ? THEN 0 ELSE transient END WHERE id = ?").run(failure.code, failure.error, failure.keep, id));
}

/** A removal begins: from here on the container cannot be started, and the next command would finish the removal, whole: what was made with it goes, too. */
export function markRemoving(database: Database, id: string, { whole }: { readonly whole: boolean }): void {
  releasing(database, () => database.query("UPDATE containers SET phase = 'removing', transient = ? WHERE id = ?").run(whole ? 1 : 0, id));
}

/** Addresses and ports of a container are free again. */
function releaseHoldings(database: Database, id: string): void {
  releaseEndpoints(database, id);
  releasePorts(database, id);
}

/** The container is gone, with everything it held. `end`: of a run that nobody has noted. */
export function deleteContainer(database: Database, id: string, end: Pick<End, "code" | "oom"> | null): void {
  releasing(database, () => {
    if (end !== null) noteEnd(database, id, end);
    noteContainer(database, id, "destroy");
    database.query("DELETE FROM containers WHERE id = ?").run(id);
  });
}
