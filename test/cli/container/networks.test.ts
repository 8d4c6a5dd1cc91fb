/** `--network` and its like: what docker 28.2.2 sends for these lines, and what it refuses of them itself. */
import { describe, expect, test } from "bun:test";
import { NO_DEFAULTS } from "../../../src/spec/host-defaults.ts";
import { networksOf } from "../../../src/cli/container/networks.ts";
import { RUN_FLAGS } from "../../../src/cli/container/flags.ts";
import { requestOf } from "../../../src/cli/container/request.ts";
import { parseFlags } from "../../../src/cli/grammar/flags.ts";
import { ANY_ENDPOINT } from "../../../src/spec/endpoint.ts";

const valuesOf = (line: string) => parseFlags(RUN_FLAGS, line === "" ? [] : line.split(" "), false).flags;
const networks = (line: string) => networksOf(valuesOf(line));

function refused(line: string): string | null {
  try {
    networks(line);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const MAC = "02:42:ac:11:00:02";

describe("--network", () => {
  test("alone asks nothing of its network", () => {
    expect(networks("")).toEqual({ mode: "default", networks: {} });
    for (const name of ["a", "bridge", "host", "none", "default", "container:x", "container:", "name=", "NAME=a"]) expect(networks(`--network ${name}`)).toEqual({ mode: name === "NAME=a" ? "a" : name, networks: {} });
    expect(networks("--net a")).toEqual({ mode: "a", networks: {} });
  });

  test("in the long form asks for what it says", () => {
    expect(networks(`--network name=a,alias=x,alias=y,ip=1.2.3.4,ip6=fd00::2,mac-address=${MAC},driver-opt=K=V,gw-priority=-5`)).toEqual({
      mode: "a",
      networks: { a: { IPAMConfig: { IPv4Address: "1.2.3.4", IPv6Address: "fd00::2" }, Links: null, Aliases: ["x", "y"], MacAddress: MAC, DriverOpts: { k: "v" }, GwPriority: -5 } },
    });
    expect(networks('--network name=a,"alias=x"').networks).toEqual({ a: { ...ANY_ENDPOINT, Aliases: ["x"] } });
  });

  test("several: the older flags are the first one's", () => {
    expect(networks(`--network a --network b --ip 1.2.3.4 --network-alias z --net-alias y --link q:r --mac-address ${MAC}`)).toEqual({
      mode: "a", networks: { a: { ...ANY_ENDPOINT, IPAMConfig: { IPv4Address: "1.2.3.4", IPv6Address: "" }, Links: ["q:r"], Aliases: ["z", "y"] }, b: ANY_ENDPOINT },
    });
    expect(networks("--link a").networks).toEqual({ bridge: { ...ANY_ENDPOINT, Links: ["a"] } });
    expect(networks("--ip6 fd00::9").networks).toEqual({ bridge: { ...ANY_ENDPOINT, IPAMConfig: { IPv4Address: "", IPv6Address: "fd00::9" } } });
  });

  test("that is none is refused in Docker's words", () => {
    const flag = (value: string, reason: string): [string, string] => [`--network ${value}`, `invalid argument ${JSON.stringify(value)} for "--network" flag: ${reason}`];
    const cases: [string, string][] = [
      flag("alias=x", "network name/id is not specified"), flag("name=a,frob=1", "invalid field key frob"), flag("name=a,link=b", "invalid field key link"), flag("name=a,frob", "invalid field frob"),
      flag("name=a,gw-priority=x", "invalid gw-priority (x): invalid syntax"), flag("name=a,gw-priority=", "invalid gw-priority (): invalid syntax"), flag("name=a,gw-priority=99999999999999999999", "invalid gw-priority (99999999999999999999): value out of range"),
      flag("name=a,driver-opt=x", "invalid key value pair format in driver options"), flag("name=a,driver-opt==x", "invalid key value pair format in driver options"), flag('name=a,"x', 'parse error on line 1, column 10: extraneous or missing " in quoted-field'),
      flag("name=a,link-local-ip=169.254.1.1", "link-local-ip is not supported by this version of mdk"),
      ["--network name=a,mac-address=x", "x is not a valid mac address"], ["--network=", "no name set for network"], ["--network a --network a", 'network "a" is specified multiple times'],
      ["--network a --network host", "conflicting options: cannot attach both user-defined and non-user-defined network-modes"], ["--network name=host,alias=x", "network-scoped aliases are only supported for user-defined networks"],
      ["--network-alias x", "network-scoped aliases are only supported for user-defined networks"], ["--network name=a,alias=x --network-alias y", "conflicting options: cannot specify both --network-alias and per-network alias"],
      ["--network name=a,ip=1.2.3.4 --ip 1.2.3.5", "conflicting options: cannot specify both --ip and per-network IPv4 address"], ["--network name=a,ip6=::1 --ip6 ::2", "conflicting options: cannot specify both --ip6 and per-network IPv6 address"],
      [`--network name=a,mac-address=${MAC} --mac-address ${MAC}`, "conflicting options: cannot specify both --mac-address and per-network MAC address"],
      ["--link a:b:c", 'invalid argument "a:b:c" for "--link" flag: bad format for links: a:b:c'], ["--link=", 'invalid argument "" for "--link" flag: empty string specified for links'],
    ];
    for (const [line, sentence] of cases) expect([line, refused(line)]).toEqual([line, sentence]);
  });
});

describe("a request", () => {
  const request = (line: string) => requestOf({
    flags: valuesOf(line), image: "i", arguments: [], attachment: { stdin: false, stdout: true, stderr: true, terminal: false }, interactive: false, environment: {}, defaults: NO_DEFAULTS,
  });

  test("has mode and networks, and what --mac-address says beside the configuration", () => {
    expect(request(`--network a --network b --mac-address ${MAC}`)).toMatchObject({ config: { MacAddress: MAC }, host: { NetworkMode: "a" }, networks: { a: ANY_ENDPOINT, b: ANY_ENDPOINT } });
    expect(request("")).toMatchObject({ host: { NetworkMode: "bridge" }, networks: {} });
    expect(request("--add-host a:host-gateway --add-host b=::1 --add-host c:[::1]").host.ExtraHosts).toEqual(["a:host-gateway", "b:::1", "c:::1"]);
    expect(request("-p [::1]:80-81:80-81/udp -p [::]::90").host.PortBindings).toEqual({
      "80/udp": [{ HostIp: "::1", HostPort: "80" }], "81/udp": [{ HostIp: "::1", HostPort: "81" }], "90/tcp": [{ HostIp: "::", HostPort: "" }],
    });
  });

  test("with a mode that rules something out is refused", () => {
    expect(() => request("--network container:")).toThrow("invalid container format container:<name|id>");
    expect(() => request("--network container:x -p 80")).toThrow("conflicting options: port publishing and the container type network mode");
    expect(() => request("--network host --link a")).toThrow("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
    expect(() => request("--network a --ip x")).toThrow("invalid config for network a: invalid endpoint settings:\ninvalid IPv4 address: x");
    expect(() => request("--network a --network-alias -x")).toThrow('invalid network alias: "-x"');
  });
});
