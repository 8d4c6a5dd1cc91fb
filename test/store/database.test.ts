/** The database: made once whoever comes first, whole after any end of a process, refused when a newer mdk wrote it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkpoint, isForeignKeyViolation, isUniqueViolation, openDatabase, transaction } from "../../src/store/database.ts";
import { ensureStore, storePaths } from "../../src/store/paths.ts";

let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-store-"));
  path = join(folder, "mdk.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const INSERT = "INSERT INTO layers (id, content_key, diff_id, size) VALUES (?, ?, 'd', 1)";

test("it is nobody else's to read, and is not made by who only wants to read it", () => {
  expect(() => openDatabase(path, { create: false })).toThrow("there is no mdk store");
  openDatabase(path, { create: true });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  for (const suffix of ["-wal", "-shm"]) if (existsSync(path + suffix)) expect(statSync(path + suffix).mode & 0o077).toBe(0);
});

test("a transaction that throws leaves nothing, and constraints are told apart", () => {
  const database = openDatabase(path, { create: true });
  expect(() => transaction(database, () => {
    database.run(INSERT, ["a", "k"]);
    throw new Error("no");
  })).toThrow("no");
  transaction(database, () => database.run(INSERT, ["a", "k"]));
  let caught: unknown[] = [];
  for (const statement of ["INSERT INTO layers VALUES ('a', 'x', 'd', 1)", "INSERT INTO layers VALUES ('b', 'k', 'd', 1)", "INSERT INTO image_layers VALUES ('none', 0, 'a')"]) {
    try {
      transaction(database, () => database.run(statement));
    } catch (error) {
      caught = [...caught, [isUniqueViolation(error), isForeignKeyViolation(error)]];
    }
  }
  expect(caught).toEqual([[true, false], [true, false], [false, true]]);
});

test("a store of a newer mdk is refused when it is opened and in the middle of a command", () => {
  const database = openDatabase(path, { create: true });
  const other = new Database(path);
  other.run("PRAGMA user_version=99");
  expect(() => transaction(database, () => 1)).toThrow("newer mdk");
  expect(() => openDatabase(path, { create: true })).toThrow("newer mdk (schema 99");
  other.close();
});

test("what is no database is refused in one sentence", () => {
  writeFileSync(path, "not a database at all, but long enough to be looked at as one".repeat(100));
  expect(() => openDatabase(path, { create: true })).toThrow("cannot be used");
});

const WRITER = `
import { openDatabase, transaction, checkpoint } from "./src/store/database.ts";
import { exitNow } from "./src/sys/exit.ts";
const database = openDatabase(process.argv[1], { create: true });
for (let row = 0; row < Number(process.argv[2]); row++) transaction(database, () => database.run("INSERT INTO layers VALUES (?1, ?1, 'd', 1)", [crypto.randomUUID()]));
checkpoint(database);
exitNow(0);
`;

function writer(rows: number): Bun.Subprocess<"ignore", "ignore", "pipe"> {
  return Bun.spawn([process.execPath, "-e", WRITER, path, String(rows)], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
}

test("eight first commands at once all succeed", async () => {
  const all = Array.from({ length: 8 }, () => writer(5));
  const ends = await Promise.all(all.map(async (child) => [await child.exited, await new Response(child.stderr).text()]));
  expect(ends).toEqual(Array.from({ length: 8 }, () => [0, ""]));
  expect(openDatabase(path, { create: false }).query("SELECT count(*) AS count FROM layers").get()).toEqual({ count: 40 });
});

test("a command ends without a checkpoint until the log is long, and nothing is lost (kernel-traps 11)", async () => {
  await writer(3).exited;
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
  await writer(200).exited;
  const database = openDatabase(path, { create: false });
  expect(database.query("SELECT count(*) AS count FROM layers").get()).toEqual({ count: 203 });
  const before = statSync(path).size;
  checkpoint(database);
  expect(statSync(path).size).toBeGreaterThanOrEqual(before);
  // The long log was written back: the file itself holds the rows.
  expect(before).toBeGreaterThan(statSync(path).blksize * 5);
});

test("a log that was written back is emptied, so that not every later command writes back again", async () => {
  await writer(200).exited;
  await writer(1).exited;
  expect(statSync(`${path}-wal`).size).toBeLessThanOrEqual(64 * 4120);
});

test("the directories of the store are closed to others, and those in a container's way can be walked through", () => {
  const paths = ensureStore(join(folder, "root"));
  expect(paths).toEqual(expect.objectContaining({ database: storePaths(join(folder, "root")).database }));
  const modes = [paths.root, paths.layers, paths.containers, paths.temporary, paths.blobs].map((directory) => statSync(directory).mode & 0o777);
  expect(modes).toEqual([0o711, 0o711, 0o711, 0o700, 0o700]);
});
