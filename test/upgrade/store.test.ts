/** Databases that earlier versions wrote, kept as text: what they hold is there after the steps that they lacked. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext } from "../../src/engine/context.ts";
import { removeContainer } from "../../src/engine/container/remove.ts";
import { findContainers, listLines } from "../../src/store/containers.ts";
import { deleteContainer, markPaused, renameContainer } from "../../src/store/container-life.ts";
import { findFiles, listCached, useCached } from "../../src/store/build-cache.ts";
import { openDatabase } from "../../src/store/database.ts";
import { listEndpoints } from "../../src/store/endpoints.ts";
import { readEvents } from "../../src/store/events.ts";
import { readTag } from "../../src/store/namespaces.ts";
import { findNetworks, readPlace } from "../../src/store/networks.ts";
import { listPorts } from "../../src/store/ports.ts";
import type { Digest } from "../../src/image/digest.ts";
import { findLayer, isKept, keptBlobs } from "../../src/store/layers.ts";
import { anonymousImages, isForsaken, layersOf, listImages, listManifests, listTags, readParent } from "../../src/store/images.ts";
import { findIndex, indexedImages, listMembers } from "../../src/store/indexes.ts";
import { SCHEMA_VERSION } from "../../src/store/schema.ts";
import { ensureStore, storePaths } from "../../src/store/paths.ts";
import { readVolume, volumeUsers } from "../../src/store/volumes.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "mdk-upgrade-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function kept(version: number): string {
  const path = join(folder, `kept-${version}.db`);
  const database = new Database(path, { create: true });
  database.run(readFileSync(`test/upgrade/store-${version}.sql`, "utf8"));
  database.close();
  return path;
}
const versionOf = (database: Database): number => (database.query("PRAGMA user_version").get() as { user_version: number }).user_version;
/** Tables with their columns, and indexes: what a schema comes to, however it came to it. */
function shapeOf(database: Database): unknown {
  const names = database.query("SELECT type, name, tbl_name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name").all() as { type: string; name: string }[];
  return names.map(({ type, name }) => [type, name, database.query(type === "table" ? `PRAGMA table_info(${name})` : `PRAGMA index_info(${name})`).all()]);
}

/** Every row, by the columns that the older schema had; tables that a step does away with are not among them. */
function rowsOf(database: Database, shape: readonly (readonly [string, string])[]): unknown[] {
  return shape.map(([table, columns]) => [table, database.query(`SELECT ${columns} FROM ${table} ORDER BY ${columns}`).all()]);
}

test("of every version before this one there is a kept store", () => {
  const versions = [...new Bun.Glob("store-*.sql").scanSync("test/upgrade")].map((name) => Number(/\d+/.exec(name)?.[0]));
  expect(versions.sort((a, b) => a - b)).toEqual(Array.from({ length: SCHEMA_VERSION - 1 }, (_, index) => index + 1));
});

for (const version of [6, 7, 8, 9]) {
  test(`of version ${version} no row is lost and none is changed: since then steps have only added to it`, () => {
    const path = kept(version);
    const before = new Database(path);
    const tables = (before.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all() as { name: string }[]).map(({ name }) => name);
    const shape = tables.map((name) => [name, (before.query(`PRAGMA table_info(${name})`).all() as { name: string }[]).map((column) => column.name).join(", ")] as const);
    const rows = rowsOf(before, shape);
    before.close();
    const database = openDatabase(path, { create: false });
    expect(versionOf(database)).toBe(SCHEMA_VERSION);
    expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
    expect(shapeOf(database)).toEqual(shapeOf(openDatabase(join(folder, "new.db"), { create: true })));
    expect(rowsOf(database, shape)).toEqual(rows);
  });
}

test("a store of version 1 keeps images, names and containers, and has the shape of a new one", () => {
  const database = openDatabase(kept(1), { create: false });
  expect(versionOf(database)).toBe(SCHEMA_VERSION);
  expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
  expect(shapeOf(database)).toEqual(shapeOf(openDatabase(join(folder, "new.db"), { create: true })));
  const [image] = listImages(database);
  expect(listTags(database).map(({ repository, tag }) => `${repository}:${tag}`)).toEqual(["registry.example/busybox:latest"]);
  expect(listLines(database, "all").map(({ name, phase, code }) => [name, phase, code])).toEqual([["ran", "exited", 3], ["made", "created", 0]]);
  const [made] = findContainers(database, "made");
  expect(made!.mounts).toEqual([{ type: "bind", source: "/srv", target: "/data", readonly: true, propagation: "rslave", recursive: true, mode: "ro,rslave" }]);
  expect(made!.config).toMatchObject({ Cmd: ["echo", "made"], Labels: { k: "v" } });
  expect(made!.host).toMatchObject({ NetworkMode: "bridge", Memory: 64 << 20, Ulimits: null, OomScoreAdj: 0, PortBindings: { "80/tcp": [{ HostPort: "8080" }] } });
  // Nothing says which blob its layer came from.
  const [layer] = layersOf(database, image!.id);
  const digest = layer!.diffId as unknown as Digest;
  expect(findLayer(database, { diffId: digest, chainId: digest, blob: digest })).toBeNull();
});

