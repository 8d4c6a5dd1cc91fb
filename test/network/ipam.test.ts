/** Subnets and addresses that are chosen. */
import { expect, test } from "bun:test";
import { choosePool, formatAddress, formatHardwareAddress, formatSubnet, gatewayOf, hardwareAddress, nextAddress, overlaps, parseAddress, parseSubnet, POOLS } from "../../src/network/ipam.ts";

test("addresses and subnets are read strictly and written back", () => {
  expect(parseAddress("172.17.0.1")).toBe(0xac110001);
  expect(formatAddress(0xffffffff)).toBe("255.255.255.255");
  expect(formatSubnet(parseSubnet("10.1.2.3/8"))).toBe("10.0.0.0/8");
  expect(formatSubnet(parseSubnet("1.2.3.4/32"))).toBe("1.2.3.4/32");
  expect(formatSubnet(parseSubnet("255.2.3.4/0"))).toBe("0.0.0.0/0");
  for (const text of ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "::1", "a.b.c.d", "1.2.3.4 "]) expect(() => parseAddress(text)).toThrow("is not an IPv4 address");
  for (const text of ["1.2.3.4", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "/8", "1.2.3.4/1e1"]) expect(() => parseSubnet(text)).toThrow("is not an IPv4");
});

test("subnets overlap when one holds the other, from either side", () => {
  const pair = (a: string, b: string) => [overlaps(parseSubnet(a), parseSubnet(b)), overlaps(parseSubnet(b), parseSubnet(a))];
  expect(pair("10.0.0.0/8", "10.200.1.0/24")).toEqual([true, true]);
  expect(pair("172.17.0.0/16", "172.18.0.0/16")).toEqual([false, false]);
  expect(pair("192.168.0.0/20", "192.168.15.255/32")).toEqual([true, true]);
});

test("the pool is Docker's first that nothing on the host collides with; the default route collides with nothing", () => {
  expect(POOLS).toHaveLength(31);
  expect(choosePool([])).toBe("172.17.0.0/16");
  expect(choosePool(["0.0.0.0/0", "172.17.5.1/32", "172.18.0.0/15", "8.8.8.8/32"])).toBe("172.20.0.0/16");
  expect(choosePool(["172.16.0.0/12"])).toBe("192.168.0.0/20");
  expect(() => choosePool(["128.0.0.0/1"])).toThrow("could not find an available");
});

test("addresses go round robin, past the taken ones, and never to network, gateway or broadcast", () => {
  const subnet = "172.17.0.0/16";
  expect(gatewayOf(subnet)).toBe("172.17.0.1");
  expect(nextAddress(subnet, "", new Set())).toBe("172.17.0.2");
  expect(nextAddress(subnet, "172.17.0.2", new Set())).toBe("172.17.0.3");
  expect(nextAddress(subnet, "172.17.0.255", new Set(["172.17.1.0"]))).toBe("172.17.1.1");
  expect(nextAddress(subnet, "172.17.255.254", new Set(["172.17.0.2"]))).toBe("172.17.0.3");
  expect(nextAddress(subnet, "10.0.0.1", new Set())).toBe("172.17.0.2");
});

test("a full network says so; the last free address is found from anywhere", () => {
  const all = (except: number) => new Set(Array.from({ length: 5 }, (_, index) => `10.0.0.${index + 2}`).filter((a) => a !== `10.0.0.${except}`));
  for (const last of ["", "10.0.0.2", "10.0.0.4", "10.0.0.6"]) expect(nextAddress("10.0.0.0/29", last, all(4))).toBe("10.0.0.4");
  expect(() => nextAddress("10.0.0.0/29", "", all(0))).toThrow("no available IPv4 addresses on this network's address pool: 10.0.0.0/29");
  for (const tiny of ["10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32"]) {
    if (tiny.endsWith("/30")) expect(nextAddress(tiny, "", new Set())).toBe("10.0.0.2");
    else expect(() => nextAddress(tiny, "", new Set())).toThrow("no available");
  }
});

test("hardware addresses hold the address, as Docker makes them", () => {
  expect(formatHardwareAddress(hardwareAddress("172.17.0.2"))).toBe("02:42:ac:11:00:02");
});
