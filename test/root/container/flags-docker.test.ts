/**
 * Command lines of `create` through Debian's dockerd and mdk: exit status, sentence, and what inspect says of them. A difference stands in the
 * table, with its reason.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDockerd, type Dockerd } from "../../helpers/dockerd.ts";
import { imageLayout } from "../../helpers/fixtures.ts";
import { startWorld } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && existsSync("dist/mdk") && hasTool("dockerd") && hasTool("skopeo");
const rootTest = testIf(able, "needs root, a built dist/mdk, dockerd and skopeo");

let world: Awaited<ReturnType<typeof startWorld>>;
let peer: Dockerd;
beforeAll(async () => {
  if (!able) return;
  world = await startWorld("busybox");
  peer = startDockerd();
  const archive = join(world.folder, "busybox.tar");
  run("skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${archive}:busybox:latest`);
  const loaded = peer.docker("load", "-q", "-i", archive);
  if (loaded.status !== 0) throw new Error(loaded.stderr);
  for (const [name, flags] of [["stopped", []], ["donor", ["--ipc", "shareable"]], ["private", []]] as const) {
    world.ok("create", "--name", name, ...flags, world.image("busybox"), "sleep", "1000");
    if (peer.docker("create", "--name", name, ...flags, "busybox", "sleep", "1000").status !== 0) throw new Error(name);
    if (name === "stopped") continue;
    world.ok("start", name);
    if (peer.docker("start", name).status !== 0) throw new Error(name);
  }
  writeFileSync(join(world.folder, "profile.json"), '{ "defaultAction": "SCMP_ACT_ALLOW",\n "syscalls": [ { "names": ["chmod"], "action": "SCMP_ACT_ERRNO" } ] }');
  writeFileSync(join(world.folder, "broken.json"), "{");
});
afterAll(() => {
  peer?.stop();
  world?.close();
});

/** The sentence alone, ids by what they stand for. */
const sentence = (stderr: string): string => stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !/^(See '|Usage:|Run '|WARNING)/.test(line))[0]
  ?.replace(/^(docker: |mdk: )?(Error response from daemon: )?/, "").replace(/\.$/, "").replace(/[0-9a-f]{64}/g, "ID").trim() ?? "";
const warnings = (stderr: string): string[] => stderr.split("\n").filter((line) => line.startsWith("WARNING") && line !== CLIENT_WARNING).sort();
/** Of 20.10's client; 28's leaves it to the engine. */
const CLIENT_WARNING = "WARNING: Disabling the OOM killer on containers without setting a '-m/--memory' limit may be dangerous.";

interface Outcome {
  readonly status: number;
  readonly sentence: string;
  readonly warnings: readonly string[];
}

function both(verb: "create" | "start", ...flags: readonly string[]): { readonly mine: Outcome & { readonly stdout: string }; readonly theirs: Outcome & { readonly stdout: string } } {
  const at = (path: string): string[] => flags.map((flag) => flag.replace("@", path));
  const tail = (image: string): string[] => (verb === "create" ? [image, "true"] : []);
  const told = ({ status, stdout, stderr }: { status: number; stdout: string; stderr: string }) => ({ status, sentence: sentence(stderr), warnings: warnings(stderr), stdout: stdout.trim() });
  return { mine: told(world.mdk([verb, ...at(world.folder), ...tail(world.image("busybox"))])), theirs: told(peer.docker(verb, ...at(world.folder), ...tail("busybox"))) };
}