test("a store of version 2 keeps its containers, whose lives then go on", () => {
  const database = openDatabase(kept(2), { create: false });
  expect(shapeOf(database)).toEqual(shapeOf(openDatabase(join(folder, "new.db"), { create: true })));
  expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
  const [ran] = findContainers(database, "ran");
  expect(ran).toMatchObject({ phase: "exited", code: 3, paused: false, stopped: false, restarts: 0, restartAtMs: 0, restartDoublings: -1 });
  const [made] = findContainers(database, "made");
  expect(made!.host).toMatchObject({ Memory: 64 << 20, RestartPolicy: { Name: "no", MaximumRetryCount: 0 } });
  markPaused(database, made!.id, true);
  renameContainer(database, made!.id, "other");
  expect(readEvents(database, 0, 0).map(({ action, attributes }) => [action, attributes])).toEqual([
    ["pause", { image: "registry.example/busybox", k: "v", name: "made" }], ["rename", { image: "registry.example/busybox", k: "v", name: "other", oldName: "/made" }],
  ]);
});

test("what version 3 knew of a container's life is known: who waits for a restart, who is frozen, who was stopped, and what happened", () => {
  const database = openDatabase(kept(3), { create: false });
  expect(shapeOf(database)).toEqual(shapeOf(openDatabase(join(folder, "new.db"), { create: true })));
  expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
  const [made, crashes, frozen, stopped] = ["made", "crashes", "frozen", "stopped"].map((name) => findContainers(database, name)[0]!);
  expect(made).toMatchObject({ phase: "created", checked: true, host: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } }, config: { Healthcheck: { Test: ["CMD-SHELL", "true"] } } });
  expect(crashes).toMatchObject({ phase: "restarting", code: 3, restarts: 3, restartAtMs: 1795872174869, restartDoublings: 3, started: "2026-11-28T13:22:54.052Z" });
  expect(frozen).toMatchObject({ phase: "started", paused: true, cgroup: `mdk-dd2727f2/${frozen!.id}`, host: { NetworkMode: "none" } });
  expect(stopped).toMatchObject({ phase: "exited", code: 137, stopped: true, host: { RestartPolicy: { Name: "unless-stopped" } } });
  expect(listEndpoints(database, frozen!.id)).toMatchObject([{ networkName: "none" }]);
  const told = readEvents(database, 0, 0);
  expect(told.length).toBe(19);
  expect(told.filter(({ actor }) => actor === stopped!.id).map(({ action }) => action)).toEqual(["create", "start", "kill", "die", "stop"]);
});

test("what runs with version 4 goes on with its address, its hardware address and its ports", () => {
  const database = openDatabase(kept(4), { create: false });
  expect(shapeOf(database)).toEqual(shapeOf(openDatabase(join(folder, "new.db"), { create: true })));
  expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
  const [bridge] = findNetworks(database, "bridge");
  const [web, hosty, made] = ["web", "hosty", "made"].map((name) => findContainers(database, name)[0]!);
  const [endpoint] = listEndpoints(database, web!.id);
  expect(endpoint).toMatchObject({ network: bridge!.id, networkName: "bridge", connection: { address: 0xac110002, address6: null, mac: "02:42:ac:11:00:02", interface: "eth0" } });
  const { namespace } = endpoint!.connection!;
  expect(readPlace(database, namespace, bridge!.id)).toMatchObject({ bridge: expect.stringMatching(/^mdk-[0-9a-f]{6}$/), v4: { subnet: { address: 0xac110000, prefix: 16 }, gateway: 0xac110001, auto: true }, v6: null });
  expect(`mdk-${readTag(database, namespace)}`).toBe(readPlace(database, namespace, bridge!.id)!.bridge);
  expect(listPorts(database, web!.id).map(({ protocol, hostAddress, hostPort, containerPort, length, network }) => [protocol, hostAddress, hostPort, containerPort, length, network])).toEqual([
    ["tcp", "0.0.0.0", 8080, 80, 1, bridge!.id], ["udp", "127.0.0.1", 9000, 7000, 6, bridge!.id],
  ]);
  expect([hosty, made].map((container) => listEndpoints(database, container!.id).map(({ networkName, connection }) => [networkName, connection]))).toEqual([[["host", null]], [["none", null]]]);
});

