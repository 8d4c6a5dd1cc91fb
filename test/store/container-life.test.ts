/** Each step of a container's life is a transaction of its own: nothing of it is written into a store that a newer mdk has taken over meanwhile. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeHostConfig } from "../../src/spec/decode.ts";
import {
  deleteContainer, markEnded, markGivenUp, markPaused, markRemoving, markSignalled, noteRestart, noteUnhealthy, renameContainer, setError, updateHost,
} from "../../src/store/container-life.ts";
import { openDatabase } from "../../src/store/database.ts";

const ID = "0".repeat(64);
let folder = "";
let database: Database;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-life-"));
  const path = join(folder, "mdk.db");
  database = openDatabase(path, { create: true });
  database.run("PRAGMA foreign_keys=OFF"); // its image is of no concern here
  database.run("INSERT INTO containers (id, name, image, image_name, command, exposed, created, config, host, mounts, cgroup, phase, transient) VALUES (?, 'one', '', '', '', '', 1, '{}', '{}', 'null', '', 'started', 0)", [ID]);
  const newer = new Database(path);
  newer.run("PRAGMA user_version=99");
  newer.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const END = { code: 1, oom: false, finished: "2026-01-02T03:04:05Z", started: null, error: "" };

test.each<[string, () => void]>([
  ["its end", () => markEnded(database, ID, "exited", END)],
  ["a signal", () => markSignalled(database, ID, 15, null)],
  ["no restart any more", () => markGivenUp(database, ID, null)],
  ["a pause", () => markPaused(database, ID, true)],
  ["its health", () => noteUnhealthy(database, ID)],
  ["a restart", () => noteRestart(database, ID)],
  ["another name", () => renameContainer(database, ID, "two")],
  ["other limits", () => updateHost(database, ID, decodeHostConfig({}))],
  ["a failed start", () => setError(database, ID, { code: 127, error: "no such file", keep: true })],
  ["its removal", () => markRemoving(database, ID, { whole: true })],
  ["that it is gone", () => deleteContainer(database, ID, null)],
])("%s", (_, step) => {
  const row = (): unknown => database.query("SELECT * FROM containers").all();
  const before = row();
  expect(step).toThrow("newer mdk");
  expect(row()).toEqual(before);
  expect(database.inTransaction).toBe(false);
});
