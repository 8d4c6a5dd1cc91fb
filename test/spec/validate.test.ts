/** What a request may not say: refused in Docker's words, whoever asks; and what other people's JSON is read as. */
import { describe, expect, test } from "bun:test";
import { decodeConfig, decodeHostConfig } from "../../src/spec/decode.ts";
import type { CreateRequest } from "../../src/spec/container.ts";
import { parseUlimit } from "../../src/spec/limits.ts";
import { BRIDGE } from "../../src/spec/network-mode.ts";
import { validateRequest } from "../../src/spec/validate.ts";

/** The sentence of the refusal; null when the request is fine. */
function refused({ name = null, config = {}, host = {}, networks = {} }: { name?: string | null; config?: object; host?: object; networks?: CreateRequest["networks"] }): string | null {
  try {
    validateRequest({ name, config: decodeConfig(config), host: decodeHostConfig(host), networks }, 2);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
const MB = 1 << 20;

test("names, hostnames, working directories and signals", () => {
  expect(refused({ name: "web_1.a-b" })).toBe(null);
  for (const name of ["a", "-ab", "a b", "a/b", ""]) expect(refused({ name })).toBe(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  expect(refused({ config: { Hostname: "-x" } })).toBe("invalid hostname format: -x");
  expect(refused({ config: { WorkingDir: "rel" } })).toBe("the working directory 'rel' is invalid, it needs to be an absolute path");
  expect(refused({ config: { StopSignal: "SIGNONE" } })).toBe("invalid signal: SIGNONE");
});

test("limits that contradict one another (moby's verifyPlatformContainerResources)", () => {
  const cases: [object, string | null][] = [
    [{ Memory: 1 }, "Minimum memory limit allowed is 6MB"],
    [{ Memory: 10 * MB, MemorySwap: 9 * MB }, "Minimum memoryswap limit should be larger than memory limit, see usage"],
    [{ MemorySwap: 9 * MB }, "You should always set the Memory limit when using Memoryswap limit, see usage"],
    [{ MemorySwap: -1 }, null],
    [{ MemoryReservation: 1 }, "Minimum memory reservation allowed is 6MB"],
    [{ Memory: 8 * MB, MemoryReservation: 9 * MB }, "Minimum memory limit can not be less than memory reservation limit, see usage"],
    [{ NanoCpus: 1e9, CpuPeriod: 1000 }, "Conflicting options: Nano CPUs and CPU Period cannot both be set"],
    [{ NanoCpus: 1e9, CpuQuota: 1000 }, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
    [{ NanoCpus: 3e9 }, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
    [{ CpuPeriod: 999 }, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"],
    [{ CpuPeriod: 1_000_001 }, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"],
    [{ CpuQuota: 999 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    [{ CpuQuota: -1 }, null],
    [{ OomScoreAdj: 1001 }, "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
    [{ OomScoreAdj: -1001 }, "Invalid value -1001, range for oom score adj is [-1000, 1000]"],
    [{ ShmSize: -1 }, "SHM size can not be less than 0"],
    [{ Ulimits: [{ Name: "nofile", Soft: 2, Hard: 1 }] }, "ulimit soft limit must be less than or equal to hard limit: 2 > 1"],
    [{ Ulimits: [{ Name: "nofile", Soft: -1, Hard: 1 }] }, "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 1"],
    [{ Ulimits: [{ Name: "nofile", Soft: 1, Hard: -1 }] }, null],
    [{ Ulimits: [{ Name: "files", Soft: 1, Hard: 1 }] }, "invalid ulimit type: files"],
  ];
  for (const [host, sentence] of cases) expect([host, refused({ host })]).toEqual([host, sentence]);
});

test("CVE-2018-20699: cpusets that cannot exist are refused without expanding them", () => {
  for (const list of ["1-2147483647", "0-99999999999999", "3-1", "a", "1,,2", "-1", "0-", "1\n2"]) {
    expect(refused({ host: { CpusetMems: list } })).toBe(`Invalid value ${list} for cpuset mems`);
  }
});

test("sysctls of the whole host, and names that lead out of /proc/sys", () => {
  for (const name of ["net.core.somaxconn", "net/ipv4/conf/eth0.100/forwarding", "kernel.shmmax", "fs.mqueue.msg_max"]) expect(refused({ host: { Sysctls: { [name]: "1" } } })).toBe(null);
  for (const name of ["kernel.core_pattern", "kernel.hostname", "vm.swappiness", "net/../kernel/core_pattern", "net..kernel", "net/./x", "", "net.", "../x"]) {
    expect(refused({ host: { Sysctls: { [name]: "1" } } })).toStartWith("sysctl '");
  }
  expect(refused({ host: { Sysctls: { "net.core.somaxconn": "1\n2" } } })).toStartWith("sysctl '");
  expect(refused({ host: { NetworkMode: "host", Sysctls: { "net.core.somaxconn": "1" } } })).toBe('sysctl "net.core.somaxconn" not allowed in host network namespace');
});

test("mounts, logs, security options and annotations that are none", () => {
  const cases: [object, string | null][] = [
    [{ Binds: ["/a:/b:ro,z,rslave"] }, null],
    [{ Binds: ["/a:/b:rx"] }, "invalid mode: rx"],
    [{ Binds: ["/a:/b:ro:x"] }, "invalid volume specification: '/a:/b:ro:x'"],
    [{ Binds: ["/a:/b"], Tmpfs: { "/b/": "" } }, "Duplicate mount point: /b"],
    [{ Tmpfs: { "/run": "size=64m,mode=755,exec,uid=1" } }, null],
    [{ Tmpfs: { "/run": "size=64m,frob" } }, 'invalid tmpfs option ["frob"]'],
    [{ Tmpfs: { run: "" } }, "invalid mount path: 'run' mount path must be absolute"],
    [{ Tmpfs: { "/proc/x": "" } }, '"/proc/x" cannot be mounted because it is inside /proc'],
    [{ LogConfig: { Type: "json-file", Config: { "max-size": "0" } } }, "invalid value for max-size: '0'"],
    [{ LogConfig: { Type: "none", Config: { "max-size": "1m" } } }, "unknown log opt 'max-size' for none log driver"],
    [{ SecurityOpt: ["no-new-privileges:true", "seccomp=unconfined", "label=disable"] }, null],
    [{ SecurityOpt: ["frob"] }, 'invalid --security-opt 1: "frob"'],
    [{ SecurityOpt: ["frob=1"] }, 'invalid --security-opt 2: "frob=1"'],
    [{ SecurityOpt: ["no-new-privileges=perhaps"] }, 'invalid --security-opt 2: "no-new-privileges=perhaps"'],
    [{ Annotations: { "": "x" } }, "invalid Annotation: the empty string is not permitted as an annotation key"],
    [{ RestartPolicy: { Name: "always" }, AutoRemove: true }, "conflicting options: cannot specify both --restart and --rm"],
  ];
  for (const [host, sentence] of cases) expect([host, refused({ host })]).toEqual([host, sentence]);
});

test("--ulimit is read as go-units reads it", () => {
  expect(parseUlimit("nofile=10")).toEqual({ Name: "nofile", Soft: 10, Hard: 10 });
  expect(parseUlimit("core=0:-1")).toEqual({ Name: "core", Soft: 0, Hard: -1 });
  for (const [text, sentence] of [["nofile", "invalid ulimit argument: nofile"], ["nofile=1:2:3", "too many limit value arguments"], ["nofile=x", 'strconv.ParseInt: parsing "x"']] as const) {
    expect(() => parseUlimit(text)).toThrow(sentence);
  }
});

describe("other people's JSON", () => {
  test("gets Docker's defaults where it says nothing", () => {
    expect(decodeHostConfig({})).toMatchObject({ NetworkMode: "bridge", LogConfig: { Type: "json-file", Config: {} }, Binds: null, Memory: 0, PidsLimit: null, ShmSize: 64 * MB, Ulimits: null });
    expect(decodeHostConfig({ NetworkMode: "default" }).NetworkMode).toEqual(BRIDGE);
    expect(decodeConfig({ Cmd: null })).toMatchObject({ Cmd: null, Env: [], Labels: {}, Tty: false });
    expect(decodeConfig({})).not.toHaveProperty("StopSignal");
  });

  test("is refused, and the member named, where it says something else", () => {
    const cases: [() => unknown, string][] = [
      [() => decodeHostConfig([]), "HostConfig must be an object, not []"],
      [() => decodeHostConfig({ Memory: "1" }), 'HostConfig.Memory must be a whole number, not "1"'],
      [() => decodeHostConfig({ Binds: ["/a:/b", 1] }), "HostConfig.Binds[1] must be a string, not 1"],
      [() => decodeHostConfig({ PortBindings: { "80/tcp": [{ HostPort: 80 }] } }), "HostConfig.PortBindings.80/tcp[0].HostPort must be a string, not 80"],
      [() => decodeHostConfig({ NetworkMode: "container:" }), "invalid container format container:<name|id>"],
      [() => decodeHostConfig({ LogConfig: { Type: "syslog" } }), "logger: no log driver named 'syslog' is registered"],
      [() => decodeConfig({ Tty: "yes" }), 'Config.Tty must be true or false, not "yes"'],
      [() => decodeConfig({ Cmd: ["a\0b"] }), "Config.Cmd[0] holds a NUL byte"],
    ];
    for (const [decode, sentence] of cases) expect(decode).toThrow(sentence);
  });
});
