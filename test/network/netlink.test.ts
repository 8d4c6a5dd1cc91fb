/** Netlink messages, byte by byte, and the names in them. */
import { expect, test } from "bun:test";
import { be16, be32, listAttributes, MessageWriter, parseAttributes, toText, u32 } from "../../src/network/netlink.ts";
import { bridgeName, networkNames, parseBridgeName, randomTag, tagOf, vethName } from "../../src/network/names.ts";
import { changeElements, newSet } from "../../src/network/sets.ts";

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test("a message is header, fixed part and attributes, each padded to four bytes", () => {
  const { bytes } = new MessageWriter(0x1234, 4).raw(Uint8Array.of(9, 9)).string(3, "lo").u32(4, 0x01020304).finish("X", "y");
  expect([...bytes]).toEqual([
    36, 0, 0, 0, 0x34, 0x12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    9, 9, 0, 0,
    7, 0, 3, 0, 108, 111, 0, 0,
    8, 0, 4, 0, 4, 3, 2, 1,
  ]);
});

test("nests know their length, however often the buffer grew", () => {
  const { bytes } = new MessageWriter(1, 0)
    .nest(18, (outer) => outer.string(1, "x".repeat(600)).nest(2, (inner) => inner.attribute(1, new Uint8Array(3000))))
    .finish("X", "");
  const outer = parseAttributes(view(bytes), 16).get(18) as DataView;
  const attributes = parseAttributes(outer, 0);
  expect(toText(attributes.get(1))).toBe("x".repeat(600));
  expect(parseAttributes(attributes.get(2) as DataView, 0).get(1)?.byteLength).toBe(3000);
  expect(view(bytes).getUint32(0, true)).toBe(bytes.length);
});

test("attributes that lie about their length end the list", () => {
  for (const bytes of [[200, 0, 1, 0], [3, 0, 1, 0], [4, 0], [8, 0, 1, 0, 1, 2, 3]]) {
    expect(listAttributes(view(Uint8Array.from(bytes)), 0)).toEqual([]);
  }
});

test("numbers go out in the order that their reader wants", () => {
  expect([...u32(0xfffefdfc)]).toEqual([0xfc, 0xfd, 0xfe, 0xff]);
  expect([...be32(-300)]).toEqual([0xff, 0xff, 0xfe, 0xd4]);
  expect([...be16(8080)]).toEqual([0x1f, 0x90]);
});

test("many elements are split so that no attribute passes 64 KiB", () => {
  const elements = Array.from({ length: 1201 }, (_, index) => ({ key: be32(index), value: be32(index) }));
  const messages = changeElements("add", { family: "inet", table: "t", set: "m" }, elements);
  expect(messages).toHaveLength(3);
  for (const { bytes } of messages) expect(bytes.length).toBeLessThan(65_535);
});

test("map types are numbered so that nft can list them", () => {
  const { bytes } = newSet({ family: "inet", table: "t", set: "m" }, { key: ["inet_proto", "inet_service"], value: ["ipv4_addr", "inet_service"] }, 1);
  const attributes = parseAttributes(view(bytes), 20);
  expect(attributes.get(4)?.getUint32(0)).toBe((12 << 6) | 13);
  expect(attributes.get(5)?.getUint32(0)).toBe(8);
});

test("networks share no name, and every name fits a link", () => {
  const names = [networkNames(tagOf("00ff00aabbccddee")), networkNames(randomTag())];
  expect(names[0]).toEqual({ bridge: "mdk-00ff00", table: "mdk-00ff00", veth: "mdk00ff00" });
  expect(names[1]?.bridge).toMatch(/^mdk-[0-9a-f]{6}$/);
  const bridges = names.map(bridgeName);
  for (const [index, bridge] of bridges.entries()) expect(bridge).toMatch(new RegExp(`^${names[index]!.bridge}[0-9a-z]{5}$`));
  expect([names[0]!.bridge, ...bridges, "mdk-00ff0", "mdk-00ff00abcd", "mdk-00ff00abcdef", "br0"].map(parseBridgeName)).toEqual(["00ff00", "00ff00", names[1]!.bridge.slice(4), null, null, null, null]);
  for (const name of names) {
    const veths = Array.from({ length: 100 }, () => vethName(name));
    expect(new Set(veths).size).toBe(100);
    for (const veth of veths) expect(veth.length).toBeLessThanOrEqual(15);
    for (const veth of veths) expect(veth).toStartWith(name.veth);
  }
});