test("images of version 5 have their manifests, and their layers no blob yet", () => {
  const database = openDatabase(kept(5), { create: false });
  expect(shapeOf(database)).toEqual(shapeOf(openDatabase(join(folder, "new.db"), { create: true })));
  expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
  const images = new Map(listTags(database).map(({ repository, imageId }) => [repository, imageId]));
  const [pulled, committed] = ["busybox", "committed"].map((name) => images.get(`registry.example/${name}`)!);
  expect(listManifests(database, pulled!, "registry.example/busybox")).toEqual(["sha256:3414f0c8fa3677db330fd01cd7c3182ed717738eda2900f2b4defd6130c38dbd" as Digest]);
  expect(listManifests(database, committed!, null)).toEqual([]);
  const [base] = layersOf(database, committed!);
  expect(keptBlobs(database, base!.id)).toEqual([]);
  const blob = "sha256:06a9fc2c8d416a7defbc46fffd38ddce39a8afcc50ecf1077370fcc154493263" as Digest;
  expect([isKept(database, blob), findLayer(database, { diffId: base!.diffId as Digest, chainId: base!.diffId as Digest, blob })?.id]).toEqual([false, base!.id]);
});

test("a container of version 6 goes on on its networks, with its addresses, its port and its volume", () => {
  const database = openDatabase(kept(6), { create: false });
  const [web, made] = ["web", "made"].map((name) => findContainers(database, name)[0]!);
  const [front, backend] = ["front", "backend"].map((name) => findNetworks(database, name)[0]!);
  expect(backend).toMatchObject({ driver: "bridge", internal: true, ipv6: true, labels: { k: "v" }, v4: { subnet: { address: 0x0a070000, prefix: 16 }, auto: false }, v6: { subnet: { address: 0xfd07n << 112n, prefix: 64 } } });
  const endpoints = listEndpoints(database, web!.id);
  expect(endpoints.map(({ networkName, settings, connection }) => [networkName, settings.Aliases, connection?.address, connection?.interface])).toEqual([["front", ["www"], 0xac120002, "eth0"], ["backend", null, 0x0a070009, "eth1"]]);
  expect(endpoints[1]!.connection!.address6).toBe(0xfd07n << 112n | 2n);
  const { namespace } = endpoints[0]!.connection!;
  expect([front, backend].map((network) => readPlace(database, namespace, network!.id)?.tag)).toEqual(["d2b86d", "d2b86d"]);
  expect(listPorts(database, web!.id)).toMatchObject([{ protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 8080, containerPort: 80, network: front!.id }]);
  expect([readVolume(database, "data"), volumeUsers(database, "data")]).toMatchObject([{ labels: { k: "v" }, anonymous: false }, [web!.id]]);
  expect(listEndpoints(database, made!.id)).toMatchObject([{ networkName: "backend", connection: null }]);
  // And its image's layer is kept as it came.
  const [layer] = layersOf(database, web!.image);
  expect(keptBlobs(database, layer!.id)).toMatchObject([{ digest: layer!.diffId, size: 2044928 }]);
  expect([anonymousImages(database).size, listMembers(database, layer!.diffId as Digest), readParent(database, web!.image)]).toEqual([0, [], null]);
});

test("an image that came with a container of version 7 goes with it", () => {
  const database = openDatabase(kept(7), { create: false });
  const [located] = findContainers(database, "located");
  expect([...anonymousImages(database)] as string[]).toEqual([located!.image]);
  expect([listTags(database, located!.image), isForsaken(database, located!.image)]).toEqual([[], false]);
  deleteContainer(database, located!.id, null);
  expect(isForsaken(database, located!.image)).toBe(true);
});