/** Lines that are refused by both; where mdk's sentence is another one, it stands behind. */
const REFUSED: readonly (readonly [flags: readonly string[], mine?: string])[] = [
  [["--pid", "foo"]], [["--pid", "container:"]], [["--pid", "container:nope"]], [["--ipc", "container:nope"]],
  [["--uts", "foo"]], [["--uts", "host", "-h", "foo"]], [["--cgroupns", "foo"]],
  [["--device", "nope"]], [["--device", "/dev/null:/dev/x:rwx"]], [["--device", "/dev/null:x:rw"]], [["--device", "/dev/null::rw"]], [["--device", "a:b:c:d"]], [["--device", ""]],
  [["--device-cgroup-rule", "foo"]], [["--device-cgroup-rule", "c 1:3 x"]], [["--device-cgroup-rule", ""]],
  [["--blkio-weight", "70000"]], [["--blkio-weight", "-1"]], [["--blkio-weight", "x"]],
  [["--blkio-weight-device", "foo"]], [["--blkio-weight-device", "vda:200"]], [["--blkio-weight-device", "/dev/vda:5"]], [["--blkio-weight-device", "/dev/vda:x"]],
  [["--device-read-bps", "foo"]], [["--device-read-bps", "foo:1mb"]], [["--device-read-bps", "/dev/vda:x"]], [["--device-write-bps", "/dev/vda:-1"]],
  [["--device-read-iops", "/dev/vda:1mb"]], [["--device-write-iops", "/dev/vda:x"]],
  [["--memory-swappiness", "101"]], [["--memory-swappiness", "-2"]], [["--memory-swappiness", "x"]],
  [["--cpu-rt-period", "1000", "--cpu-rt-runtime", "2000"]],
  [["--mac-address", "foo"]],
  [["--security-opt", "foo=bar"]], [["--security-opt", "no-new-privileges=maybe"]], [["--security-opt", "systempaths=foo"]],
  [["--security-opt", "seccomp=/none.json"]],
  [["--log-driver", "local", "--log-opt", "foo=1"]],
  // Docker 20.10's client passes it on, 28's refuses it so.
  [["--security-opt", "foo"], 'Invalid --security-opt: "foo"'], [["--security-opt", "seccomp="], 'Invalid --security-opt: "seccomp="'],
];

rootTest("what Docker refuses, mdk refuses with the same status and sentence", () => {
  const differing = REFUSED.flatMap(([flags, own]) => {
    const { mine, theirs } = both("create", ...flags);
    const wanted = own ?? theirs.sentence;
    return mine.status === theirs.status && mine.sentence === wanted ? [] : [{ flags: flags.join(" "), mine: `${mine.status} ${mine.sentence}`, theirs: `${theirs.status} ${theirs.sentence}` }];
  });
  expect(differing).toEqual([]);
});

/** Lines that mdk alone refuses, with why. */
const STRICTER: readonly (readonly [flags: readonly string[], mine: string])[] = [
  // Docker finds out when it starts the container.
  [["--uts", "host", "--domainname", "foo"], "conflicting options: domainname and the UTS mode"],
  [["--ipc", "host", "--sysctl", "kernel.msgmax=1000"], 'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace'],
  [["--security-opt", "label=type:svirt_t"], "--security-opt label=type:svirt_t is not supported by this version of mdk"],
  // Docker cuts it off, or takes it for something else.
  [["--log-driver", "local", "--log-opt", "max-size=x"], "invalid value for max-size: 'x'"],
  [["--mac-address", "02:42:ac:11:00:02:00:00"], "02:42:ac:11:00:02:00:00 is not a valid mac address"],
];

rootTest("what mdk alone refuses", () => {
  for (const [flags, words] of STRICTER) {
    const { mine, theirs } = both("create", ...flags);
    expect([flags, mine.sentence, theirs.status]).toEqual([flags, words, 0]);
  }
});

