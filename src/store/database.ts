/**
 * The door to SQLite: opening, transactions and the checkpoint. Tables and queries are with those who own the rows.
 *
 * A database is never closed: the last closer of a WAL database checkpoints and deletes the WAL, two fdatasyncs and two
 * unlinks in every command (kernel-traps 11). Bun would do that (a TRUNCATE checkpoint even) when the process ends, so main
 * ends it with sys/exit.ts. The next command finds the WAL and goes on.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { appendFileSync, chmodSync, existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { MdkError } from "../error.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

export type { Database } from "bun:sqlite";

/**
 * A writer that finds more than this in the WAL checkpoints: each opener reads all of it, a million bytes in less than half a millisecond, and emptying
 * it costs five syncs, those of its next beginning included. A start and its end write some seventeen pages. SQLite's own bound is 1000.
 */
const WAL_PAGES_MAX = 256;
const WAL_FRAME_BYTES = 4096 + 24;
/** Who opens it with more than this, a reader too, tries the same: while many write at once none of them can, and it grows. */
const WAL_PAGES_LONG = 512;

/** How long a writer waits for another one. Transactions are short; ten seconds means that something is wrong. */
const BUSY_TIMEOUT_MS = 10_000;

/** Keeps every open database from the garbage collector, whose finalizer would close it. */
const open: Database[] = [];

/**
 * Opens the database at `path` and brings its schema up to date; 0.5 ms when there is nothing to do. `create`: whether
 * to make it when it is missing (0600). Errors: "store-missing", "store-newer", "store-unreadable".
 */
export function openDatabase(path: string, options: { readonly create: boolean }): Database {
  if (!existsSync(path) && !options.create) {
    throw new MdkError("not-found", "store-missing", `there is no mdk store at ${path}`);
  }
  return typed(path, () => {
    const database = new Database(path, { create: options.create, readwrite: true, strict: true });
    open.push(database);
    // A checkpoint is chosen by us, and NORMAL syncs only there (a commit survives kill -9, and after a power cut the
    // database is an older but whole one; data it refers to was synced before).
    database.run(`PRAGMA busy_timeout=${BUSY_TIMEOUT_MS}; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=0`);
    if (version(database) !== SCHEMA_VERSION) migrate(database, path);
    if (walBytes(database) > WAL_PAGES_LONG * WAL_FRAME_BYTES) emptyLog(database);
    return database;
  });
}

/** Whether the store with this database has an image, a layer, a container or a volume. Throws what openDatabase throws. */
export function holdsAnything(path: string): boolean {
  const tables = ["images", "layers", "containers", "volumes"].map((table) => `EXISTS (SELECT 1 FROM ${table})`);
  return (openDatabase(path, { create: false }).query(`SELECT ${tables.join(" OR ")} AS held`).get() as { held: number }).held !== 0;
}

/** Of a store that nobody needs. */
export function removeDatabase(path: string): void {
  for (const suffix of ["-wal", "-shm", ".reserve", ""]) rmSync(`${path}${suffix}`, { force: true });
}

function version(database: Database): number {
  return (database.query("PRAGMA user_version").get() as { user_version: number }).user_version;
}

/** Takes the steps that it lacks, all or none, in one transaction. */
function migrate(database: Database, path: string): void {
  if (version(database) > SCHEMA_VERSION) throw newer(path, version(database));
  chmodSync(path, 0o600);
  logAhead(database);
  database.run("BEGIN IMMEDIATE");
  try {
    // Another command may have done it while this one waited for the lock.
    for (let at = version(database); at < SCHEMA_VERSION; at++) database.run(MIGRATIONS[at]!);
    database.run(`PRAGMA user_version=${SCHEMA_VERSION}`);
    database.run("COMMIT");
  } catch (error) {
    if (database.inTransaction) database.run("ROLLBACK");
    throw error;
  }
}

/** For who keeps a database open: a newer mdk may have changed it meanwhile. Throws "store-newer". */
export function checkVersion(database: Database): void {
  const found = version(database);
  if (found !== SCHEMA_VERSION) throw newer(database.filename, found);
}

/**
 * Turns the write-ahead log on, which needs the whole file for a moment. Two first commands that both read the file ask for
 * what the other holds; SQLite tells one of them SQLITE_BUSY at once, without the busy timeout (sqlite.org/c3ref/busy_handler.html).
 */
function logAhead(database: Database): void {
  for (let waitedMs = 0; ; waitedMs++) {
    try {
      database.run("PRAGMA journal_mode=WAL");
      return;
    } catch (error) {
      if (!hasCode(error, "SQLITE_BUSY") || waitedMs >= BUSY_TIMEOUT_MS) throw error;
      Bun.sleepSync(1);
    }
  }
}

