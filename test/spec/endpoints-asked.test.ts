/** What a request may not ask of its networks: modes that rule things out, addresses that are none. */
import { expect, test } from "bun:test";
import type { CreateRequest } from "../../src/spec/container.ts";
import { decodeConfig, decodeHostConfig } from "../../src/spec/decode.ts";
import { ANY_ENDPOINT, type EndpointSettings } from "../../src/spec/endpoint.ts";
import { validateRequest } from "../../src/spec/validate.ts";

interface Asked {
  readonly mode: string;
  readonly config?: object;
  readonly host?: object;
  readonly networks?: Readonly<Record<string, Partial<EndpointSettings>>>;
}

/** The sentence of the refusal; null when the request is fine. */
function refused({ mode, config = {}, host = {}, networks = {} }: Asked): string | null {
  const asked: CreateRequest["networks"] = Object.fromEntries(Object.entries(networks).map(([name, settings]) => [name, { ...ANY_ENDPOINT, ...settings }]));
  try {
    validateRequest({ name: null, config: decodeConfig(config), host: decodeHostConfig({ NetworkMode: mode, ...host }), networks: asked }, 2);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const JOINED = "container:other";
const MAC = "02:42:ac:11:00:02";
const four = (IPv4Address: string): Partial<EndpointSettings> => ({ IPAMConfig: { IPv4Address, IPv6Address: "" } });
const six = (IPv6Address: string): Partial<EndpointSettings> => ({ IPAMConfig: { IPv4Address: "", IPv6Address } });
const settings = "invalid config for network n: invalid endpoint settings:\n";

test("another container's namespace rules out what that one has (moby runconfig/hostconfig_unix.go)", () => {
  const cases: [Omit<Asked, "mode">, string | null][] = [
    [{}, null],
    [{ config: { Hostname: "h" } }, "conflicting options: hostname and the network mode"],
    [{ networks: { [JOINED]: { Links: ["a"] } } }, "conflicting options: container type network can't be used with links. This would result in undefined behavior"],
    [{ host: { Dns: ["1.1.1.1"] } }, "conflicting options: dns and the network mode"],
    [{ host: { ExtraHosts: ["a:1.1.1.1"] } }, "conflicting options: custom host-to-IP mapping and the network mode"],
    [{ host: { PortBindings: { "80/tcp": [{ HostPort: "80" }] } } }, "conflicting options: port publishing and the container type network mode"],
    [{ host: { PublishAllPorts: true } }, "conflicting options: port publishing and the container type network mode"],
    [{ config: { ExposedPorts: { "80/tcp": {} } } }, "conflicting options: port exposing and the container type network mode"],
    [{ config: { MacAddress: MAC } }, "conflicting options: mac-address and the network mode"],
    [{ networks: { [JOINED]: { MacAddress: MAC } } }, "conflicting options: mac-address and the network mode"],
    [{ networks: { [JOINED]: four("10.0.0.2") } }, `invalid config for network ${JOINED}: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only`],
  ];
  for (const [asked, sentence] of cases) expect([asked, refused({ mode: JOINED, ...asked })]).toEqual([asked, sentence]);
});

test("host and none rule out what they do not have", () => {
  const cases: [Asked, string | null][] = [
    [{ mode: "host", config: { Hostname: "h", ExposedPorts: { "80/tcp": {} } }, host: { Dns: ["1.1.1.1"], ExtraHosts: ["a:1.1.1.1"], PublishAllPorts: true } }, null],
    [{ mode: "host", networks: { host: { Links: ["a"] } } }, "conflicting options: host type networking can't be used with links. This would result in undefined behavior"],
    [{ mode: "host", config: { MacAddress: MAC } }, "conflicting options: mac-address and the network mode"],
    [{ mode: "none", config: { MacAddress: MAC } }, "conflicting options: mac-address and the network mode"],
    [{ mode: "none", networks: { none: { MacAddress: MAC } } }, "conflicting options: mac-address and the network mode"],
    [{ mode: "bridge", config: { MacAddress: MAC } }, null], [{ mode: "n", config: { MacAddress: MAC } }, null],
    [{ mode: "n", config: { MacAddress: "x" } }, "x is not a valid mac address"],
  ];
  for (const [asked, sentence] of cases) expect([asked, refused(asked)]).toEqual([asked, sentence]);
});

test("networks that cannot be together", () => {
  const cases: [string, readonly string[], string | null][] = [
    ["a", ["a", "b"], null], ["bridge", ["b"], null],
    [JOINED, ["b"], "container sharing network namespace with another container or host cannot be connected to any other network"], ["a", ["a", JOINED], "container sharing network namespace with another container or host cannot be connected to any other network"],
    ["host", ["b"], "container cannot be disconnected from host network or connected to host network"], ["a", ["host"], "container cannot be disconnected from host network or connected to host network"],
    ["none", ["b"], "container cannot be connected to multiple networks with one of the networks in private (none) mode"], ["a", ["none"], "container cannot be connected to multiple networks with one of the networks in private (none) mode"],
  ];
  for (const [mode, names, sentence] of cases) expect([mode, names, refused({ mode, networks: Object.fromEntries(names.map((name) => [name, {}])) })]).toEqual([mode, names, sentence]);
});

test("addresses that are none, and names that nobody could ask for", () => {
  const cases: [Partial<EndpointSettings>, string | null][] = [
    [four("10.0.0.2"), null], [six("fd00::2"), null],
    [four("x"), `${settings}invalid IPv4 address: x`], [four("fd00::2"), `${settings}invalid IPv4 address: fd00::2`], [four("0.0.0.0"), `${settings}invalid IPv4 address: 0.0.0.0`],
    [six("x"), `${settings}invalid IPv6 address: x`], [six("10.0.0.2"), `${settings}invalid IPv6 address: 10.0.0.2`], [six("::"), `${settings}invalid IPv6 address: ::`],
    [{ IPAMConfig: { IPv4Address: "x", IPv6Address: "y" } }, `${settings}* invalid IPv4 address: x\n* invalid IPv6 address: y`], [{ MacAddress: "x" }, `${settings}invalid MAC address x`],
    [{ Aliases: ["a", "db.local", "_x"] }, null], [{ Aliases: ["a b"] }, 'invalid network alias: "a b"'], [{ Links: ["a:b:c"] }, "bad format for links: a:b:c"],
  ];
  for (const [asked, sentence] of cases) expect([asked, refused({ mode: "n", networks: { n: asked } })]).toEqual([asked, sentence]);
});
