/**
 * The commands that are struck, and what may be there afterwards. A container has vanished whole, or it has run: listed
 * as Exited with what the program wrote in its log, and removable. Nothing else.
 */
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { archive, directory, file } from "../helpers/archive.ts";
import { makeImage, push } from "../helpers/registry.ts";
import type { Strike, Trace } from "./trace.ts";
import { execute, leftovers, strayLayers, type Output, type World } from "./world.ts";

export interface Scenario {
  readonly name: string;
  /** Only points about such objects are struck. */
  readonly concerns?: RegExp;
  /** Before every run. */
  prepare(world: World): void;
  argv(world: World): string[];
  /** What is wrong after the run: empty when all is well. Leaves the world as `prepare` finds it. */
  check(world: World, done: Trace, strike: Strike | null): string[];
}

const ID = /^[0-9a-f]{64}$/;

const PROGRAM = ["sh", "-c", "echo hello; sleep 0.05; exit 7"];

interface Listed {
  readonly ID: string;
  readonly State: string;
  readonly Status: string;
}

/** Empty: the command ended so, and one that succeeded said nothing on standard error. */
export function problemsOf(what: string, { code, out, err }: Output, expected = 0): string[] {
  return code === expected && (expected !== 0 || err === "") ? [] : [`${what}: exit status ${code}, stdout ${JSON.stringify(out.slice(-200))}, stderr ${JSON.stringify(err.slice(-500))}`];
}

/** Of what was running when the strike came, a container may still have these ends. */
const ENDS_OF = new Map<string, readonly number[]>([
  ["mdk", [7]], ["launcher", [7]], ["monitor", [255, 7]], ["cage", [137, 7]], ["init", [137]], ["cleanup", [7]],
]);

/** The same where a call has failed: a monitor that cannot write the exit record leaves 255. */
const ENDS_OF_ERRORS = new Map<string, readonly number[]>([["monitor", [255, 7]], ["cage", [137, 7]]]);

/** A signal goes on to the program as soon as there is one, and a shell ends by SIGINT. */
function endsOf(strike: Strike | null): readonly number[] {
  if (strike === null) return [7];
  if (strike.with === "signal") return [7, 128 + strike.signal];
  return (strike.with === "kill" ? ENDS_OF : ENDS_OF_ERRORS).get(strike.role.split(":")[0]!) ?? [7];
}

function checkListed(world: World, listed: Listed, strike: Strike | null): string[] {
  // What could not be invoked stays, as Docker has it.
  if (strike?.with === "error" && strike.call === "execve" && listed.State === "created") return problemsOf("rm", world.mdk("rm", listed.ID));
  const problems: string[] = [];
  const code = Number(/^Exited \((\d+)\)/.exec(listed.Status)?.[1] ?? -1);
  const ends = endsOf(strike);
  if (listed.State !== "exited" || !ends.includes(code)) problems.push(`ps: ${listed.State} ${JSON.stringify(listed.Status)}, expected Exited with one of ${ends.join(", ")}`);
  const log = world.mdk("logs", listed.ID);
  // A disk without space loses lines, nothing else, and the log says so where they would be.
  const lost = strike?.with === "error" && strike.role === "monitor" && log.out === "" && /^mdk: \d+ lines? lost: the log could not be written\n$/.test(log.err);
  if (!lost) problems.push(...problemsOf("logs", log));
  // The monitor wrote what there was before it said how it ended.
  const logs = strike?.with !== "error" || strike.role !== "monitor";
  if (logs && code === 7 && log.out !== "hello\n") problems.push(`log: ${JSON.stringify(log.out)}`);
  const wait = world.mdk("wait", listed.ID);
  if (wait.out !== `${code}\n`) problems.push(`wait: ${JSON.stringify(wait)}`);
  problems.push(...problemsOf("start", world.mdk("start", "-a", listed.ID), 7));
  problems.push(...problemsOf("rm", world.mdk("rm", listed.ID)));
  return problems;
}

