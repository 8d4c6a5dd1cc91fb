/** Subnets and addresses that are chosen. */
import { expect, test } from "bun:test";
import { choosePool, formatAddress, formatHardwareAddress, formatSubnet, gatewayOf, hardwareAddress, hostRange, overlaps, parseAddress, parseSubnet } from "../../src/network/ipam.ts";

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
  const pool = (...taken: string[]) => formatSubnet(choosePool(taken.map(parseSubnet)));
  expect(pool()).toBe("172.17.0.0/16");
  expect(pool("0.0.0.0/0", "172.17.5.1/32", "172.18.0.0/15", "8.8.8.8/32")).toBe("172.20.0.0/16");
  expect(pool("172.16.0.0/12")).toBe("192.168.0.0/20");
  expect(pool("172.16.0.0/12", ...Array.from({ length: 15 }, (_, index) => `192.168.${index * 16}.0/20`))).toBe("192.168.240.0/20");
  expect(() => pool("128.0.0.0/1")).toThrow("could not find an available");
});

test("containers have the addresses behind the gateway's, the broadcast address left out", () => {
  const range = (text: string) => Object.values(hostRange(parseSubnet(text))).map(formatAddress);
  expect(gatewayOf(parseSubnet("172.17.0.0/16"))).toBe("172.17.0.1");
  expect(range("172.17.0.0/16")).toEqual(["172.17.0.2", "172.17.255.254"]);
  expect(range("10.0.0.0/30")).toEqual(["10.0.0.2", "10.0.0.2"]);
  for (const tiny of ["10.0.0.0/31", "10.0.0.0/32"]) expect(hostRange(parseSubnet(tiny)).last).toBeLessThan(hostRange(parseSubnet(tiny)).first);
});

test("hardware addresses hold the address, as Docker makes them", () => {
  expect(formatHardwareAddress(hardwareAddress("172.17.0.2"))).toBe("02:42:ac:11:00:02");
});
