/** Addresses and ports, leased once each, at a cost that does not grow with how many there are. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../src/store/database.ts";
import { forgetElsewhere, leaseAddress, leasePorts, readNetwork, rememberedSysctl, rememberSysctl, storeId, writeNetwork } from "../../src/store/leases.ts";

const HERE = "net:[1] boot";
const folder = mkdtempSync(join(tmpdir(), "mdk-leases-"));
let database: Database;

beforeAll(() => {
  database = openDatabase(join(folder, "mdk.db"), { create: true });
  database.run("PRAGMA foreign_keys=OFF");
});
beforeEach(() => {
  for (const table of ["leases", "ports", "networks", "sysctls"]) database.run(`DELETE FROM ${table}`);
  writeNetwork(database, HERE, "bridge", { tag: "aaaaaa", subnet: { address: 0, prefix: 24 } });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lease = (first: number, last: number, namespace = HERE): number | null => leaseAddress(database, namespace, { network: "bridge", container: "c", first, last });
const release = (address: number): void => void database.run("DELETE FROM leases WHERE address = ?", [address]);

test("a store has an identity of its own, that stays", () => {
  const other = openDatabase(join(folder, "other.db"), { create: true });
  expect(storeId(database)).toMatch(/^[0-9a-f]{32}$/);
  expect(storeId(database)).not.toBe(storeId(other));
  expect(storeId(openDatabase(join(folder, "mdk.db"), { create: false }))).toBe(storeId(database));
});

test("addresses go round robin, past the taken ones; the last free one is found from anywhere", () => {
  expect([lease(2, 6), lease(2, 6), lease(2, 6)]).toEqual([2, 3, 4]);
  release(2);
  expect([lease(2, 6), lease(2, 6), lease(2, 6)]).toEqual([5, 6, 2]);
  expect(lease(2, 6)).toBeNull();
  for (const free of [4, 2, 6, 3]) {
    release(free);
    expect(lease(2, 6)).toBe(free);
  }
  expect([lease(2, 1), lease(9, 9), lease(9, 9)]).toEqual([null, 9, null]);
  // Another namespace of the host is another world.
  writeNetwork(database, "net:[2] boot", "bridge", { tag: "aaaaaa", subnet: { address: 0, prefix: 24 } });
  expect(lease(2, 6, "net:[2] boot")).toBe(2);
});

test("a network that is remembered anew begins from its first address again", () => {
  lease(2, 6);
  writeNetwork(database, HERE, "bridge", { tag: "bbbbbb", subnet: { address: 0xac110000, prefix: 16 } });
  expect(readNetwork(database, HERE, "bridge")).toEqual({ tag: "bbbbbb", subnet: { address: 0xac110000, prefix: 16 } });
  expect(lease(12, 16)).toBe(12);
});

test("an address costs the same with 20 000 leased ones as with none", () => {
  const insert = database.query("INSERT INTO leases (namespace, network, address, container) VALUES (?, 'bridge', ?, 'c')");
  const timed = (): number => {
    const times = Array.from({ length: 50 }, () => {
      const start = Bun.nanoseconds();
      lease(2, 60_000);
      return Bun.nanoseconds() - start;
    });
    return times.sort((a, b) => a - b)[25]!;
  };
  timed();
  const few = timed();
  database.transaction(() => { for (let address = 30_000; address < 50_000; address++) insert.run(HERE, address); })();
  expect(timed()).toBeLessThan(few * 4);
});

test("ports are leased as ranges that never overlap, all or none", () => {
  const ports = (first: number, last: number, protocol = "tcp", host = "0.0.0.0") => leasePorts(database, HERE, { protocol, host, first, last, container: "c" });
  expect([ports(80, 80), ports(8000, 8010), ports(1, 79)]).toEqual([null, null, null]);
  expect([ports(80, 80), ports(8010, 8010), ports(7990, 8000), ports(8003, 8004), ports(81, 65535), ports(79, 82)]).toEqual([80, 8010, 8000, 8004, 8010, 80]);
  expect([ports(81, 7999), ports(8011, 65535), ports(80, 80, "udp"), ports(80, 80, "tcp", "127.0.0.1")]).toEqual([null, null, null, null]);
  database.run("DELETE FROM ports WHERE container = 'c'");
  expect(ports(1, 65535)).toBeNull();
});

test("what was true of an earlier boot is forgotten", () => {
  writeNetwork(database, "net:[1] before", "bridge", { tag: "aaaaaa", subnet: { address: 0, prefix: 24 } });
  rememberSysctl(database, "net:[1] before", "x", "0");
  rememberSysctl(database, HERE, "x", "0");
  rememberSysctl(database, HERE, "x", "1");
  forgetElsewhere(database, " boot");
  expect([readNetwork(database, "net:[1] before", "bridge"), rememberedSysctl(database, "net:[1] before", "x")]).toEqual([null, null]);
  expect([readNetwork(database, HERE, "bridge")?.tag, rememberedSysctl(database, HERE, "x"), rememberedSysctl(database, HERE, "y")]).toEqual(["aaaaaa", "0", null]);
});
