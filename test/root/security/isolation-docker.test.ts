/** mdk beside Debian's dockerd, the same probe in the same image: where they differ, the difference is written here with its reason. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startDockerd, type Dockerd } from "../../helpers/dockerd.ts";
import { imageLayout } from "../../helpers/fixtures.ts";
import { ARGUMENT_CALLS, buildProbe, laxCalls, parseCalls, parseState, type ProbedState } from "../../helpers/probe.ts";
import { run } from "../../helpers/registry.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && existsSync("dist/mdk") && hasTool("dockerd") && hasTool("skopeo");
const rootTest = testIf(able, "needs root, a built dist/mdk, dockerd and skopeo");

let stage: Stage;
let peer: Dockerd;
let image = "";
const probe = (): string => `${buildProbe()}:/probe:ro`;

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
  peer = startDockerd();
  const archive = join(stage.folder, "busybox.tar");
  run("skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${archive}:busybox:latest`);
  const loaded = peer.call(["load", "-q", "-i", archive]);
  if (loaded.status !== 0) throw new Error(loaded.stderr);
});
afterAll(async () => {
  peer?.stop();
  await stage?.end();
});

/** The same words after the image for both; mdk's first. */
async function both(args: readonly string[], command: readonly string[]): Promise<[string, string]> {
  const mine = await stage.mdk("run", "--rm", "-v", probe(), ...args, image, ...command);
  const theirs = peer.call(["run", "--rm", "-v", probe(), ...args, "busybox:latest", ...command]);
  if (mine.code !== 0 || theirs.status !== 0) throw new Error(`${mine.err}${theirs.stderr}`);
  return [mine.out, theirs.stdout];
}
async function states(...args: readonly string[]): Promise<[ProbedState, ProbedState]> {
  const [mine, theirs] = await both(args, ["/probe", "state"]);
  return [parseState(mine), parseState(theirs)];
}

describe("system calls", () => {
  rootTest("what Docker refuses with EPERM, mdk refuses, also where a capability opens some", async () => {
    for (const args of [[], ["--cap-add", "SYS_ADMIN"]]) {
      const [mine, theirs] = await both(args, ["/probe", "syscalls", ...Object.values(ARGUMENT_CALLS)]);
      expect([args, laxCalls(parseCalls(mine), parseCalls(theirs))]).toEqual([args, []]);
    }
  });
});

describe("privileges", () => {
  const NAMES = ["Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Umask", "SigBlk", "SigIgn", "NSpid", "PPid", "Cpus_allowed", "Mems_allowed_list", "Speculation_Store_Bypass"];
  rootTest("/proc/self/status is Docker's, but for inheritable capabilities (Docker 20.10 has them, CVE-2022-24769)", async () => {
    for (const args of [[], ["-u", "1000:1000"], ["--cap-drop", "ALL"], ["--cap-add", "NET_ADMIN"], ["--privileged"]]) {
      let pair: [ProbedState, ProbedState];
      try {
        pair = await states(...args);
      } catch (error) {
        if (args[0] === "--privileged") continue; // Docker 20.10 needs CAP_SYS_RESOURCE for it
        throw error;
      }
      const of = ({ status }: ProbedState): unknown => NAMES.map((name) => `${name} ${status[name]}`);
      expect([args, of(pair[0])]).toEqual([args, of(pair[1])]);
      expect(pair[0].status["CapInh"]).toBe("0".repeat(16));
    }
  });

  rootTest("resource limits are Docker's, but for those that its unit sets (open files, cores: a dockerd started by hand has its caller's)", async () => {
    const [mine, theirs] = await states();
    const of = ({ limits }: ProbedState): string[] => limits.split("\n").filter((line) => !/^Max (open|core) file/.test(line));
    expect(of(mine)).toEqual(of(theirs));
  });

  rootTest("the environment and the working directory are Docker's", async () => {
    const [mine, theirs] = await both(["-h", "box", "-e", "A=1"], ["sh", "-c", "pwd; env | sort"]);
    expect(mine).toBe(theirs);
  });
});

describe("file systems", () => {
  type Row = readonly [place: string, type: string, options: string];
  const rows = ({ mounts }: ProbedState): Map<string, Row> =>
    new Map(mounts.trim().split("\n").map((line) => {
      const words = line.split(" ");
      return [words[4]!, [words[4]!, words[words.indexOf("-") + 1]!, words[5]!.replace(/,relatime|,?noatime|,strictatime/g, "")]];
    }));

  /** What mdk has beside Docker 20.10: later Dockers' masks; and the hybrid's v2 hierarchy, which the peer does not see. */
  const ONLY_MINE = /^\/(proc\/interrupts|sys\/devices\/virtual\/powercap|sys\/devices\/system\/cpu\/.*|sys\/fs\/cgroup\/unified|probe)$/;

  rootTest("each mount and mask of Docker's is there with the same type and with its options", async () => {
    for (const args of [[], ["--read-only"], ["-t"]]) {
      const [mine, theirs] = (await states(...args)).map(rows) as [Map<string, Row>, Map<string, Row>];
      expect([args, [...theirs.keys()].filter((place) => !mine.has(place))]).toEqual([args, []]);
      expect([args, [...mine.keys()].filter((place) => !theirs.has(place) && !ONLY_MINE.test(place))]).toEqual([args, []]);
      for (const [place, row] of theirs) {
        const own = mine.get(place)!;
        // Docker 20.10 leaves the tmpfs over the v1 hierarchies writable.
        const lacking = row[2].split(",").filter((option) => option !== "rw" && !own[2].split(",").includes(option));
        // A mask made of a file is of the tmpfs that /dev is, in both.
        expect([args, place, own[1], lacking]).toEqual([args, place, row[1], []]);
      }
    }
  });

  rootTest("the nodes and links of /dev are Docker's, with mode, owner and number", async () => {
    // Where the kernel has no /proc/kcore runc leaves the link to it out.
    const script = "cd /dev; rm -f core; stat -c '%N %F %a %u:%g %t:%T' * pts/* shm mqueue 2>/dev/null | sort";
    for (const args of [[], ["-t"]]) {
      const [mine, theirs] = await both(args, ["sh", "-c", script]);
      expect(mine.split("\n")).toEqual(theirs.split("\n"));
    }
  });

  rootTest("sysctls of the network namespace, the host's name and the hosts file are Docker's", async () => {
    const files = ["net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range", "kernel/hostname"].map((name) => `/proc/sys/${name}`);
    const [mine, theirs] = await both(["-h", "box.example", "--network", "none"], ["sh", "-c", `cat ${files.join(" ")} /etc/hostname /etc/hosts; hostname`]);
    expect(mine.split("\n")).toEqual(theirs.split("\n"));
  });

  rootTest("the keyring of a process is the container's own", async () => {
    // keyctl is refused by the filter, and /proc/keys is masked: only --privileged can look.
    const { out } = await stage.mdk("run", "--rm", "--privileged", image, "cat", "/proc/keys");
    const sessions = out.split("\n").filter((line) => line.includes("_ses"));
    if (existsSync("/proc/keys")) expect(sessions.join("\n")).toMatch(/_ses\.[0-9a-f]{64}/);
  });
});
