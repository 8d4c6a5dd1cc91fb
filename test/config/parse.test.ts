/** daemon.json: what is taken, what each key sets, and where a mistake is said to be. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { nearest } from "../../src/cli/grammar/flags.ts";
import { KEYS } from "../../src/config/keys.ts";
import { IDLE_KEYS, NOT_YET_KEYS } from "../../src/config/known.ts";
import { parseSettings } from "../../src/config/parse.ts";
import { NO_SETTINGS, type Settings } from "../../src/config/settings.ts";
import { MdkError } from "../../src/error.ts";

const FILE = "/etc/mdk/daemon.json";
const parse = (text: string): Settings => parseSettings(FILE, text, nearest);
const of = (...pairs: readonly string[]): Settings => parse(`{${pairs.join(",\n")}}`);

/** The error's line without the file's name. */
function refused(text: string): string {
  try {
    parse(text);
    return "taken";
  } catch (error) {
    expect(error).toBeInstanceOf(MdkError);
    return (error as MdkError).message.replace(`${FILE}:`, "");
  }
}

/** A value of each key that differs from what is so without it. */
const SAMPLES: Readonly<Record<string, string>> = {
  "data-root": '"/srv/mdk"', "exec-root": '"/run/other"', "storage-driver": '"loop"', "insecure-registries": '["registry.test:5000", "192.0.2.0/24", "http://x.test"]',
  "registry-mirrors": '["https://mirror.test/"]', "max-concurrent-downloads": "7", "max-concurrent-uploads": "1", "max-download-attempts": "2", proxies: '{"http-proxy": "http://192.0.2.1:3128"}',
  "keep-blobs": "false", "max-layer-size": '"4GiB"', "max-layer-ratio": "1000", "min-free-space": '"1%"', "log-driver": '"local"', "log-opts": '{"max-size": "1m"}',
  dns: '["192.0.2.53"]', "dns-search": '["example.test"]', "dns-opts": '["ndots:2"]', "default-ulimits": '{"nofile": {"Name": "nofile", "Soft": 64, "Hard": 128}}',
  "default-shm-size": '"32M"', "default-ipc-mode": '"shareable"', "default-cgroupns-mode": '"host"', "cgroup-parent": '"/below"', init: "true", "no-new-privileges": "true", "seccomp-profile": '"/etc/profile.json"',
  "default-address-pools": '[{"base": "10.9.0.0/16", "size": 24}]', "default-network-opts": '{"bridge": {"com.docker.network.driver.mtu": "1400"}}', bip: '"192.0.2.1/24"', "fixed-cidr": '"192.0.2.0/25"', ipv6: "true", bip6: '"2001:db8::1/64"', "fixed-cidr-v6": '"2001:db8::8000/113"',
  icc: "false", ip: '"127.0.0.1"', "ip-masq": "false", mtu: "1400",
};