/** What one next command makes of it, and what is left then. */
function checkContainers(world: World, done: Trace, strike: Strike | null, removed: boolean): string[] {
  const problems = done.hung.map((who) => `did not end: ${who}`);
  const ps = world.mdk("ps", "-a", "--no-trunc", "--format", "json");
  problems.push(...problemsOf("ps", ps));
  const rows = ps.out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Listed);
  if (rows.length > 1) problems.push(`${rows.length} containers`);
  if (removed && rows.length > 0) problems.push(`--rm and still listed: ${JSON.stringify(rows)}`);
  const whole = strike === null || (strike.with === "kill" && strike.role === "cleanup");
  if (whole && !removed && rows.length === 0) problems.push("the container is gone");
  for (const row of rows) {
    if (!ID.test(row.ID)) problems.push(`ps: ${JSON.stringify(row)}`);
    problems.push(...checkListed(world, row, strike));
  }
  problems.push(...leftovers(world, done.pids));
  if (problems.length > 0) world.mdk("clean", "-f");
  return problems;
}

/** One line says what went wrong, perhaps one more what to try; nothing of mdk's inside. */
function checkWords(done: Trace): string[] {
  const lines = done.err.split("\n").filter((line) => line !== "");
  const clear = done.code === 7 || done.code > 128 && done.code !== 255 ? lines.length === 0 : lines.length <= 2 && (done.code === 0 || done.code === 255 || lines[0]?.startsWith("mdk: ") === true);
  return clear ? [] : [`exit status ${done.code} and stderr ${JSON.stringify(done.err)}`];
}

/** What the struck command itself said. */
function checkStatus(done: Trace, strike: Strike | null, detached: boolean): string[] {
  if (strike?.with === "kill" && strike.role.split(":")[0] === "mdk") return done.code === 137 ? [] : [`killed, and exit status ${done.code}`];
  const good = detached ? 0 : 7;
  if (strike?.with === "signal") return done.code === good || done.code === 128 + strike.signal ? [] : [`exit status ${done.code} after a signal`];
  const role = strike?.role ?? "";
  if (strike?.with === "error" && strike.role === "init" && strike.call === "execve") return done.code === 126 || done.code === good ? [] : [`exit status ${done.code}, expected 126`];
  const allowed = strike === null || role === "cleanup" ? [good] : role === "monitor" ? [good, 125, 255] : [good, 125, 137];
  return allowed.includes(done.code) ? [] : [`exit status ${done.code}, expected one of ${allowed.join(", ")}`];
}

/** With an empty log, and no events of runs before, every run writes the same pages. */
export function settleEvents(world: World): void {
  const database = new Database(join(world.root, "mdk.db"));
  database.run("DELETE FROM events");
  database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}

export function runScenario(name: string, options: readonly string[]): Scenario {
  const detached = options.includes("-d");
  return {
    name,
    prepare: (world) => {
      if (!existsSync(join(world.root, "mdk.db"))) {
        const pulled = world.mdk("pull", "-q", world.image);
        if (pulled.code !== 0) throw new Error(pulled.err);
      }
      settleEvents(world);
    },
    argv: (world) => world.argv("run", ...options.flatMap((word) => (word === "-p" ? ["-p", `${world.port}:80`] : [word])), world.image, ...PROGRAM),
    check: (world, done, strike) => [
      ...checkStatus(done, strike, detached), ...checkWords(done),
      ...checkContainers(world, done, strike, options.includes("--rm")),
    ],
  };
}

/** A small image of two layers with all kinds of entries. */
export function pushLayered(folder: string, name: string): void {
  const base = [
    directory("./"), directory("d/", { mode: 0o700 }), file("d/f", "f", { pax: { "SCHILY.xattr.user.k": "v" } }),
    { name: "l", type: "2", link: "d" }, { name: "h", type: "1", link: "d/f" }, { name: "fifo", type: "6" },
    directory("bin/"), file("bin/sh", "no program"),
  ];
  push(makeImage(join(folder, "image"), [archive(base), archive([file("d/new", "n"), file(".wh.h"), file("d/.wh..wh..opq")])]), name);
}

function checkPull(world: World, done: Trace, strike: Strike | null): string[] {
  const problems = done.hung.map((who) => `did not end: ${who}`);
  if (strike === null && done.code !== 0) problems.push(`exit status ${done.code}`);
  if (strike?.with === "signal" && done.code !== 128 + strike.signal && done.code !== 0) problems.push(`exit status ${done.code} after a signal`);
  if (strike?.with === "error" && (done.code === 0 ? done.err !== "" : done.code !== 1 || !/^mdk: .+\n(.+\n)?$/.test(done.err))) problems.push(`exit status ${done.code}, stderr ${JSON.stringify(done.err)}`);
  const images = world.mdk("images", "-q");
  problems.push(...problemsOf("images", images));
  // Tagged: it runs, with a program that is found (and is none: 126, not 127).
  if (images.out !== "") problems.push(...problemsOf("run of what is tagged", world.mdk("run", "--rm", "--pull", "never", world.layered, "/bin/sh"), 126));
  problems.push(...problemsOf("the next pull", world.mdk("pull", "-q", world.layered)));
  problems.push(...problemsOf("run", world.mdk("run", "--rm", "--pull", "never", world.layered, "/bin/sh"), 126));
  problems.push(...leftovers(world, done.pids), ...strayLayers(world));
  return problems;
}

