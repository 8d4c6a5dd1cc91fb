/** `--pid --ipc --uts --cgroupns`: whose namespaces a container is in, by /proc/PID/ns, and that it dies whole in each of them. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { alive, descendants, parentOf, startWorld, until } from "../../helpers/mdk.ts";
import { testIf } from "../../helpers/requires.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
let debian: string;
beforeAll(async () => {
  world = await startWorld("busybox", "debian");
  [busybox, debian] = [world.image("busybox"), world.image("debian")];
});
afterEach(() => world.removeAll());
afterAll(() => world?.close());

const NAMES = ["cgroup", "ipc", "mnt", "net", "pid", "uts"] as const;
const namespacesOf = (pid: number | "self"): Record<string, string> => Object.fromEntries(NAMES.map((name) => [name, readlinkSync(`/proc/${pid}/ns/${name}`)]));

/** Namespaces that two processes share. */
function shared(a: number | "self", b: number | "self"): string[] {
  const [mine, theirs] = [namespacesOf(a), namespacesOf(b)];
  return NAMES.filter((name) => mine[name] === theirs[name]);
}

function start(name: string, ...flags: readonly string[]): number {
  world.ok("run", "-d", "--name", name, ...flags, busybox, "sleep", "1000");
  return world.pid(name);
}

/** A program with a child in its session and one out of it. */
const FAMILY = "sleep 1001 & setsid sleep 1002 & exec sleep 1003";
const isOfFamily = (pid: number): boolean => /^sleep\x00100[123]\x00$/.test(readFileSync(`/proc/${pid}/cmdline`, "latin1"));

/** Processes of the container's cgroup, as the host counts. */
function membersOf(name: string): number[] {
  const path = /:(\/mdk.*)$/m.exec(readFileSync(`/proc/${world.pid(name)}/cgroup`, "utf8"));
  return readdirSync("/proc").map(Number).filter((pid) => {
    try {
      return pid > 0 && readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`:${path![1]}\n`);
    } catch {
      return false;
    }
  });
}

test("each mode shares what it says and nothing else", () => {
  expect(shared(start("own"), "self")).toEqual([]);
  expect(shared(start("all-host", "--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host"), "self")).toEqual(["cgroup", "ipc", "pid", "uts"]);
  expect(shared(start("pid-host", "--pid", "host"), "self")).toEqual(["pid"]);
  const donor = start("donor", "--ipc", "shareable");
  const joined = start("joined", "--pid", "container:donor", "--ipc", "container:donor");
  expect([shared(joined, donor), shared(joined, "self")]).toEqual([["ipc", "pid"], []]);
  const id = world.inspect("donor", ".Id");
  expect(world.inspect("joined", "json .HostConfig.PidMode")).toBe(JSON.stringify(`container:${id}`));
  // Who joins a container that is itself in somebody's is in that one's.
  expect(shared(start("third", "--pid", "container:joined"), donor)).toEqual(["pid"]);
  expect(shared(start("host-by-name", "--pid", "container:pid-host"), "self")).toEqual(["pid"]);
});

test("an exec is in its container's namespaces", () => {
  start("donor", "--ipc", "shareable");
  start("joined", "--pid", "container:donor", "--ipc", "container:donor");
  start("hosted", "--pid", "host", "--uts", "host", "--ipc", "host");
  for (const name of ["joined", "hosted"]) {
    const seen = world.ok("exec", name, "sh", "-c", NAMES.map((space) => `readlink /proc/self/ns/${space}`).join(";")).split("\n");
    expect(Object.fromEntries(NAMES.map((space, index) => [space, seen[index]!]))).toEqual(namespacesOf(world.pid(name)));
  }
  expect(world.ok("exec", "joined", "ps", "-o", "args").split("\n").filter((line) => line === "sleep 1000").length).toBe(2);
});

describe("a container without a pid namespace of its own dies whole", () => {
  const cases = [["host"], ["container:donor"]] as const;
  const ways: Readonly<Record<string, (name: string) => void>> = {
    "its program ends": (name) => void process.kill(world.pid(name), "SIGKILL"),
    "it is stopped": (name) => void world.ok("stop", "-t", "0", name),
    "it is removed": (name) => void world.ok("rm", "-f", name),
    "its monitor is killed": (name) => void process.kill(parentOf(parentOf(world.pid(name))), "SIGKILL"),
    "its cage is killed": (name) => void process.kill(parentOf(world.pid(name)), "SIGKILL"),
  };
  for (const [mode] of cases) {
    for (const [way, act] of Object.entries(ways)) {
      test(`--pid ${mode}: when ${way}`, async () => {
        start("donor");
        world.ok("run", "-d", "--name", "family", "--pid", mode, busybox, "sh", "-c", FAMILY);
        world.ok("exec", "-d", "family", "sleep", "1002");
        await until(() => membersOf("family").filter(isOfFamily).length === 4, "its processes");
        const members = membersOf("family");
        const shims = [parentOf(world.pid("family")), parentOf(parentOf(world.pid("family")))];
        act("family");
        await until(() => ![...members, ...shims].some(alive), "the end of all of them");
        expect(alive(world.pid("donor"))).toBe(true);
        const again = world.mdk(["start", "family"]);
        expect(again.status).toBe(way === "it is removed" ? 1 : 0);
      });
    }
  }

  test("its orphans come to the cage, which reaps them", async () => {
    world.ok("run", "-d", "--name", "forks", "--pid", "host", busybox, "sh", "-c", "(setsid sleep 0.2 &); (setsid sleep 1001 &); exec sleep 1000");
    const cage = parentOf(world.pid("forks"));
    await until(() => descendants(cage).length === 3, "one orphan left, none dead and unreaped");
  });

  test("with the donor of its pid namespace: 137", async () => {
    start("donor");
    world.ok("run", "-d", "--name", "joined", "--pid", "container:donor", busybox, "sh", "-c", FAMILY);
    world.ok("kill", "donor");
    expect(world.ok("wait", "joined")).toBe("137");
    const { status, stderr } = world.mdk(["start", "joined"]);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`container ${world.inspect("donor", ".Id")} is not running`)]);
  });
});

