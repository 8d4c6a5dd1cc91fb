/** Docker's JSON of a network. */
import { expect, test } from "bun:test";
import { networkJson } from "../../../src/api/json/network.ts";
import { parseAddress, parseSubnet } from "../../../src/network/ipam.ts";
import { parseAddress6, parseSubnet6 } from "../../../src/network/ipam6.ts";
import { ANY_ENDPOINT } from "../../../src/spec/endpoint.ts";
import type { Network } from "../../../src/store/networks.ts";

const BARE: Network = { id: "a".repeat(64), name: "n", driver: "bridge", createdMs: Date.parse("2026-01-02T03:04:05.120Z"), internal: false, ipv6: false, v4: null, v6: null, options: {}, labels: {} };
const v4 = { subnet: parseSubnet("10.1.0.0/16"), gateway: parseAddress("10.1.0.1"), range: parseSubnet("10.1.5.0/24"), aux: { a: parseAddress("10.1.0.9") }, auto: false };
const v6 = { subnet: parseSubnet6("fd00::/64"), gateway: parseAddress6("fd00::1"), range: null, aux: {}, auto: true };

test("has Docker's members in Docker's order", () => {
  expect(Object.keys(networkJson({ network: BARE, place: null, endpoints: [] }))).toEqual([
    "Name", "Id", "Created", "Scope", "Driver", "EnableIPv4", "EnableIPv6", "IPAM", "Internal", "Attachable", "Ingress", "ConfigFrom", "ConfigOnly", "Containers", "Options", "Labels",
  ]);
  expect(networkJson({ network: BARE, place: null, endpoints: [] })).toMatchObject({ Created: "2026-01-02T03:04:05.12Z", Scope: "local", IPAM: { Driver: "default", Options: {}, Config: null }, Containers: {}, Options: {}, Labels: {} });
});

test("tells the pools that were asked for, and where none were, those that it has here", () => {
  const { IPAM } = networkJson({ network: { ...BARE, v4, ipv6: true }, place: { bridge: "br-x", v4: { ...v4, range: null }, v6 }, endpoints: [] });
  expect(IPAM).toEqual({
    Driver: "default", Options: {},
    Config: [{ Subnet: "10.1.0.0/16", IPRange: "10.1.5.0/24", Gateway: "10.1.0.1", AuxiliaryAddresses: { a: "10.1.0.9" } }, { Subnet: "fd00::/64", Gateway: "fd00::1" }],
  });
  expect(networkJson({ network: { ...BARE, driver: "null", name: "none" }, place: null, endpoints: [] })["IPAM"]).toEqual({ Driver: "default", Options: null, Config: null });
});

test("tells who is on it", () => {
  const connection = { id: "e".repeat(64), namespace: "1", address: parseAddress("10.1.5.2"), address6: parseAddress6("fd00::2"), mac: "02:42:0a:01:05:02", interface: "eth0" };
  const endpoint = { container: "c".repeat(64), network: BARE.id, networkName: "n", position: 0, settings: ANY_ENDPOINT, connection };
  const at = { bridge: "br-x", v4, v6 };
  const containers = (own: object): unknown => networkJson({ network: { ...BARE, ipv6: true }, place: at, endpoints: [{ container: { id: endpoint.container, name: "web" }, endpoint: { ...endpoint, connection: { ...connection, ...own } } }] })["Containers"];
  const told = { Name: "web", EndpointID: connection.id, MacAddress: connection.mac, IPv4Address: "10.1.5.2/16", IPv6Address: "fd00::2/64" };
  expect(containers({})).toEqual({ [endpoint.container]: told });
  expect(containers({ address6: null })).toEqual({ [endpoint.container]: { ...told, IPv6Address: "" } });
});

test("of the default bridge tells what it is", () => {
  const { Options } = networkJson({ network: { ...BARE, name: "bridge" }, place: { bridge: "mdk-1", v4, v6: null }, endpoints: [] });
  expect(Options).toMatchObject({ "com.docker.network.bridge.default_bridge": "true", "com.docker.network.bridge.name": "mdk-1", "com.docker.network.driver.mtu": "1500" });
});
