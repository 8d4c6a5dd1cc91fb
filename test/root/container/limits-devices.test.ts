/** Limits that not every kernel has, each under a real load: rates and weights of disks, real-time, the killer of memory. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { alive, startWorld, until } from "../../helpers/mdk.ts";
import { hasTool, testIf } from "../../helpers/requires.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let debian: string;
beforeAll(async () => {
  world = await startWorld("debian");
  debian = world.image("debian");
});
afterEach(() => world.removeAll());
afterAll(() => world?.close());

const v1 = (controller: string, file: string): boolean => existsSync(`/sys/fs/cgroup/${controller}/${file}`);
const loops = hasTool("losetup") && existsSync("/dev/loop-control");

/** A disk of our own, in a file. */
function withDisk(megabytes: number, work: (device: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const file = join(world.folder, "disk");
    writeFileSync(file, Buffer.alloc(megabytes << 20, 1));
    const { stdout, stderr, exitCode } = Bun.spawnSync(["losetup", "--find", "--show", "--direct-io=on", file]);
    if (exitCode !== 0) throw new Error(stderr.toString());
    const device = stdout.toString().trim();
    try {
      await work(device);
    } finally {
      world.removeAll();
      Bun.spawnSync(["losetup", "--detach", device]);
      rmSync(file);
    }
  };
}

/** Seconds that a container takes to move so much between the disk and itself, past the page cache. */
function seconds(flags: readonly string[], device: string, dd: string): number {
  const said = world.ok("run", "--rm", "--device", `${device}:/dev/disk`, ...flags, debian, "sh", "-c", `dd ${dd} 2>&1 | tail -n 1`);
  return Number(/, ([\d.]+) s,/.exec(said)?.[1]);
}

describe("a disk's rate", () => {
  testIf(loops, "no loop devices")("in bytes and in operations a second, of reads and of writes", withDisk(8, (device) => {
    const read = (block: string, count: number): string => `if=/dev/disk of=/dev/null bs=${block} count=${count} iflag=direct`;
    const write = (block: string, count: number): string => `if=/dev/zero of=/dev/disk bs=${block} count=${count} oflag=direct`;
    // The disk below is everybody's: the best of a few tries tells what nobody has limited.
    const free = (flags: readonly string[], dd: string): number => Math.min(...[1, 2, 3].map(() => seconds(flags, device, dd)));
    const cases = [
      ["--device-read-bps", "2mb", read("64k", 32)], ["--device-write-bps", "2mb", write("64k", 32)],
      ["--device-read-iops", "20", read("4k", 20)], ["--device-write-iops", "20", write("4k", 20)],
    ] as const;
    for (const [flag, rate, dd] of cases) {
      const limited = seconds([flag, `${device}:${rate}`], device, dd);
      expect([flag, limited > 0.7, free([], dd) < limited * 0.7]).toEqual([flag, true, true]);
    }
    // Of the other direction nothing is said, and 0 is no limit.
    expect(free(["--device-write-bps", `${device}:1kb`], read("64k", 32))).toBeLessThan(0.7);
    expect(free(["--device-read-bps", `${device}:0`], read("64k", 32))).toBeLessThan(0.7);
  }));

  test("is for a block device that is there", () => {
    const refused = (value: string): string => world.mdk(["run", "--rm", "--device-read-bps", value, debian, "true"]).stderr.split("\n")[0]!;
    expect(refused("/dev/none:1mb")).toBe("mdk: stat /dev/none: no such file or directory");
    expect(refused("/dev/null:1mb")).toBe("mdk: /dev/null: not a block device");
  });
});