describe("shared memory", () => {
  test("of a container that is shareable is seen by who joins it, System V's too", () => {
    start("donor", "--ipc", "shareable", "--shm-size", "2M");
    start("joined", "--ipc", "container:donor");
    world.ok("exec", "donor", "sh", "-c", "echo hello >/dev/shm/x");
    expect(world.ok("exec", "joined", "cat", "/dev/shm/x")).toBe("hello");
    expect(world.ok("exec", "joined", "sh", "-c", "grep ' /dev/shm ' /proc/mounts")).toBe("shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=2048k 0 0");
    // What is mounted in the one never comes to the other.
    world.ok("exec", "--privileged", "donor", "sh", "-c", "mkdir /dev/shm/d && mount -t tmpfs x /dev/shm/d && touch /dev/shm/d/y");
    expect(world.ok("exec", "joined", "ls", "/dev/shm/d")).toBe("");
  });

  test("what the user mounts there is there instead", () => {
    start("donor", "--ipc", "shareable");
    expect(world.ok("run", "--rm", "--ipc", "container:donor", "--tmpfs", "/dev/shm:size=64k", busybox, "grep", "-c", "/dev/shm tmpfs .*size=64k", "/proc/mounts")).toBe("1");
    expect(world.ok("run", "--rm", "--ipc", "container:donor", "-v", `${world.folder}:/dev/shm:ro`, busybox, "ls", "/dev/shm")).toContain("root");
  });

  test("of the host: its own /dev/shm; none: no /dev/shm at all", () => {
    const file = `/dev/shm/mdk-test-${process.pid}`;
    writeFileSync(file, "host");
    try {
      expect(world.ok("run", "--rm", "--ipc", "host", busybox, "cat", file)).toBe("host");
    } finally {
      rmSync(file);
    }
    expect(world.ok("run", "--rm", "--ipc", "none", busybox, "sh", "-c", "ls /dev | grep -c shm; grep -c /dev/shm /proc/mounts; true")).toBe("0\n0");
  });

  test("a link that the donor puts in its place is not followed", () => {
    world.ok("run", "-d", "--name", "donor", "--ipc", "shareable", "--cap-add", "SYS_ADMIN", busybox, "sh", "-c", "umount /dev/shm && rmdir /dev/shm && ln -s /proc /dev/shm && sleep 1000");
    while (world.ok("exec", "donor", "readlink", "-f", "/dev/shm") !== "/proc") Bun.sleepSync(5);
    const { status, stderr } = world.mdk(["run", "--rm", "--ipc", "container:donor", busybox, "ls", "/dev/shm/"]);
    expect([status, stderr]).toEqual([125, expect.stringContaining("error mounting")]);
  });
});

const v1 = existsSync("/sys/fs/cgroup/memory/memory.usage_in_bytes");
testIf(v1, "the host has no cgroup v1")("--cgroupns host on v1: the container sees its own groups, by their paths on the host", () => {
  const words = world.ok("run", "--rm", "--name", "seen", "--cgroupns", "host", "--memory", "64M", busybox, "sh", "-c",
    "cat /sys/fs/cgroup/memory/memory.limit_in_bytes; cat /sys/fs/cgroup/memory/tasks | wc -l; touch /sys/fs/cgroup/memory/x 2>&1; grep -c ' /sys/fs/cgroup/memory .*ro,' /proc/mounts; sed -n 's/.*:memory://p' /proc/self/cgroup").split("\n");
  expect(words).toEqual([String(64 << 20), expect.stringMatching(/^[1-9]$/), expect.stringContaining("Read-only file system"), "1", expect.stringMatching(/^\/mdk[-0-9a-f]*\/[0-9a-f]{64}$/)]);
});

test("who is joined sees nothing of the host in the process that joins, also with CAP_SYS_PTRACE (CVE-2016-9962)", async () => {
  const marker = `${world.folder}/marker`;
  writeFileSync(marker, "host");
  // Looks at every other process for as long as it lives: its root, and what its descriptors lead to.
  const look = `$| = 1; my $m = "${marker}"; print "looking\\n"; while (1) { for my $p (glob "/proc/[0-9]*") { next if $p eq "/proc/1"; print "root\\n" if -e "$p/root$m"; print "cwd\\n" if -e "$p/cwd$m"; for my $f (glob "$p/fd/*") { print "descriptor\\n" if -e "$f$m" } } }`;
  world.ok("run", "-d", "--name", "donor", "--cap-add", "SYS_PTRACE", debian, "perl", "-e", look);
  await until(() => world.ok("logs", "donor").includes("looking"), "its look");
  for (let tries = 0; tries < 30; tries++) world.ok("run", "--rm", "--pid", "container:donor", busybox, "true");
  expect(world.ok("logs", "donor")).toBe("looking");
});
