/** Addresses and ports, leased once each, at a cost that does not grow with how many there are; networks, and where they are. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress6 } from "../../src/network/ipam6.ts";
import { ANY_ENDPOINT } from "../../src/spec/endpoint.ts";
import { openDatabase } from "../../src/store/database.ts";
import { addEndpoint, addressHolder, connectEndpoint, listEndpoints, nextFreeAddress, nextFreeAddress6, releaseEndpoints } from "../../src/store/endpoints.ts";
import { readEvents } from "../../src/store/events.ts";
import { forgetElsewhere, readTag, rememberedSysctl, rememberSysctl, storeId, takeSysctls, writeTag } from "../../src/store/namespaces.ts";
import { addNetwork, deleteNetwork, findNetworks, listNetworks, listPlacesOf, readNetwork, readPlace, writePlace, type Network } from "../../src/store/networks.ts";
import { allPorts, heldPorts, leasePorts, listPorts, movePorts, releasePorts, returnPorts } from "../../src/store/ports.ts";

const HERE = "net:[1] boot";
const folder = mkdtempSync(join(tmpdir(), "mdk-networks-"));
let database: Database;
const NET = "a".repeat(64);
const pool = { subnet: { address: 0xac120000, prefix: 16 }, gateway: 0xac120001, range: null, aux: { printer: 0xac120009 }, auto: true };
const pool6 = { subnet: { address: parseAddress6("fd00::"), prefix: 64 }, gateway: parseAddress6("fd00::1"), range: null, aux: {}, auto: false };
const network: Network = { id: NET, name: "backend", driver: "bridge", createdMs: 1_000, internal: false, ipv6: true, v4: pool, v6: pool6, options: { o: "1" }, labels: { l: "2" } };

beforeAll(() => {
  database = openDatabase(join(folder, "mdk.db"), { create: true });
  database.run("PRAGMA foreign_keys=OFF");
});
beforeEach(() => {
  for (const table of ["endpoints", "ports", "places", "namespaces", "sysctls", "events"]) database.run(`DELETE FROM ${table}`);
  database.run("DELETE FROM networks WHERE name NOT IN ('bridge', 'host', 'none')");
  writePlace(database, HERE, NET, { bridge: "mdk-aaaaaa", v4: pool, v6: pool6 });
  writeTag(database, HERE, "aaaaaa");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
function lease(first: number, last: number, namespace = HERE, reserved: readonly number[] = []): number | null {
  const address = nextFreeAddress(database, { namespace, network: NET, first, last, reserved: new Set(reserved) });
  if (address !== null) hold(address, null, namespace);
  return address;
}
function hold(address: number | null, address6: bigint | null, namespace = HERE): string {
  const container = `c${++made}`;
  addEndpoint(database, { container, network: NET, position: 0, settings: ANY_ENDPOINT });
  connectEndpoint(database, container, NET, { id: `e${made}`, namespace, address, address6, mac: "02:42:00:00:00:02", interface: "eth0" });
  return container;
}
const release = (address: number): void => releaseEndpoints(database, addressHolder(database, HERE, NET, address)!);

test("a store has an identity of its own, that stays, and three networks", () => {
  const other = openDatabase(join(folder, "other.db"), { create: true });
  expect(storeId(database)).toMatch(/^[0-9a-f]{32}$/);
  expect(storeId(database)).not.toBe(storeId(other));
  expect(storeId(openDatabase(join(folder, "mdk.db"), { create: false }))).toBe(storeId(database));
  expect(listNetworks(other).map(({ name, driver }) => [name, driver])).toEqual([["bridge", "bridge"], ["host", "host"], ["none", "null"]]);
  expect(listNetworks(other)[0]!.id).not.toBe(listNetworks(database)[0]!.id);
});

test("a network comes back as it was given, by name, id and the start of it; its name is taken", () => {
  addNetwork(database, network);
  expect(readNetwork(database, NET)).toEqual(network);
  expect([findNetworks(database, "backend"), findNetworks(database, NET), findNetworks(database, "aaaa")]).toEqual([[network], [network], [network]]);
  expect([findNetworks(database, "back"), findNetworks(database, "zz")]).toEqual([[], []]);
  expect(() => addNetwork(database, { ...network, id: "b".repeat(64) })).toThrow("UNIQUE");
  addNetwork(database, { ...network, id: `aaaa${"c".repeat(60)}`, name: "other" });
  expect(findNetworks(database, "aaaa")).toHaveLength(2);
  expect(readEvents(database, 0, 0).map(({ type, action, actor, attributes }) => [type, action, actor.slice(0, 5), attributes])).toEqual([
    ["network", "create", "aaaaa", { name: "backend", type: "bridge" }], ["network", "create", "aaaac", { name: "other", type: "bridge" }],
  ]);
});

test("a network goes only when nobody who runs is on it, and takes its places along", () => {
  addNetwork(database, network);
  const container = hold(0xac120002, null);
  expect(deleteNetwork(database, NET)).toBe(false);
  releaseEndpoints(database, container);
  expect(deleteNetwork(database, NET)).toBe(true);
  expect([readNetwork(database, NET), listEndpoints(database, container)[0]?.networkName]).toEqual([null, null]);
});

test("addresses go round robin, past the taken and the reserved ones; the last free one is found from anywhere", () => {
  expect([lease(2, 6), lease(2, 6), lease(2, 6)]).toEqual([2, 3, 4]);
  release(2);
  expect([lease(2, 6), lease(2, 6), lease(2, 6)]).toEqual([5, 6, 2]);
  expect(lease(2, 6)).toBeNull();
  for (const free of [4, 2, 6, 3]) {
    release(free);
    expect(lease(2, 6)).toBe(free);
  }
  expect([lease(2, 1), lease(9, 9), lease(9, 9)]).toEqual([null, 9, null]);
  expect([lease(10, 14, HERE, [10, 11]), lease(10, 14, HERE, [10, 11, 14]), lease(10, 14, HERE, [10, 11, 14])]).toEqual([12, 13, null]);
  // Another namespace of the host is another world.
  writePlace(database, "net:[2] boot", NET, { bridge: "mdk-aaaaaa", v4: pool, v6: null });
  expect(lease(2, 6, "net:[2] boot")).toBe(2);
});

test("an address is one container's, whoever else asks for it", () => {
  hold(7, parseAddress6("fd00::7"));
  expect(() => hold(7, null)).toThrow("UNIQUE");
  expect(() => hold(null, parseAddress6("fd00::7"))).toThrow("UNIQUE");
  expect([addressHolder(database, HERE, NET, 7), addressHolder(database, HERE, NET, parseAddress6("fd00::7")), addressHolder(database, HERE, NET, 8)]).toEqual([`c${made - 2}`, `c${made - 2}`, null]);
});

test("IPv6 addresses go round robin too", () => {
  const [first, last] = [parseAddress6("fd00::2"), parseAddress6("fd00::4")];
  const next = (): bigint | null => {
    const address = nextFreeAddress6(database, { namespace: HERE, network: NET, first, last, reserved: new Set([parseAddress6("fd00::3")]) });
    if (address !== null) hold(null, address);
    return address;
  };
  expect([next(), next(), next()]).toEqual([first, last, null]);
  releaseEndpoints(database, addressHolder(database, HERE, NET, first)!);
  expect(next()).toBe(first);
});

test("a place that is remembered anew begins from its first address again", () => {
  lease(2, 6);
  writePlace(database, HERE, NET, { bridge: "other", v4: pool, v6: null });
  expect(readPlace(database, HERE, NET)).toEqual({ bridge: "other", v4: pool, v6: null, namespace: HERE, tag: "aaaaaa" });
  expect(lease(12, 16)).toBe(12);
  expect(listPlacesOf(database, NET).map(({ namespace, bridge }) => [namespace, bridge])).toEqual([[HERE, "other"]]);
});

test("an address costs the same with 20 000 leased ones as with none", () => {
  const insert = database.query("INSERT INTO endpoints (container, network, position, settings, id, namespace, address) VALUES (?1, ?2, 0, '{}', ?1, ?3, ?4)");
  const timed = (): number => {
    const times = Array.from({ length: 50 }, () => {
      const start = Bun.nanoseconds();
      nextFreeAddress(database, { namespace: HERE, network: NET, first: 2, last: 60_000, reserved: new Set() });
      return Bun.nanoseconds() - start;
    });
    return times.sort((a, b) => a - b)[25]!;
  };
  timed();
  const few = timed();
  database.transaction(() => { for (let address = 30_000; address < 50_000; address++) insert.run(`x${address}`, NET, HERE, address); })();
  expect(timed()).toBeLessThan(few * 4);
});

test("ports are leased as ranges that never overlap, all or none, and lead where they are told", () => {
  const range = (hostPort: number, last: number, protocol: "tcp" | "udp" = "tcp", hostAddress = "0.0.0.0") =>
    ({ namespace: HERE, protocol, hostAddress, hostPort, containerPort: hostPort + 1, length: last - hostPort + 1, container: "c", network: NET });
  const ports = (...of: Parameters<typeof range>): number | null => leasePorts(database, range(...of));
  expect([ports(80, 80), ports(8000, 8010), ports(1, 79)]).toEqual([null, null, null]);
  expect([ports(80, 80), ports(8010, 8010), ports(7990, 8000), ports(8003, 8004), ports(81, 65535), ports(79, 82)]).toEqual([80, 8010, 8000, 8004, 8010, 80]);
  expect([ports(81, 7999), ports(8011, 65535), ports(80, 80, "udp"), ports(80, 80, "tcp", "127.0.0.1")]).toEqual([null, null, null, null]);
  expect(heldPorts(database, "c")[0]).toEqual(range(1, 79));
  // They lead to where the container is.
  expect([allPorts(database).size, listPorts(database, "c")]).toEqual([0, []]);
  addEndpoint(database, { container: "c", network: NET, position: 0, settings: ANY_ENDPOINT });
  expect([allPorts(database).get("c"), listPorts(database, "c")]).toEqual([heldPorts(database, "c"), heldPorts(database, "c")]);
  movePorts(database, "c", "other");
  expect([allPorts(database).size, listPorts(database, "c")]).toEqual([0, []]);
  expect(new Set(heldPorts(database, "c").map(({ network: id }) => id))).toEqual(new Set(["other"]));
  returnPorts(database, range(80, 80));
  expect(ports(80, 80)).toBeNull();
  releasePorts(database, "c");
  expect(ports(1, 65535)).toBeNull();
});

test("what was true of an earlier boot is forgotten; what mdk changed is handed out once", () => {
  const before = "net:[1] before";
  writePlace(database, before, NET, { bridge: "b", v4: pool, v6: null });
  writeTag(database, before, "aaaaaa");
  writeTag(database, HERE, "bbbbbb");
  rememberSysctl(database, before, "x", "0");
  rememberSysctl(database, HERE, "x", "0");
  rememberSysctl(database, HERE, "x", "1");
  forgetElsewhere(database, " boot");
  expect([readPlace(database, before, NET), readTag(database, before), rememberedSysctl(database, before, "x")]).toEqual([null, null, null]);
  expect([readPlace(database, HERE, NET)?.bridge, readTag(database, HERE), rememberedSysctl(database, HERE, "x"), rememberedSysctl(database, HERE, "y")]).toEqual(["mdk-aaaaaa", "bbbbbb", "0", null]);
  expect([takeSysctls(database, HERE), takeSysctls(database, HERE), readTag(database, HERE)]).toEqual([[{ name: "x", value: "0" }], [], null]);
});
