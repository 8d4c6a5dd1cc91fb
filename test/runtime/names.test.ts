/** The tree of names that monitors read: what is written, taken back, and told. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addNames, listNamedNetworks, listNames, removeName, removeNames, removeNetworkNames, removeView, reverseName, viewPath, writeView, type EndpointNames } from "../../src/runtime/names.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "mdk-names-"))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const web: EndpointNames = { network: "n1", endpoint: "e1", names: ["Web", "web.testnet", "shared"], addresses: ["172.18.0.2", "fd00::2"], reverse: "web.testnet" };
const db: EndpointNames = { network: "n1", endpoint: "e2", names: ["db", "shared"], addresses: ["172.18.0.3"], reverse: "db.testnet" };
const REVERSE6 = `2.${"0.".repeat(27)}0.0.d.f.ip6.arpa`;
const target = (path: string): string => readlinkSync(`${root}/names/n1/${path}`);

test("names lead to addresses, and addresses to a name; twice is once", () => {
  for (let round = 0; round < 2; round++) for (const entry of [web, db]) addNames(root, entry);
  expect(readdirSync(`${root}/names/n1`).sort()).toEqual(["2.0.18.172.in-addr.arpa", "3.0.18.172.in-addr.arpa", REVERSE6, "db", "shared", "web", "web.testnet"].sort());
  expect([target("web/e1"), target("shared/e2"), target(`${REVERSE6}/e1`)]).toEqual(["172.18.0.2 fd00::2", "172.18.0.3", "web.testnet"]);
  expect(statSync(`${root}/names/n1/web`).mode & 0o777).toBe(0o700);
  addNames(root, { ...web, addresses: ["172.18.0.9"] });
  expect(target("web/e1")).toBe("172.18.0.9");
});

test("what could not be asked for, or would be a path, is left out", () => {
  addNames(root, { ...web, names: ["ok.", "..", ".", "", "a/b", "a..b", "x".repeat(64), `${"y".repeat(63)}.`.repeat(4), "dé", "under_score"], addresses: ["172.18.0.2"], reverse: null });
  expect(readdirSync(`${root}/names/n1`).sort()).toEqual(["ok", "under_score"]);
});

test("one endpoint's names are taken back, and others stay; what is missing is no error", () => {
  for (const entry of [web, db]) addNames(root, entry);
  symlinkSync("cut off", `${root}/names/n1/web/.e1`); // of a writer that was killed
  for (let round = 0; round < 2; round++) removeNames(root, web);
  expect(readdirSync(`${root}/names/n1`).sort()).toEqual(["3.0.18.172.in-addr.arpa", "db", "shared"]);
  expect(readdirSync(`${root}/names/n1/shared`)).toEqual(["e2"]);
});

test("who reconciles learns of every endpoint, and of every network", () => {
  expect([listNames(root, "n1"), listNamedNetworks(root)]).toEqual([new Map(), []]);
  for (const entry of [web, db]) addNames(root, entry);
  const names = listNames(root, "n1");
  expect([...names.keys()].sort()).toEqual(["e1", "e2"]);
  expect(names.get("e2")!.sort()).toEqual(["3.0.18.172.in-addr.arpa", "db", "shared"]);
  for (const name of names.get("e2")!) removeName(root, "n1", name, "e2");
  expect([...listNames(root, "n1").keys()]).toEqual(["e1"]);
  expect(listNamedNetworks(root)).toEqual(["n1"]);
  for (let round = 0; round < 2; round++) removeNetworkNames(root, "n1");
  expect(listNamedNetworks(root)).toEqual([]);
});

test("a name whose directory goes while it is written comes all the same", async () => {
  const script = `import { addNames, removeNames } from ${JSON.stringify(join(import.meta.dir, "../../src/runtime/names.ts"))};
    for (let round = 0; round < 500; round++) { const entry = { network: "n1", endpoint: process.argv[1], names: ["shared"], addresses: ["10.0.0.1"], reverse: null }; addNames(${JSON.stringify(root)}, entry); removeNames(${JSON.stringify(root)}, entry); }`;
  const children = ["a", "b", "c"].map((name) => Bun.spawn([process.execPath, "-e", script, name], { stderr: "inherit" }));
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0, 0]);
  expect(readdirSync(`${root}/names/n1`)).toEqual([]);
});

test("a view is rewritten in place", () => {
  mkdirSync(`${root}/c1`);
  addNames(root, web);
  writeView(root, "c1", { networks: ["n1", "n2"], links: new Map([["Short", "web"], ["a/b", "web"]]), upstream: ["192.0.2.1", "fe80::1%2"] });
  const view = viewPath(root, "c1");
  const entries = (folder: string): string[] => readdirSync(`${view}/${folder}`).sort();
  expect([entries("networks"), entries("links"), readlinkSync(`${view}/upstream`)]).toEqual([["000-n1", "001-n2"], ["short"], "192.0.2.1 fe80::1%2"]);
  expect(existsSync(`${view}/networks/000-n1/web`)).toBe(true);
  writeView(root, "c1", { networks: ["n2"], links: new Map([["short", "db"]]), upstream: [] });
  expect([entries("networks"), readlinkSync(`${view}/links/short`), existsSync(`${view}/upstream`)]).toEqual([["000-n2"], "db", false]);
  for (let round = 0; round < 2; round++) removeView(root, "c1");
  expect([readdirSync(`${root}/c1`), existsSync(`${root}/names/n1/web`)]).toEqual([[], true]);
});

test("addresses read backwards", () => {
  expect(reverseName("172.18.0.2")).toBe("2.0.18.172.in-addr.arpa");
  expect(reverseName("fd00::2")).toBe(REVERSE6);
  expect(reverseName("::")).toBe(`${"0.".repeat(32)}ip6.arpa`);
  expect(reverseName("1:2:3:4:5:6:7:ABCD")).toBe("d.c.b.a.7.0.0.0.6.0.0.0.5.0.0.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.ip6.arpa");
  expect(reverseName("fd00:1::")).toBe(`${"0.".repeat(24)}1.0.0.0.0.0.d.f.ip6.arpa`);
});