describe("keys", () => {
  test("of the schema: each is sampled here, and each sets something", () => {
    expect(Object.keys(SAMPLES).sort()).toEqual(Object.keys(KEYS).sort());
    for (const [key, value] of Object.entries(SAMPLES)) expect([key, { ...of(`"${key}": ${value}`), file: null }]).not.toEqual([key, NO_SETTINGS]);
  });

  test("of the schema are carried out: every setting is read outside of config/", () => {
    const sources = [...new Bun.Glob("src/**/*.ts").scanSync(".")].filter((path) => !path.startsWith("src/config/")).map((path) => readFileSync(path, "utf8"));
    const names = Object.entries(NO_SETTINGS).flatMap(([name, value]) => (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0 ? Object.keys(value) : [name]));
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !sources.some((text) => /\bsettings\b|LayerSettings|HostDefaults/.test(text) && new RegExp(`\\b${name}\\b`).test(text)))).toEqual([]);
  });

  test("of the schema are in the README, each in its table", () => {
    const readme = readFileSync("README.md", "utf8");
    expect(Object.keys(KEYS).filter((key) => !readme.includes(`\`"${key}"\``))).toEqual([]);
  });

  test("are in one list only", () => {
    const all = [...Object.keys(KEYS), ...IDLE_KEYS, ...Object.keys(NOT_YET_KEYS)];
    expect(all.filter((key, index) => all.indexOf(key) !== index)).toEqual([]);
  });

  test("set what they say", () => {
    expect(of('"registry-mirrors": ["https://a.test", "http://b.test:5000"]').registries.mirrors).toEqual({ "docker.io": ["https://a.test", "http://b.test:5000"] });
    expect(of('"registry-mirrors": {"registry.test:5000": ["https://a.test"], "index.docker.io": ["https://b.test"]}').registries.mirrors).toEqual({ "registry.test:5000": ["https://a.test"], "docker.io": ["https://b.test"] });
    expect(of('"insecure-registries": ["http://x.test", "fd00::/64", "[::1]:5000"]').registries.insecure).toEqual(["x.test", "fd00::/64", "[::1]:5000"]);
    expect(of('"log-opts": {"max-file": "2"}', '"log-driver": "local"').host.log).toEqual({ Type: "local", Config: { "max-file": "2" } });
    expect(of('"mtu": 1400', '"icc": false').networks.bridgeOptions).toEqual({ "com.docker.network.driver.mtu": "1400", "com.docker.network.bridge.enable_icc": "false" });
    expect(of('"bip": "192.0.2.9/24"', '"fixed-cidr": "192.0.2.128/25"').networks.bridge).toMatchObject({ subnet: { address: 0xc0000200, prefix: 24 }, gateway: 0xc0000209, range: { address: 0xc0000280, prefix: 25 }, auto: false });
    expect(of('"min-free-space": "2.5%"', '"max-layer-size": 1000').layers).toMatchObject({ freePercent: 2.5, size: 1000, ratio: 200 });
    expect(of('"default-address-pools": []').networks).toEqual(NO_SETTINGS.networks);
    expect(of('"default-shm-size": 1024', '"dns": ["192.0.2.1"]').host).toMatchObject({ shmSize: 1024, dns: ["192.0.2.1"] });
  });

  test("of a daemon are taken, and remembered", () => {
    expect(of('"live-restore": true', '"hosts": ["unix:///x"]', '"iptables": true', '"exec-opts": ["native.cgroupdriver=systemd"]')).toEqual({ ...NO_SETTINGS, file: FILE, idle: ["exec-opts", "hosts", "live-restore"] });
  });
});

