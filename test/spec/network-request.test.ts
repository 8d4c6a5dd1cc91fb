/** `network create` in the words of Docker's API: what it makes, and every refusal in Docker's sentence. */
import { describe, expect, test } from "bun:test";
import { MdkError } from "../../src/error.ts";
import { bridgeOptions, macvlanOptions } from "../../src/spec/network-options.ts";
import { parseNetworkRequest } from "../../src/spec/network-request.ts";
import { formatSubnet6, parseAddress6, parseSubnet6 } from "../../src/network/ipam6.ts";
import { formatAddress, parseAddress, parseSubnet } from "../../src/network/ipam.ts";

/** The sentence of the refusal; null when the request is fine. */
function refused(request: object): string | null {
  try {
    parseNetworkRequest({ Name: "n", ...request });
    return null;
  } catch (error) {
    if (!(error instanceof MdkError)) throw error;
    return error.message;
  }
}

interface Config {
  readonly Subnet?: string;
  readonly IPRange?: string;
  readonly Gateway?: string;
  readonly AuxiliaryAddresses?: Record<string, string>;
}
const pools = (...Config: readonly Config[]): object => ({ IPAM: { Config } });
const invalid = (...reasons: readonly string[]): string => `invalid network config:\n${reasons.length === 1 ? reasons[0] : reasons.map((reason) => `* ${reason}`).join("\n")}`;

describe("a request", () => {
  test("that says nothing is a bridge that finds its addresses itself", () => {
    expect(parseNetworkRequest({ Name: "n" })).toEqual({ name: "n", driver: "bridge", internal: false, ipv6: false, v4: null, v6: null, options: {}, labels: {} });
    expect(parseNetworkRequest({ Name: "n", Driver: "", IPAM: { Driver: "default", Options: {}, Config: [] }, EnableIPv4: true, Scope: "local" })).toMatchObject({ driver: "bridge", v4: null });
  });

  test("has pools of both families, whose gateways are the first free addresses", () => {
    const { v4, v6, ipv6 } = parseNetworkRequest({ Name: "n", EnableIPv6: true, ...pools({ Subnet: "10.1.0.0/16", AuxiliaryAddresses: { a: "10.1.0.9" } }, { Subnet: "fd00:0::/64" }) });
    expect(v4).toEqual({ subnet: parseSubnet("10.1.0.0/16"), gateway: parseAddress("10.1.0.1"), range: null, aux: { a: parseAddress("10.1.0.9") }, auto: false });
    expect(v6).toEqual({ subnet: parseSubnet6("fd00::/64"), gateway: parseAddress6("fd00::1"), range: null, aux: {}, auto: false });
    expect(ipv6).toBe(true);
  });

  test("has its gateway in the range where only that may be used, as Debian's docker has it", () => {
    const gatewayOf = (config: Config): string => formatAddress(parseNetworkRequest({ Name: "n", ...pools(config) }).v4!.gateway!);
    expect(gatewayOf({ Subnet: "10.50.0.0/16", IPRange: "10.50.5.0/24" })).toBe("10.50.5.0");
    expect(gatewayOf({ Subnet: "10.50.0.0/16", IPRange: "10.50.0.0/24" })).toBe("10.50.0.1");
    expect(gatewayOf({ Subnet: "10.50.0.0/16", IPRange: "10.50.5.0/24", Gateway: "10.50.0.9" })).toBe("10.50.0.9");
  });

  test("has its subnet and range without host bits, as Debian's docker takes them", () => {
    const { v4, v6 } = parseNetworkRequest({ Name: "n", EnableIPv6: true, ...pools({ Subnet: "192.168.10.1/24", IPRange: "192.168.10.70/26" }, { Subnet: "fd00::1/64" }) });
    expect([v4!.subnet, v4!.range, v6!.subnet]).toEqual([parseSubnet("192.168.10.0/24"), parseSubnet("192.168.10.64/26"), parseSubnet6("fd00::/64")]);
    expect([v4!.gateway, v6!.gateway]).toEqual([parseAddress("192.168.10.64"), parseAddress6("fd00::1")]);
  });

  test("has IPv6 by an option as well, of which the flag is the stronger one", () => {
    const option = { Options: { "com.docker.network.enable_ipv6": "true" } };
    expect(parseNetworkRequest({ Name: "n", ...option }).ipv6).toBe(true);
    expect(parseNetworkRequest({ Name: "n", ...option, EnableIPv6: false }).ipv6).toBe(false);
    expect(formatSubnet6(parseNetworkRequest({ Name: "n", ...option, ...pools({ Subnet: "fd01::/64" }) }).v6!.subnet)).toBe("fd01::/64");
  });
});