function newer(path: string, found: number): MdkError {
  return new MdkError("unsupported", "store-newer", `the store ${path} was written by a newer mdk (schema ${found}, this one knows ${SCHEMA_VERSION})`, {
    hint: "use that version, or another --root",
  });
}

/** Beside the database, for the day on which the disk is full: what ends or goes must be noted then, and makes room. */
const RESERVE_BYTES = 256 * 1024;
const reserveOf = (database: Database): string => `${database.filename}.reserve`;

/** As `transaction`, for work that gives back space: on a full disk the reserve is spent for it. */
export function releasing<T>(database: Database, work: (database: Database) => T): T {
  try {
    return transaction(database, work);
  } catch (error) {
    if (!(error instanceof MdkError && error.code === "store-full") || !existsSync(reserveOf(database))) throw error;
    rmSync(reserveOf(database), { force: true });
    return transaction(database, work);
  }
}

/** Made when there is room for it. Random bytes: a file system that compresses keeps their space. */
function keepReserve(database: Database): void {
  const path = reserveOf(database);
  if (existsSync(path)) return;
  try {
    writeFileSync(path, crypto.getRandomValues(new Uint8Array(RESERVE_BYTES / 4)), { mode: 0o600 });
    for (let part = 1; part < 4; part++) appendFileSync(path, crypto.getRandomValues(new Uint8Array(RESERVE_BYTES / 4)));
  } catch {
    // None is better than half of one.
    rmSync(path, { force: true });
  }
}

/**
 * Runs `work` in one write transaction (BEGIN IMMEDIATE) and returns what it returns; a throw rolls everything back and
 * goes on to the caller. The schema version is checked inside: an upgrade by a newer mdk between two transactions of a
 * long command is refused. `work` must not wait for anything: it holds the only write lock.
 */
export function transaction<T>(database: Database, work: (database: Database) => T): T {
  return typed(database.filename, () => {
    database.run("BEGIN IMMEDIATE");
    try {
      checkVersion(database);
      const result = work(database);
      database.run("COMMIT");
      return result;
    } catch (error) {
      if (database.inTransaction) database.run("ROLLBACK");
      throw error;
    }
  });
}

/**
 * The last act of a command that wrote: moves the WAL into the database when it has grown, and empties it. Emptied it must
 * be: a passive checkpoint is forgotten with the last process, and the next opener reads the whole WAL again. Nobody is
 * waited for: where another command reads at this moment, a later writer does it. Costs a stat when there is nothing to do,
 * two fdatasyncs when there is.
 */
export function checkpoint(database: Database): void {
  keepReserve(database);
  if (walBytes(database) > WAL_PAGES_MAX * WAL_FRAME_BYTES) emptyLog(database);
}

function walBytes(database: Database): number {
  return statSync(`${database.filename}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

function emptyLog(database: Database): void {
  try {
    database.run("PRAGMA busy_timeout=0");
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    // Nothing is lost: the WAL stays, and the next writer tries again.
    if (!(error instanceof SQLiteError)) throw error;
  } finally {
    database.run(`PRAGMA busy_timeout=${BUSY_TIMEOUT_MS}`);
  }
}

/** Whether `error` says that a row breaks a UNIQUE or PRIMARY KEY constraint: a name taken, an address leased. */
export function isUniqueViolation(error: unknown): boolean {
  return hasCode(error, "SQLITE_CONSTRAINT_UNIQUE") || hasCode(error, "SQLITE_CONSTRAINT_PRIMARYKEY");
}

/** Whether `error` says that a row is still referred to, or refers to nothing: an image in use, an image gone. */
export function isForeignKeyViolation(error: unknown): boolean {
  return hasCode(error, "SQLITE_CONSTRAINT_FOREIGNKEY") || hasCode(error, "SQLITE_CONSTRAINT_TRIGGER");
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof SQLiteError && error.code === code;
}

/** SQLite's own words for states of the disk, as sentences; constraint errors pass: they are the caller's business. */
function typed<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    const code = error.code ?? "";
    if (code.startsWith("SQLITE_CONSTRAINT")) throw error;
    if (code.startsWith("SQLITE_FULL")) {
      throw new MdkError("exhausted", "store-full", `no space left on device: ${path}`, { cause: error });
    }
    if (code.startsWith("SQLITE_BUSY")) {
      throw new MdkError("unavailable", "store-busy", `the store ${path} has been locked for ${BUSY_TIMEOUT_MS / 1000} seconds`, {
        cause: error, hint: "another mdk command hangs: look for it with ps",
      });
    }
    throw new MdkError("unavailable", "store-unreadable", `the store ${path} cannot be used: ${error.message}`, {
      cause: error,
      ...(/^SQLITE_(READONLY|IOERR)/.test(code) ? { hint: "its file system is broken or read-only: one that mdk brought (see mdk info) is made anew after mdk clean -f" } : {}),
    });
  }
}