/** Lines that both take: the whole of inspect's HostConfig is compared. */
const TAKEN: readonly (readonly string[])[] = [
  [], ["--pid", "host"], ["--pid", "container:donor"], ["--ipc", "host"], ["--ipc", "none"], ["--ipc", "shareable"], ["--ipc", "container:donor"], ["--uts", "host"],
  ["--cgroupns", "host"], ["--cgroupns", "private"], ["--cgroup-parent", "/a/b"], ["--cgroup-parent", "a"],
  ["--device", "/dev/null"], ["--device", "/dev/null:rw"], ["--device", "/dev/null:/dev/x"], ["--device", "/dev/null:/dev/x:r", "--device", "/dev/zero"],
  ["--device-cgroup-rule", "c 42:* rmw", "--device-cgroup-rule", "a *:* r"],
  ["--device-read-bps", "/dev/vda:1mb"], ["--device-write-bps", "/dev/vda:1gb", "--device-write-bps", "/dev/vdb:0"], ["--device-read-iops", "/dev/vda:100"], ["--device-write-iops", "/dev/vda:7"],
  ["--memory-swappiness", "0"], ["--memory-swappiness", "-1"], ["--oom-kill-disable"], ["--oom-kill-disable", "-m", "30m"],
  ["--cpu-rt-period", "1000000", "--cpu-rt-runtime", "950000"],
  ["--security-opt", "seccomp=@/profile.json"], ["--security-opt", "seccomp=unconfined"], ["--security-opt", "apparmor=foo"], ["--security-opt", "label=disable"],
  ["--security-opt", "no-new-privileges"], ["--security-opt", "no-new-privileges:true", "--security-opt", "systempaths=unconfined"],
  ["--log-driver", "local", "--log-opt", "max-size=1m", "--log-opt", "max-file=2", "--log-opt", "compress=false"], ["--privileged"], ["--shm-size", "1m", "--ipc", "none"],
];

/** What mdk's inspect has otherwise on purpose. */
const OWN_FIELDS: Readonly<Record<string, string>> = {
  NetworkMode: "the network's name since Docker 25, not \"default\"",
  CgroupnsMode: "private on v1 too, unless said",
  OomKillDisable: "null where not asked for, as on v2",
  MaskedPaths: "Docker 28's, which are more", ReadonlyPaths: "compared where they are asked for",
  KernelMemory: "gone since Docker 23", KernelMemoryTCP: "gone since Docker 23",
};

rootTest("what both take is told alike by inspect, warnings and all", () => {
  const differing: unknown[] = [];
  for (const flags of TAKEN) {
    const { mine, theirs } = both("create", ...flags);
    expect([flags, mine.status, theirs.status]).toEqual([flags, 0, 0]);
    const read = (text: string): Record<string, unknown> => JSON.parse(text.replace(/container:[0-9a-f]{64}/g, "container:ID")) as Record<string, unknown>;
    const [own, other] = [read(world.ok("inspect", "-f", "{{json .HostConfig}}", mine.stdout)), read(peer.docker("inspect", "-f", "{{json .HostConfig}}", theirs.stdout).stdout)];
    for (const [name, value] of Object.entries(other)) {
      const asked = flags.includes("--cgroupns") && name === "CgroupnsMode" || flags.includes("systempaths=unconfined") && /Paths$/.test(name) || flags.includes("--oom-kill-disable") && name === "OomKillDisable";
      // Docker 28's client sends empty lists where 20.10's sends none.
      const same = Bun.deepEquals(own[name], value) || (value === null && Bun.deepEquals(own[name], []));
      if ((asked || OWN_FIELDS[name] === undefined) && !same) differing.push({ flags: flags.join(" "), name, mine: own[name], theirs: value });
    }
    if (!Bun.deepEquals(mine.warnings, theirs.warnings)) differing.push({ flags: flags.join(" "), mine: mine.warnings, theirs: theirs.warnings });
    world.ok("rm", mine.stdout);
    peer.docker("rm", theirs.stdout);
  }
  expect(differing).toEqual([]);
});

rootTest("who cannot be joined is told at the start, in the same words", () => {
  for (const [name, mode] of [["pid-stopped", ["--pid", "container:stopped"]], ["ipc-stopped", ["--ipc", "container:stopped"]], ["ipc-private", ["--ipc", "container:private"]]] as const) {
    expect(both("create", "--name", name, ...mode).mine.status).toBe(0);
    const { mine, theirs } = both("start", name);
    expect([name, mine.status, mine.sentence]).toEqual([name, theirs.status, theirs.sentence]);
  }
});