const pullScenario: Scenario = {
  name: "pull",
  prepare: (world) => {
    rmSync(world.root, { recursive: true, force: true });
  },
  argv: (world) => world.argv("pull", "-q", world.layered),
  check: checkPull,
};

/** The first run on a host: bridge, firewall table, cgroup parent and the layer for mounts are made, too. */
const firstRun: Scenario = {
  ...runScenario("first run", ["-p"]),
  prepare: (world) => {
    const ready = [world.mdk("clean", "-f"), world.mdk("pull", "-q", world.image)];
    for (const { code, err } of ready) if (code !== 0) throw new Error(err);
    rmSync(join(world.root, "layers", "mounts"), { recursive: true, force: true });
  },
};

const plainRun = runScenario("run --rm", ["--rm"]);

/** With a volume that is new and gets what the image has there, and one that goes with the container. */
const volumeRun: Scenario = {
  ...runScenario("run -v", []),
  prepare: (world) => {
    plainRun.prepare(world);
    const database = new Database(join(world.root, "mdk.db"));
    // They get longer with every run, and then a page more is written.
    database.run("DELETE FROM events");
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
  },
  argv: (world) => world.argv("run", "--rm", "-v", "kept:/etc", "-v", "/anonymous", world.image, ...PROGRAM),
  check: (world, done, strike) => [...checkStatus(done, strike, false), ...checkWords(done), ...checkContainers(world, done, strike, true), ...checkVolumes(world)],
};

/** The named one is filled whole, by then or by the next; of the other one nothing is left. */
function checkVolumes(world: World): string[] {
  const problems: string[] = [];
  const listed = world.mdk("volume", "ls", "-q");
  if (listed.out !== "" && listed.out !== "kept\n") problems.push(`volumes: ${JSON.stringify(listed)}`);
  const count = ["sh", "-c", "cat /etc/passwd /etc/group | wc -l; ls /etc | wc -l"];
  const [whole, filled] = [world.mdk("run", "--rm", world.image, ...count), world.mdk("run", "--rm", "-v", "kept:/etc", world.image, ...count)];
  if (filled.out !== whole.out) problems.push(`the volume has ${JSON.stringify(filled)}, the image ${JSON.stringify(whole)}`);
  problems.push(...problemsOf("volume rm", world.mdk("volume", "rm", "kept")), ...problemsOf("volume prune", world.mdk("volume", "prune", "-f")));
  const left = [...readdirSync(join(world.root, "volumes")), ...readdirSync(join(world.root, "tmp")).filter((name) => name.startsWith("dead-"))];
  if (left.length > 0) problems.push(`left of volumes: ${left.join(" ")}`);
  return problems;
}

/** A container that was made before: it is as it was, or it has run. */
const start: Scenario = {
  name: "start",
  prepare: (world) => {
    plainRun.prepare(world);
    const made = world.mdk("create", "--name", "again", world.image, ...PROGRAM);
    if (made.code !== 0) throw new Error(made.err);
  },
  argv: (world) => world.argv("start", "-a", "again"),
  check: (world, done, strike) => {
    const ps = world.mdk("ps", "-a", "--no-trunc", "--format", "json");
    const row = problemsOf("ps", ps).length === 0 && ps.out !== "" ? (JSON.parse(ps.out) as Listed) : null;
    const problems = done.hung.map((who) => `did not end: ${who}`);
    if (row === null) problems.push(`ps: ${JSON.stringify(ps)}`);
    else if (row.State === "created" && strike !== null) {
      problems.push(...problemsOf("start", world.mdk("start", "-a", row.ID), 7), ...problemsOf("rm", world.mdk("rm", row.ID)));
    } else problems.push(...checkListed(world, row, strike));
    problems.push(...leftovers(world, done.pids));
    if (problems.length > 0) world.mdk("clean", "-f");
    return problems;
  },
};

