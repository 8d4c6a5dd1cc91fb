/** IPv6 addresses and subnets: read strictly, written canonically, chosen free. */
import { expect, test } from "bun:test";
import { assignableRange, contains, parseAddress, parseSubnet } from "../../src/network/ipam.ts";
import {
  addressBytes6, assignableRange6, choosePool6, contains6, formatAddress6, formatSubnet6, gatewayOf6, isFree6, nextAddress6, overlaps6, ownPool6, parseAddress6,
  parseSubnet6, readAddress6,
} from "../../src/network/ipam6.ts";

const canonical = (text: string): string => formatAddress6(parseAddress6(text));

test("the text of an address is RFC 5952's", () => {
  expect(["::", "::1", "1::", "2001:DB8::0001", "2001:db8:0:0:1:0:0:1", "2001:db8:0:1:1:1:1:1", "0:0:0:1:0:0:0:0", "fe80:0:0:0:1:2:3:4"].map(canonical))
    .toEqual(["::", "::1", "1::", "2001:db8::1", "2001:db8::1:0:0:1", "2001:db8:0:1:1:1:1:1", "0:0:0:1::", "fe80::1:2:3:4"]);
  expect(["::ffff:1.2.3.4", "::ffff:0102:0304", "64:ff9b::1.2.3.4", "::1.2.3.4"].map(canonical)).toEqual(["::ffff:1.2.3.4", "::ffff:1.2.3.4", "64:ff9b::102:304", "::102:304"]);
});

test("what is no address is refused", () => {
  const wrong = ["", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9", "1::2::3", "::g", "::12345", "fe80::1%eth0", " ::1", "1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "::1.2.3", "::1.2.3.256", "1:2:3:4:5:6:7:1.2.3.4", ":1::2"];
  for (const text of wrong) expect(() => parseAddress6(text)).toThrow(`${text} is not an IPv6 address`);
  for (const text of ["fd00::", "fd00::/", "fd00::/129", "fd00::/1e1", "/64"]) expect(() => parseSubnet6(text)).toThrow("is not an IPv6 subnet");
});

test("bytes are in network order, there and back", () => {
  const bytes = addressBytes6(parseAddress6("2001:db8::ff"));
  expect([...bytes]).toEqual([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff]);
  expect(readAddress6(new DataView(bytes.buffer))).toBe(parseAddress6("2001:db8::ff"));
});

test("subnets know what is in them", () => {
  const subnet = parseSubnet6("fd00:1:2:3:4::/64");
  expect(formatSubnet6(subnet)).toBe("fd00:1:2:3::/64");
  expect([formatSubnet6(parseSubnet6("fd00::1/128")), formatSubnet6(parseSubnet6("fd00::1/0"))]).toEqual(["fd00::1/128", "::/0"]);
  expect(["fd00:1:2:3::", "fd00:1:2:3:ffff:ffff:ffff:ffff", "fd00:1:2:4::"].map((text) => contains6(subnet, parseAddress6(text)))).toEqual([true, true, false]);
  expect(overlaps6(subnet, parseSubnet6("fd00::/16"))).toBe(true);
  expect([isFree6(subnet, [parseSubnet6("::/0"), parseSubnet6("fd00:1:2:4::/64")]), isFree6(subnet, [parseSubnet6("fd00:1::/32")])]).toEqual([true, false]);
  expect(gatewayOf6(subnet)).toBe("fd00:1:2:3::1");
});

test("ranges leave out what nobody may have, in both families", () => {
  const range6 = (text: string, part?: string) => Object.values(assignableRange6(parseSubnet6(text), part === undefined ? undefined : parseSubnet6(part))).map(formatAddress6);
  expect([range6("fd00::/126"), range6("fd00::/127"), range6("fd00::/64", "fd00::8/125"), range6("fd00::/64", "fd00::/125")]).toEqual([
    ["fd00::1", "fd00::3"], ["fd00::", "fd00::1"], ["fd00::8", "fd00::f"], ["fd00::1", "fd00::7"],
  ]);
  expect(assignableRange(parseSubnet("10.0.0.0/24"))).toEqual({ first: parseAddress("10.0.0.1"), last: parseAddress("10.0.0.254") });
  expect(assignableRange(parseSubnet("10.0.0.0/24"), parseSubnet("10.0.0.128/25"))).toEqual({ first: parseAddress("10.0.0.128"), last: parseAddress("10.0.0.254") });
  expect(assignableRange(parseSubnet("10.0.0.4/31"))).toEqual({ first: parseAddress("10.0.0.4"), last: parseAddress("10.0.0.5") });
  expect([contains(parseSubnet("10.0.0.0/24"), parseAddress("10.0.0.255")), contains(parseSubnet("10.0.0.0/24"), parseAddress("10.0.1.0"))]).toEqual([true, false]);
});

test("addresses go round robin", () => {
  const range = { first: 5n, last: 7n };
  expect([null, 4n, 5n, 6n, 7n, 8n].map((previous) => nextAddress6(range, previous))).toEqual([5n, 5n, 6n, 7n, 5n, 5n]);
});

test("the pool is the first free /64 of the store's own site", () => {
  const seed = Uint8Array.of(0x01, 0x23, 0x45, 0x67, 0x89);
  const pool = (...taken: string[]) => formatSubnet6(choosePool6(taken.map(parseSubnet6), [ownPool6(seed)]));
  expect(pool("::/0", "fe80::/64")).toBe("fd01:2345:6789::/64");
  expect(pool("fd01:2345:6789::1/128", "fd01:2345:6789:1::/64", "fd01:2345:6789:3::/64")).toBe("fd01:2345:6789:2::/64");
  expect(() => pool("fd00::/8")).toThrow("IPv6 address pool");
});

test("of pools that are configured, the first free subnet; what is taken is passed by in one step", () => {
  const pools = [{ base: parseSubnet6("2001:db8::/126"), size: 127 }, { base: parseSubnet6("2001:db8:1::/48"), size: 112 }];
  const pool = (...taken: string[]) => formatSubnet6(choosePool6(taken.map(parseSubnet6), pools));
  expect(pool("::/0")).toBe("2001:db8::/127");
  expect(pool("2001:db8::/128")).toBe("2001:db8::2/127");
  expect(pool("2001:db8::/64")).toBe("2001:db8:1::/112");
  expect(pool("2001:db8::/64", "2001:db8:1::/52", "2001:db8:1:1000::8/125")).toBe("2001:db8:1:1000::1:0/112");
  expect(() => pool("2001:db8::/32")).toThrow("IPv6 address pool");
});