describe("mistakes", () => {
  test("of the schema are told with line, column and what was meant", () => {
    expect(refused('{\n  "dns": ["192.0.2.1"],\n  "dnss": []\n}')).toBe('3:3: unknown key "dnss"; did you mean "dns"?');
    expect(refused('{"x-y-z": 1}')).toBe('1:2: unknown key "x-y-z"');
    expect(refused('{\n"dns": "192.0.2.1"}')).toBe("2:8: dns: a list is expected, not a string");
    expect(refused('{"dns": ["192.0.2.1",\n "here"]}')).toBe("2:2: dns: here is not an ip address");
    expect(refused('{"init": "yes"}')).toBe("1:10: init: true or false is expected, not a string");
    expect(refused('{"default-ulimits": {"nofile": {"Soft": 2, "Hard": 1}}}')).toBe("1:22: default-ulimits: ulimit soft limit must be less than or equal to hard limit: soft: 2 > hard: 1".replace("soft: 2 > hard: 1", "2 > 1"));
    expect(refused('{"default-ulimits": {"files": {"Soft": 1, "Hard": 1}}}')).toBe("1:22: default-ulimits: invalid ulimit type: files");
    expect(refused('{"log-driver": "syslog"}')).toBe('1:16: log-driver: "json-file" or "local" or "none" is expected, not "syslog"');
    expect(refused('{"log-opts": {"max-size": "big"}}')).toBe("1:14: log-opts: invalid value for max-size: 'big'");
    expect(refused('{"max-concurrent-downloads": 1.5}')).toBe("1:30: max-concurrent-downloads: a whole number of 0 or more is expected, not 1.5");
    expect(refused('{"data-root": "var"}')).toBe('1:15: data-root: an absolute path is expected, not "var"');
    expect(refused('{"registry-mirrors": ["ftp://x"]}')).toBe(`1:23: registry-mirrors: invalid mirror: unsupported scheme "ftp" in "ftp://x": must use either 'https://' or 'http://'`);
    expect(refused('{"registry-mirrors": ["https://u:p@x"]}')).toBe("1:23: registry-mirrors: invalid mirror: username/password not allowed in URI");
    expect(refused('{"registry-mirrors": {"a/b": []}}')).toBe('1:23: registry-mirrors: "a/b" is no registry: HOST or HOST:PORT is expected');
    expect(refused('{"insecure-registries": ["a/b"]}')).toBe('1:26: insecure-registries: insecure registry "a/b" is not valid: HOST, HOST:PORT or a subnet is expected');
    expect(refused('{"default-address-pools": [{"base": "10.0.0.0/16", "size": 8}]}')).toBe("1:60: default-address-pools: invalid pool size 8: from 16 to 30");
    expect(refused('{"default-address-pools": [{"base": "2001:db8::/64", "size": 48}]}')).toBe("1:62: default-address-pools: invalid pool size 48: from 64 to 126");
    expect(refused('{"fixed-cidr-v6": "192.0.2.0/24"}')).toBe('1:19: fixed-cidr-v6: an IPv6 address with its prefix ("2001:db8::1/64") is expected, not "192.0.2.0/24"');
    expect(refused('{"default-address-pools": [{"base": "127.0.0.0/8", "size": 16}]}')).toBe("1:37: default-address-pools: invalid network config: loopback subnet '127.0.0.0/8' is not allowed");
    expect(refused('{"default-address-pools": [{"base": "0.0.0.0/0", "size": 16}]}')).toBe("1:37: default-address-pools: invalid network config: ipv4 pool is empty");
    expect(refused('{"bip": "192.0.2.1/24", "fixed-cidr": "10.0.0.0/8"}')).toContain("1:39: fixed-cidr: ");
    expect(refused('{"bip": "bridge"}')).toBe('1:9: bip: an IPv4 address with its prefix ("192.0.2.1/24") is expected, not "bridge"');
    expect(refused('{"mtu": 9}')).toBe("1:9: mtu: invalid MTU number: 9");
    expect(refused('{"userns-remap": "default"}')).toBe('1:18: userns-remap: "default" is not supported by this version of mdk');
    expect(refused('{"min-free-space": "5"}')).toBe('1:20: min-free-space: a share of the disk ("5%") is expected, not "5"');
  });

  test("of JSON are told with line and column", () => {
    expect(refused('{"dns": [],\n "dns": []}')).toBe('2:2: "dns" is there twice: line 1 has it already');
    expect(refused('{"a\\u0062": 1, "ab": 2}')).toBe('1:16: "ab" is there twice: line 1 has it already');
    expect(refused("{\n  // mine\n}")).toBe('2:3: a name in double quotes is expected, not "/" (JSON has no comments)');
    expect(refused('{"dns": [],}')).toBe('1:11: "," with nothing behind it');
    expect(refused('{"dns": [1 2]}')).toBe('1:12: "," or "]" is expected, not "2"');
    expect(refused('{"dns" []}')).toBe('1:8: ":" after "dns" is expected, not "["');
    expect(refused('{"dns": tru}')).toBe('1:9: a value is expected, not "tru"');
    expect(refused('{"é": "x\n"}')).toBe("1:7: a string without its closing double quote");
    expect(refused('{"x": "\\q"}')).toBe("1:7: a string with a control character, or with an escape that JSON does not have");
    expect(refused("[]")).toBe("1:1: an object is expected, not a list");
    expect(refused('{} {"dns": []}')).toBe('1:4: the end of the file is expected, not "{"');
    expect(refused('{"dns": [')).toBe("1:10: a value is expected, but the file ends");
    expect(refused(`{"runtimes": ${"[".repeat(100_000)}`)).toBe("1:78: more than 64 values within one another");
  });

  test("an empty file, white space and a byte order mark are none", () => {
    for (const text of ["", " \n", "\ufeff{}", "\ufeff"]) expect(parse(text)).toEqual({ ...NO_SETTINGS, file: FILE });
  });
});

test("what is valid JSON is read as JSON.parse reads it", () => {
  const texts = ['{"runtimes": {"a": [1, -2.5e3, true, null, "\\u00e9\\n\\\\"]}}', '{"features": {}}', '{"labels": []}', '  {"hosts" : [ "a" , "b" ] }  '];
  for (const text of texts) expect(parse(text).idle).toEqual(Object.keys(JSON.parse(text) as object));
});