const bfq = loops && statSync("/sys/block/loop0/queue/scheduler", { throwIfNoEntry: false }) !== undefined && readFileSync("/sys/block/loop0/queue/scheduler", "utf8").includes("bfq");
testIf(bfq, "no loop devices with the scheduler bfq")("--blkio-weight: of a disk that bfq shares out, the heavier gets the more", withDisk(64, async (device) => {
  const queue = `/sys/block/${basename(device)}/queue`;
  writeFileSync(`${queue}/scheduler`, "bfq");
  writeFileSync(`${queue}/iosched/low_latency`, "0");
  writeFileSync(`${queue}/iosched/strict_guarantees`, "1");
  // Several readers each, so that the disk always has somebody to choose.
  const load = "for reader in 1 2 3 4; do (while :; do dd if=/dev/disk of=/dev/null bs=1M iflag=direct 2>/dev/null; done) & done; wait";
  for (const [name, weight] of [["heavy", "1000"], ["light", "10"]] as const) {
    expect(world.mdk(["run", "-d", "--name", name, "--blkio-weight", weight, "--device", `${device}:/dev/disk:r`, debian, "sh", "-c", load]).stderr).toBe("");
  }
  const bytes = (name: string): number => {
    const text = world.ok("exec", name, "sh", "-c", "cat /sys/fs/cgroup/blkio/blkio.bfq.io_service_bytes 2>/dev/null || cat /sys/fs/cgroup/io.stat");
    const { rdev } = statSync(device);
    const number = `${(rdev >>> 8) & 0xfff}:${rdev & 0xff}`;
    return Number(new RegExp(`^${number} (?:Read |rbytes=)(\\d+)`, "m").exec(text)?.[1] ?? 0);
  };
  await until(() => bytes("light") > 0 && bytes("heavy") > 0, "both read");
  world.ok("update", "--blkio-weight", "20", "light");
  expect(world.ok("exec", "light", "sh", "-c", "cat /sys/fs/cgroup/blkio/blkio.bfq.weight 2>/dev/null || sed -n 's/^default //p' /sys/fs/cgroup/io.bfq.weight")).toBe("20");
  // While the processors are others', the disk waits for its readers and there is nothing to share out.
  await until(async () => {
    const [light, heavy] = [bytes("light"), bytes("heavy")];
    await Bun.sleep(1000);
    return (bytes("heavy") - heavy) / (bytes("light") - light) > 3;
  }, "three times as much for the heavier one", 30_000);
  world.removeAll();
  // Its own weight for one disk; a disk that nobody shares out by weight has none.
  world.ok("run", "--rm", "--blkio-weight-device", `${device}:300`, debian, "true");
  writeFileSync(`${queue}/scheduler`, "none");
  expect(world.mdk(["run", "--rm", "--blkio-weight-device", `${device}:300`, debian, "true"])).toMatchObject({ status: 125, stderr: expect.stringContaining("whose scheduler is bfq") });
}));

/** Share of a processor that a process takes: proc_pid_stat(5). */
async function processorShare(pid: number, milliseconds: number): Promise<number> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /, "").split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  const [before, started] = [ticks(), performance.now()];
  await Bun.sleep(milliseconds);
  return (ticks() - before) * 10 / (performance.now() - started);
}