describe("refused", () => {
  const cases: Readonly<Record<string, readonly (readonly [request: object, sentence: string | null])[]>> = {
    "names": [
      ...["bridge", "host", "none", "default"].map((name) => [{ Name: name }, `operation is not permitted on predefined ${name} network`] as const),
      [{ Name: "" }, 'invalid network name: "" is empty'], [{ Name: "  " }, 'invalid network name: "  " is empty'], [{ Name: "container:x" }, 'invalid network name: "container:x"'], [{ Name: "a\nb" }, 'invalid network name: "a\\nb"'],
      [{ Name: "a b" }, null], [{ Name: "a/b" }, null], [{ Name: "ingress" }, null],
    ],
    "drivers": [
      [{ Driver: "host" }, 'only one instance of "host" network is allowed'], [{ Driver: "null" }, 'only one instance of "null" network is allowed'], [{ Driver: "frob" }, 'plugin "frob" not found'],
      [{ Driver: "overlay" }, 'plugin "overlay" not found'], [{ Driver: "ipvlan" }, 'plugin "ipvlan" not found'], [{ IPAM: { Driver: "frob" } }, 'plugin "frob" not found'], [{ IPAM: { Driver: "default", Options: { a: "b" } } }, "the IPAM driver default takes no options: a"],
      [{ Driver: "macvlan" }, null],
    ],
    "what is for clusters, and moulds": [
      [{ Ingress: true }, "--ingress is for clusters: mdk runs containers on one host"], [{ Attachable: true }, "--attachable is for clusters: mdk runs containers on one host"],
      [{ Scope: "swarm" }, "cannot create a swarm scoped network when swarm is not active"], [{ Scope: "frob" }, "invalid scope: frob: networks of mdk are local"],
      [{ ConfigOnly: true }, "configuration networks (--config-only, --config-from) are not supported by mdk"], [{ ConfigFrom: { Network: "x" } }, "configuration networks (--config-only, --config-from) are not supported by mdk"],
      [{ ConfigFrom: { Network: "" }, Attachable: false, Ingress: false, ConfigOnly: false }, null],
    ],
    "families": [
      [{ EnableIPv4: false }, "IPv4 or IPv6 must be enabled"], [{ EnableIPv4: false, EnableIPv6: true }, "networks without IPv4 are not supported by this version of mdk"],
      [{ Options: { "com.docker.network.enable_ipv6": "x" } }, 'driver-opt "com.docker.network.enable_ipv6" is not a valid bool'], [{ Options: { "com.docker.network.enable_ipv4": "x" } }, 'driver-opt "com.docker.network.enable_ipv4" is not a valid bool'],
      [pools({ Subnet: "fd00::/64" }), invalid("invalid subnet fd00::/64: IPv6 is not enabled for this network")],
    ],
    "subnets": [
      [pools({ Subnet: "x" }), invalid("invalid subnet x: invalid CIDR block notation")], [pools({}), invalid("invalid subnet : invalid CIDR block notation")], [pools({ Subnet: "10.0.0.0" }), invalid("invalid subnet 10.0.0.0: invalid CIDR block notation")],
      [pools({ Subnet: "10.0.0.0/33" }), invalid("invalid subnet 10.0.0.0/33: invalid CIDR block notation")], [pools({ Subnet: "10.0.0.0/08" }), invalid("invalid subnet 10.0.0.0/08: invalid CIDR block notation")],
      [pools({ Subnet: "0.0.0.0/0" }), invalid("ipv4 pool is empty")], [{ EnableIPv6: true, ...pools({ Subnet: "::/0" }) }, invalid("ipv6 pool is empty")],
      [pools({ Subnet: "127.0.0.0/8" }), invalid("loopback subnet '127.0.0.0/8' is not allowed")], [pools({ Subnet: "224.1.0.0/16" }), invalid("multicast subnet '224.1.0.0/16' is not allowed")],
      [{ EnableIPv6: true, ...pools({ Subnet: "ff02::/64" }) }, invalid("multicast subnet 'ff02::/64' is not allowed")],
      [{ EnableIPv6: true, ...pools({ Subnet: "fe80::/80" }) }, invalid("'fe80::/80' clashes with the Link-Local prefix 'fe80::/64'")], [{ EnableIPv6: true, ...pools({ Subnet: "fe80::/64" }) }, null],
      [pools({ Subnet: "10.1.0.0/16" }, { Subnet: "10.1.2.0/24" }), "invalid pool request: Pool overlaps with other one on this address space"], [pools({ Subnet: "10.1.0.0/16" }, { Subnet: "10.2.0.0/16" }), "bridge driver doesn't support multiple subnets"],
      [{ Driver: "macvlan", ...pools({ Subnet: "10.1.0.0/16" }, { Subnet: "10.2.0.0/16" }) }, "macvlan driver doesn't support multiple subnets"],
      [pools({ Subnet: "10.16.0.0/31" }), "failed to allocate gateway (): no available addresses on this pool"], [pools({ Subnet: "10.16.0.0/32", Gateway: "10.16.0.0" }), "failed to allocate gateway (10.16.0.0): no available addresses on this pool"],
      [pools({ Subnet: "10.16.0.0/30" }), null],
    ],
    "ranges": [
      [pools({ Subnet: "10.1.0.0/16", IPRange: "x" }), invalid("invalid ip-range x: invalid CIDR block notation")], [pools({ Subnet: "10.1.0.0/16", IPRange: "fd00::/64" }), invalid("invalid ip-range fd00::/64: parent subnet is an IPv4 block")],
      [pools({ Subnet: "10.1.0.0/16", IPRange: "10.2.0.0/24" }), invalid("invalid ip-range 10.2.0.0/24: parent subnet 10.1.0.0/16 doesn't contain ip-range")],
      [pools({ Subnet: "10.1.0.0/24", IPRange: "10.1.0.0/16" }), invalid("invalid ip-range 10.1.0.0/16: CIDR block is bigger than its parent subnet 10.1.0.0/24")],
      [pools({ Subnet: "10.1.0.0/24", IPRange: "10.2.0.0/16" }), invalid("invalid ip-range 10.2.0.0/16: CIDR block is bigger than its parent subnet 10.1.0.0/24", "invalid ip-range 10.2.0.0/16: parent subnet 10.1.0.0/24 doesn't contain ip-range")],
    ],
    "gateways and auxiliary addresses": [
      [pools({ Subnet: "10.1.0.0/16", Gateway: "x" }), invalid("invalid gateway x: invalid address")], [pools({ Subnet: "10.1.0.0/16", Gateway: "fd00::1" }), invalid("invalid gateway fd00::1: parent subnet is an IPv4 block")],
      [pools({ Subnet: "10.1.0.0/16", Gateway: "10.2.0.1" }), invalid("invalid gateway 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address")],
      [pools({ Subnet: "10.1.0.0/16", Gateway: "10.1.0.0" }), "failed to allocate gateway (10.1.0.0): Address already in use"], [pools({ Subnet: "10.1.0.0/16", Gateway: "10.1.255.255" }), "failed to allocate gateway (10.1.255.255): Address already in use"],
      [pools({ Subnet: "10.1.0.0/16", AuxiliaryAddresses: { a: "x" } }), invalid("invalid auxiliary address a: invalid address")], [pools({ Subnet: "10.1.0.0/16", AuxiliaryAddresses: { a: "10.2.0.1" } }), invalid("invalid auxiliary address a: parent subnet 10.1.0.0/16 doesn't contain this address")],
      [pools({ Subnet: "10.1.0.0/16", AuxiliaryAddresses: { a: "10.1.0.5", b: "10.1.0.5" } }), "failed to allocate secondary ip address (b:10.1.0.5): Address already in use"],
      [pools({ Subnet: "10.1.0.0/16", Gateway: "10.1.0.1", AuxiliaryAddresses: { a: "10.1.0.1" } }), "failed to allocate secondary ip address (a:10.1.0.1): Address already in use"],
    ],
    "options of a bridge": [
      [{ Options: { "com.docker.network.driver.mtu": "x" } }, 'failed to parse com.docker.network.driver.mtu value: x (strconv.Atoi: parsing "x": invalid syntax)'], [{ Options: { "com.docker.network.driver.mtu": "-1" } }, "invalid MTU number: -1"], [{ Options: { "com.docker.network.driver.mtu": "70000" } }, "invalid MTU number: 70000"],
      ...["enable_icc", "enable_ip_masquerade"].map((name) => [{ Options: { [`com.docker.network.bridge.${name}`]: "x" } }, `failed to parse com.docker.network.bridge.${name} value: x (strconv.ParseBool: parsing "x": invalid syntax)`] as const),
      ...["x", "::1"].map((text) => [{ Options: { "com.docker.network.bridge.host_binding_ipv4": text } }, `failed to parse com.docker.network.bridge.host_binding_ipv4 value: ${text} (nil ip)`] as const),
      ...["a234567890123456", "a/b", "..", "a b"].map((text) => [{ Options: { "com.docker.network.bridge.name": text } }, `invalid bridge name: ${text}`] as const),
      ...["a2345678901234", "a/b"].map((text) => [{ Options: { "com.docker.network.container_iface_prefix": text } }, `invalid interface prefix: ${text}`] as const),
      ...["routed", "isolated", "x"].map((mode) => [{ Options: { "com.docker.network.bridge.gateway_mode_ipv4": mode } }, `com.docker.network.bridge.gateway_mode_ipv4=${mode} is not supported by this version of mdk`] as const),
      [{ Options: { "com.docker.network.bridge.gateway_mode_ipv6": "nat", "com.docker.network.frob": "1", frob: "" } }, null],
    ],
    "options of macvlan": [
      [{ Driver: "macvlan", Options: { macvlan_mode: "x" } }, "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver default"], [{ Driver: "macvlan", Options: { parent: "lo" } }, "loopback interface is not a valid macvlan parent link"],
      [{ Driver: "macvlan", Options: { parent: "a/b" } }, "invalid parent interface: a/b"], [{ Driver: "macvlan", Options: { parent: "eth0.10", macvlan_mode: "vepa" } }, null],
    ],
    "JSON that is none": [[{ Options: { a: 1 } }, 'NetworkCreateRequest.Options.a must be a string, not 1'], [{ IPAM: { Config: [{ Subnet: 1 }] } }, "NetworkCreateRequest.IPAM.Config[0].Subnet must be a string, not 1"]],
  };
  for (const [name, list] of Object.entries(cases)) {
    test(name, () => {
      for (const [request, sentence] of list) expect([request, refused(request)]).toEqual([request, sentence]);
    });
  }
});

test("options are typed", () => {
  expect(bridgeOptions({ options: {} })).toEqual({ bridgeName: null, icc: true, masquerade: true, mtu: null, hostBinding: null, interfacePrefix: "eth" });
  expect(bridgeOptions({
    options: {
      "com.docker.network.bridge.name": "br0", "com.docker.network.bridge.enable_icc": "false", "com.docker.network.bridge.enable_ip_masquerade": "0", "com.docker.network.driver.mtu": "1400",
      "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1", "com.docker.network.container_iface_prefix": "net",
    },
  })).toEqual({ bridgeName: "br0", icc: false, masquerade: false, mtu: 1400, hostBinding: "127.0.0.1", interfacePrefix: "net" });
  expect(bridgeOptions({ options: { "com.docker.network.driver.mtu": "0", "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0" } })).toMatchObject({ mtu: null, hostBinding: null });
  expect(macvlanOptions({ options: {} })).toEqual({ parent: null, mode: "bridge", mtu: null });
  expect(macvlanOptions({ options: { parent: "eth0", macvlan_mode: "private", "com.docker.network.driver.mtu": "9000" } })).toEqual({ parent: "eth0", mode: "private", mtu: 9000 });
});