/** A container at rest, with a mount, that files are copied into: it is as it was, with more or fewer of them, and starts. */
const copy: Scenario = {
  name: "cp",
  prepare: (world) => {
    plainRun.prepare(world);
    for (const name of ["tree/sub", "bound"]) mkdirSync(join(world.folder, name), { recursive: true });
    for (const name of ["tree/a", "tree/sub/b"]) writeFileSync(join(world.folder, name), name);
    mustDo(world.mdk("create", "--name", "files", "-v", `${join(world.folder, "bound")}:/tmp/bound`, world.image, ...PROGRAM));
  },
  argv: (world) => world.argv("cp", join(world.folder, "tree"), "files:/tmp"),
  check: (world, done, strike) => {
    const problems = [...done.hung.map((who) => `did not end: ${who}`), ...checkWords(done)];
    if (strike === null && !world.mdk("diff", "files").out.includes("A /tmp/tree/sub/b\n")) problems.push("not copied");
    problems.push(...problemsOf("the next cp", world.mdk("cp", join(world.folder, "tree"), "files:/tmp/bound")));
    if (!existsSync(join(world.folder, "bound/tree/sub/b"))) problems.push("the next cp went somewhere else");
    problems.push(...problemsOf("start", world.mdk("start", "-a", "files"), 7), ...problemsOf("rm", world.mdk("rm", "files")), ...leftovers(world, done.pids));
    if (problems.length > 0) world.mdk("clean", "-f");
    return problems;
  },
};

/** There is an image that runs, or none. */
const commit: Scenario = {
  name: "commit",
  prepare: (world) => {
    copy.prepare(world);
    mustDo(world.mdk("cp", join(world.folder, "tree"), "files:/tmp"));
  },
  argv: (world) => world.argv("commit", "files", "committed"),
  check: (world, done, strike) => {
    const problems = done.hung.map((who) => `did not end: ${who}`);
    if (strike === null && done.code !== 0) problems.push(`exit status ${done.code}: ${done.err}`);
    const named = world.mdk("images", "-q", "committed").out !== "";
    if (named || strike === null) problems.push(...problemsOf("run of what is named", world.mdk("run", "--rm", "committed", "cat", "/tmp/tree/sub/b")));
    problems.push(...problemsOf("the next commit", world.mdk("commit", "files", "committed")), ...problemsOf("run", world.mdk("run", "--rm", "committed", "cat", "/tmp/tree/a")));
    problems.push(...problemsOf("rmi", world.mdk("rmi", "-f", "committed")), ...problemsOf("start", world.mdk("start", "-a", "files"), 7), ...problemsOf("rm", world.mdk("rm", "files")));
    // The image that a struck commit has named, and the next one has taken the name from.
    const unnamed = world.mdk("images", "-q", "-f", "dangling=true").out.split("\n").filter((id) => id !== "");
    if (unnamed.length > 0) problems.push(...problemsOf("rmi of the unnamed", world.mdk("rmi", ...unnamed)));
    problems.push(...leftovers(world, done.pids), ...strayLayers(world));
    if (problems.length > 0) world.mdk("clean", "-f");
    return problems;
  },
};

export function mustDo({ code, err }: Output): void {
  if (code !== 0) throw new Error(err);
}

/** Leaves a log of the database so long that the next writer checkpoints it. */
const LENGTHEN = `
  const { Database } = require("bun:sqlite");
  const database = new Database(process.argv[1]);
  database.run("PRAGMA wal_autocheckpoint = 0");
  for (let i = 0; i < 80; i++) database.run("CREATE TABLE padding (word TEXT); DROP TABLE padding");
  process.kill(process.pid, 9);`;

/** The checkpoint that a writer makes as its last act. */
const checkpointRun: Scenario = {
  ...plainRun,
  name: "run and checkpoint",
  concerns: /mdk\.db/,
  prepare: (world) => {
    plainRun.prepare(world);
    execute([process.execPath, "-e", LENGTHEN, join(world.root, "mdk.db")]);
  },
};

export const SCENARIOS: readonly Scenario[] = [
  runScenario("run -p", ["-p"]),
  plainRun,
  runScenario("run -d", ["-d", "-p"]),
  runScenario("run -d --rm", ["-d", "--rm"]),
  volumeRun,
  start,
  checkpointRun,
  firstRun,
  pullScenario,
  copy,
  commit,
];
