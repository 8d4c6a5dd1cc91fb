/** What a process of a container has, seen by a static probe from inside: privileges, descriptors, masks, namespaces. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";
import type { ProbedState } from "../../helpers/probe.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

let stage: Stage;
let image = "";
let running = "";

beforeAll(async () => {
  if (!isRoot || !existsSync("dist/mdk")) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
  const started = await stage.mdk("run", "-d", image, "sleep", "600");
  if (started.code !== 0) throw new Error(started.err);
  running = started.out.trim();
});
afterAll(async () => await stage?.end());

/** moby's default list, by number (capabilities(7)). */
const DOCKER = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];
const mask = (numbers: readonly number[]): bigint => numbers.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
const own = (): bigint => BigInt(`0x${/CapBnd:\s*(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]!}`);
const hex = (value: bigint): string => value.toString(16).padStart(16, "0");

/** The three ways to start a process. */
const ways = (): Record<string, readonly string[]> => ({
  run: ["run", "--rm", image], "run -t": ["run", "--rm", "-t", image], "run -d and exec": ["exec", running], "exec -t": ["exec", "-t", running],
});
const asUser = (way: readonly string[], user: string): string[] => [way[0]!, "-u", user, ...way.slice(1)];

describe("privileges", () => {
  rootTest("a default container has Docker's fourteen capabilities, a filter, and no inheritable or ambient ones", async () => {
    for (const [name, way] of Object.entries(ways())) {
      const { status } = await stage.probe(way);
      const set = hex(mask(DOCKER) & own());
      expect({ name, ...status }).toMatchObject({
        name, CapBnd: set, CapEff: set, CapPrm: set, CapInh: hex(0n), CapAmb: hex(0n), Seccomp: "2", NoNewPrivs: "0", TracerPid: "0", SigBlk: hex(0n), SigIgn: hex(0n), Umask: "0022",
      });
    }
  });

  rootTest("a user has none, and exactly the primary and the supplementary groups", async () => {
    for (const way of Object.values(ways())) {
      const named = (await stage.probe(asUser(way, "user"))).status;
      expect(named).toMatchObject({ CapEff: hex(0n), CapPrm: hex(0n), CapAmb: hex(0n), CapInh: hex(0n), CapBnd: hex(mask(DOCKER) & own()) });
      expect([named["Uid"], named["Gid"], named["Groups"]]).toEqual(["1000\t1000\t1000\t1000", "1000\t1000\t1000\t1000", "10 50 1000"]);
      const numbered = (await stage.probe(asUser(way, "1:1"))).status;
      expect([numbered["Uid"], numbered["Gid"], numbered["Groups"]]).toEqual(["1\t1\t1\t1", "1\t1\t1\t1", "1"]);
    }
  });

  rootTest("a setuid program gets its owner's id and the bounding set", async () => {
    for (const way of Object.values(ways())) {
      const { out, err } = await stage.mdk(...asUser(way, "1000"), "/suid", "state");
      const { status } = JSON.parse(out || err) as ProbedState;
      expect([status["Uid"], status["CapEff"]]).toEqual(["1000\t0\t0\t0", hex(mask(DOCKER) & own())]);
    }
  });

  rootTest("--privileged has what the machine has, no filter and no masks, also where CAP_SYS_RESOURCE is missing", async () => {
    const state = await stage.probe(["run", "--rm", "--privileged", image], ["r:/proc/timer_list", "w:/proc/sys/kernel/hostname", "r:/sys/firmware"]);
    expect(state.status).toMatchObject({ CapBnd: hex(own()), CapEff: hex(own()), CapInh: hex(0n), Seccomp: "0" });
    expect(state.paths["w:/proc/sys/kernel/hostname"]!.errno).toBe(0);
    expect(state.mounts).not.toMatch(/ \/proc\/(keys|timer_list|bus) /);
    const less = stage.command("run", "--rm", "--privileged", image, "/probe", "state");
    const { out, err } = await stage.inside(["setpriv", "--bounding-set=-sys_resource", ...less]);
    expect(err).toBe("");
    expect((JSON.parse(out) as ProbedState).status["CapEff"]).toBe(hex(own() & ~mask([24])));
    const exec = await stage.probe(["exec", "--privileged", running]);
    expect(exec.status).toMatchObject({ CapEff: hex(own()), CapInh: hex(0n), Seccomp: "0" });
  });

  rootTest("--cap-drop and --cap-add are what is held, and what the host lacks is refused by name", async () => {
    const { status } = await stage.probe(["run", "--rm", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN", image]);
    expect([status["CapEff"], status["CapBnd"]]).toEqual([hex(mask([12])), hex(mask([12]))]);
    const command = stage.command("run", "--rm", "--cap-add", "SYS_TIME", image);
    const refused = await stage.inside(["setpriv", "--bounding-set=-sys_time", ...command]);
    expect([refused.code, refused.err]).toEqual([125, expect.stringContaining("SYS_TIME")]);
  });
});

describe("what is open", () => {
  rootTest("descriptors 0, 1 and 2 and no other, whatever the caller held open", async () => {
    for (const way of Object.values(ways())) {
      const command = stage.command(...way, "/probe", "state");
      const { out, err } = await stage.inside(["sh", "-c", 'exec 5</etc/passwd 6</ 9>/dev/null; exec "$@"', "sh", ...command]);
      const { descriptors } = JSON.parse(out || err) as ProbedState;
      expect(Object.keys(descriptors)).toEqual(["0", "1", "2"]);
      expect(Object.values(descriptors).join(" ")).toMatch(/^(\/dev\/null pipe:\S+ pipe:\S+|(\/dev\/pts\/\d+ ?){3})$/);
    }
  });
});

const MASKED_FILES = ["interrupts", "kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats"].map((name) => `/proc/${name}`);
const MASKED_FOLDERS = ["/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/devices/virtual/powercap", "/sys/firmware"];
const kernelHas = (path: string): boolean => existsSync(path);

describe("kernel files", () => {
  rootTest("of Docker's list of masked paths are empty and cannot be written, in run and in exec", async () => {
    const files = MASKED_FILES.filter(kernelHas);
    const folders = MASKED_FOLDERS.filter(kernelHas);
    expect(files.length + folders.length).toBeGreaterThan(3);
    for (const way of Object.values(ways())) {
      const { paths, mounts } = await stage.probe(way, [...files, ...folders].map((path) => `r:${path}`));
      for (const path of files) expect([path, paths[`r:${path}`]]).toEqual([path, { errno: 0, directory: false, read_errno: 0, bytes: 0 }]);
      for (const path of folders) expect([path, paths[`r:${path}`]]).toEqual([path, { errno: 0, directory: true, entries: 0 }]);
      for (const path of [...files, ...folders]) expect(mounts).toMatch(new RegExp(` ${path} ro,`));
    }
  });

  rootTest("/proc/sys, /proc/bus, /proc/irq, /proc/fs, sysrq-trigger, /sys and the cgroups are read-only", async () => {
    const places = ["/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/fs/cgroup/devices/devices.allow", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cgroup.procs"].filter(kernelHas);
    const { paths, mounts } = await stage.probe(["run", "--rm", image], places.map((path) => `w:${path}`));
    // release_agent is not shown below a cgroup namespace's root.
    for (const path of places) expect([path, [2, 30]]).toEqual([path, expect.arrayContaining([paths[`w:${path}`]!.errno])]);
    for (const path of ["/proc/sys", "/proc/bus", "/proc/irq", "/proc/fs", "/proc/sysrq-trigger", "/sys", "/sys/fs/cgroup"].filter(kernelHas)) expect(mounts).toMatch(new RegExp(` ${path} ro,`));
  });

  rootTest("nosuid, nodev and noexec are where Docker has them", async () => {
    const { mounts } = await stage.probe(["run", "--rm", image]);
    const options = Object.fromEntries(mounts.trim().split("\n").map((line) => [line.split(" ")[4]!, line.split(" ")[5]!.split(",")]));
    for (const path of ["/proc", "/sys", "/sys/fs/cgroup", "/dev/shm", "/dev/mqueue"]) expect(options[path]).toEqual(expect.arrayContaining(["nosuid", "nodev", "noexec"]));
    expect(options["/dev/pts"]).toEqual(expect.arrayContaining(["nosuid", "noexec"]));
    expect(options["/dev"]).toContain("nosuid");
    expect(mounts).not.toMatch(/ (shared|master):/);
  });
});

describe("namespaces", () => {
  const KINDS = ["mnt", "uts", "ipc", "pid", "cgroup", "net"];
  const script = `for n in ${KINDS.join(" ")}; do readlink /proc/self/ns/$n; done`;
  const linksOf = async (...args: readonly string[]): Promise<string[]> => (await stage.mdk(...args, "sh", "-c", script)).out.trim().split("\n");

  rootTest("are the container's own, all six of them, and none of them is a neighbour's", async () => {
    const machine = KINDS.map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
    const [one, two] = [await linksOf("run", "--rm", image), await linksOf("exec", running)]; // numbers of ended ones are used again
    expect(one).toHaveLength(6);
    for (const other of [machine, two]) expect(one.filter((link) => other.includes(link))).toEqual([]);
    const host = statSync(`/run/netns/${stage.host}`).ino;
    expect((await linksOf("run", "--rm", "--network", "host", image))[5]).toBe(`net:[${host}]`);
  });

  rootTest("PID 1 is the program, alone with its children, and its cgroup is shown as the root", async () => {
    const { status, cgroup } = await stage.probe(["run", "--rm", image]);
    expect([status["NSpid"], status["PPid"]]).toEqual(["1", "0"]);
    for (const line of cgroup.trim().split("\n")) expect(line).toEndWith(":/");
    const { out } = await stage.mdk("run", "--rm", image, "sh", "-c", "ls -d /proc/[0-9]*; cat /proc/self/mountinfo");
    expect(out.split("\n").filter((line) => /^\/proc\/\d+$/.test(line)).length).toBeLessThan(4);
  });
});