testIf(v1("cpu", "cpu.rt_runtime_us"), "the kernel has no real-time groups")("--cpu-rt-runtime: real-time for as much of each period, and none without it", async () => {
  expect(world.mdk(["run", "--rm", "--cap-add", "SYS_NICE", debian, "chrt", "-f", "1", "true"]).stderr).toContain("Operation not permitted");
  world.ok("run", "-d", "--name", "first", "--cpu-rt-period", "1000000", "--cpu-rt-runtime", "50000", debian, "sleep", "1000");
  world.ok("run", "-d", "--name", "busy", "--cap-add", "SYS_NICE", "--cpu-rt-period", "500000", "--cpu-rt-runtime", "50000", "--cpuset-cpus", "0", debian, "chrt", "-f", "1", "sh", "-c", "while :; do :; done");
  const share = await processorShare(world.pid("busy"), 3000);
  expect(share).toBeGreaterThan(0.05);
  expect(share).toBeLessThan(0.15);
  world.ok("update", "--cpu-rt-runtime", "150000", "busy");
  expect(await processorShare(world.pid("busy"), 2000)).toBeGreaterThan(0.2);
  expect(world.mdk(["run", "--rm", "--cpu-rt-runtime", "999999", debian, "true"])).toMatchObject({ status: 125, stderr: expect.stringContaining("no more real-time to give") });
});
testIf(v1("memory", "memory.oom_control"), "the memory controller is not v1's")("--oom-kill-disable: who wants more than the limit waits, and can be killed; --memory-swappiness is the group's", async () => {
  world.ok("run", "-d", "--name", "hog", "--memory", "30M", "--memory-swap", "30M", "--oom-kill-disable", debian, "perl", "-e", "$a = 'x' x (100 << 20)");
  const pid = world.pid("hog");
  await until(() => /^under_oom 1$/m.test(readFileSync(`/sys/fs/cgroup/memory${/:memory:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))![1]}/memory.oom_control`, "utf8")), "its wait for memory");
  expect(alive(pid)).toBe(true);
  world.ok("rm", "-f", "hog");
  expect(alive(pid)).toBe(false);
  expect(world.mdk(["run", "--rm", "--oom-kill-disable", debian, "true"]).stderr).toBe("WARNING: OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.\n");
  expect(world.ok("run", "--rm", "--memory-swappiness", "7", debian, "cat", "/sys/fs/cgroup/memory/memory.swappiness")).toBe("7");
});
describe("--cgroup-parent", () => {
  const controllers = readFileSync("/proc/self/cgroup", "utf8").split("\n").filter((line) => /^\d+:(memory|pids)?:/.test(line)).map((line) => line.split(":")[1]!);
  const pathsOf = (pid: number | string): string[] => readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n").filter((line) => controllers.includes(line.split(":")[1]!)).map((line) => line.split(":").slice(2).join(":"));
  const parent = `/mdk-test-${process.pid}`;
  const hierarchies = ["memory", "pids", "cpuset", "cpu", "cpuacct", "blkio", "devices", "freezer", "systemd", "unified", "."].map((name) => join("/sys/fs/cgroup", name)).filter((path) => existsSync(path));
  afterAll(() => {
    for (const path of hierarchies) for (const part of [`${parent}/deep`, parent]) if (existsSync(path + part)) rmdirSync(path + part);
  });

  test("is where the group is, in every hierarchy; exec, stop and start find it there, and nothing of the container stays", async () => {
    world.ok("run", "-d", "--name", "placed", "--cgroup-parent", `${parent}/deep`, "--memory", "40M", "--pids-limit", "20", debian, "sleep", "1000");
    const id = world.inspect("placed", ".Id");
    for (const path of pathsOf(world.pid("placed"))) expect(path).toBe(`${parent}/deep/${id}`);
    expect(world.inspect("placed", ".HostConfig.CgroupParent")).toBe(`${parent}/deep`);
    world.ok("exec", "-d", "placed", "sleep", "1001");
    const groups = hierarchies.filter((path) => existsSync(`${path}${parent}/deep/${id}`));
    expect(groups.length).toBeGreaterThan(0);
    await until(() => groups.every((path) => readFileSync(`${path}${parent}/deep/${id}/cgroup.procs`, "utf8").trim().split("\n").length === 2), "the exec in its groups");
    world.ok("stop", "-t", "0", "placed");
    expect(groups.filter((path) => existsSync(`${path}${parent}/deep/${id}`))).toEqual([]);
    world.ok("start", "placed");
    for (const path of pathsOf(world.pid("placed"))) expect(path).toBe(`${parent}/deep/${id}`);
    world.ok("rm", "-f", "placed");
    expect(groups.filter((path) => readdirSync(`${path}${parent}/deep`, { withFileTypes: true }).some((entry) => entry.isDirectory()))).toEqual([]);
  });

  test("limits of the parent hold for what is below it", () => {
    const memory = ["memory/", ""].map((part) => `/sys/fs/cgroup/${part}`).find((path) => existsSync(`${path}${parent}`))!;
    const file = existsSync(`${memory}${parent}/memory.max`) ? "memory.max" : "memory.limit_in_bytes";
    writeFileSync(`${memory}${parent}/${file}`, String(30 << 20));
    expect(world.mdk(["run", "--rm", "--cgroup-parent", parent.slice(1), debian, "perl", "-e", "$a = 'x' x (200 << 20)"]).status).toBe(137);
  });

  test("leads nowhere else", () => {
    for (const word of ["/", "..", "./"]) expect([word, world.mdk(["run", "--rm", "--cgroup-parent", word, debian, "true"])]).toEqual([word, expect.objectContaining({ status: 125, stderr: `mdk: invalid cgroup parent: ${word}\n\nRun 'mdk run --help' for more information\n` })]);
    expect(world.ok("run", "--rm", "--cgroupns", "host", "--cgroup-parent", `../..${parent}`, debian, "cat", "/proc/self/cgroup")).toContain(`:${parent}/`);
  });
});