test("steps of builds of version 8 are found again, with their layers and what was read for them", () => {
  const database = openDatabase(kept(8), { create: false });
  const steps = listCached(database);
  expect(steps.map(({ description, shared }) => [description, shared])).toEqual([["[2/4] COPY a /a", true], ["[3/4] RUN true", false], ["[4/4] RUN echo b >/b", true]]);
  const [image] = listTags(database).filter(({ repository }) => repository === "registry.example/built");
  const layers = layersOf(database, image!.imageId);
  expect(steps.map(({ key }) => useCached(database, key, 0)?.layer?.id ?? null)).toEqual([layers[1]!.id, null, layers[2]!.id]);
  expect(findFiles(database, "e6511086e95da99f439aa21460802b87c5574cc2d6949ecda4e64bc180c6ed4d")).toBe("b6dd66b4cda3693fa669ead3c22a9d7c67ed8e45f60c25ae2971f9c95aa6a0ef");
});

test("a tag of version 9 stands for its images of both platforms, and what was committed has no parent yet", () => {
  const database = openDatabase(kept(9), { create: false });
  const index = findIndex(database, { repository: "registry.example/both", tag: "1" });
  const architectures = new Map(listImages(database).map(({ id, architecture }) => [id, architecture]));
  const members = listMembers(database, index!);
  expect(members.map(({ id }) => architectures.get(id))).toEqual(["amd64", "arm64"]);
  expect(members.map(({ id, manifest }) => listManifests(database, id, null).includes(manifest))).toEqual([true, true]);
  expect([...indexedImages(database)] as string[]).toEqual([members[1]!.id]);
  const [committed] = listTags(database).filter(({ repository }) => repository === "registry.example/committed");
  expect([layersOf(database, committed!.imageId).length, readParent(database, committed!.imageId)]).toEqual([2, null]);
});

test("containers of version 1, whose rows name no cgroup, are removed without a look at any", () => {
  const root = join(folder, "root");
  ensureStore(root);
  writeFileSync(storePaths(root).database, readFileSync(kept(1)));
  const cgroups = (): never => { throw new Error("cgroups were looked at"); };
  const context = { ...createContext({ root, runRoot: join(folder, "run"), environment: {}, now: () => new Date() }), cgroups };
  for (const name of ["made", "ran"]) removeContainer(context, findContainers(context.database(), name)[0]!, { force: true });
  expect(listLines(context.database(), "all")).toEqual([]);
});

test("many that open it at once all find the steps taken, once", async () => {
  const path = kept(1);
  const script = 'import { openDatabase } from "./src/store/database.ts"; import { exitNow } from "./src/sys/exit.ts"; openDatabase(process.argv[1], { create: false }); exitNow(0);';
  const all = Array.from({ length: 6 }, () => Bun.spawn([process.execPath, "-e", script, path], { stdin: "ignore", stdout: "ignore", stderr: "pipe" }));
  expect(await Promise.all(all.map(async (child) => [await child.exited, await new Response(child.stderr).text()]))).toEqual(all.map(() => [0, ""]));
  expect(versionOf(new Database(path))).toBe(SCHEMA_VERSION);
});

test("a step that fails leaves the store as it was", () => {
  const path = kept(1);
  const database = new Database(path);
  database.run("CREATE TABLE layer_blobs (other TEXT)"); // in the way
  database.close();
  expect(() => openDatabase(path, { create: false })).toThrow("cannot be used");
  const after = new Database(path, { readonly: true });
  expect(versionOf(after)).toBe(1);
  expect(after.query("SELECT name FROM pragma_table_info('containers') WHERE name = 'mounts'").all()).toEqual([]);
});

test("who keeps it open hears of a newer mdk at the next look", async () => {
  const root = join(folder, "root");
  ensureStore(root);
  const context = createContext({ root, runRoot: join(folder, "run"), environment: {}, now: () => new Date() });
  context.database();
  const other = new Database(storePaths(root).database);
  other.run("PRAGMA user_version=99");
  other.close();
  await Bun.sleep(1100);
  expect(() => context.database()).toThrow("was written by a newer mdk (schema 99");
});

test("schema.sql is what the steps come to", () => {
  const database = openDatabase(join(folder, "new.db"), { create: true });
  const statements = database.query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'index', name").all() as { sql: string }[];
  const text = `-- The tables as they are, for readers: written by test/upgrade/store.test.ts with MDK_UPDATE_GOLDEN=1.\n${statements.map(({ sql }) => `${sql};\n`).join("")}`;
  const path = "src/store/schema.sql";
  if (process.env["MDK_UPDATE_GOLDEN"] === "1" || !existsSync(path)) writeFileSync(path, text);
  expect(readFileSync(path, "utf8")).toBe(text);
});
