/** Jobs that lack something: what they cannot have is said, and what works without it works. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { archive } from "../../helpers/archive.ts";
import { fakeImage, fakeRegistry, serveImage, type FakeRegistry } from "../../helpers/fake-registry.ts";
import { Job } from "../../helpers/job.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer } from "../../helpers/stage.ts";

const rootTest = testIf(isRoot && existsSync("/dev/loop-control"), "needs root and loop devices");

let job: Job;
let registry: FakeRegistry;
let name: string;

beforeEach(() => {
  const image = fakeImage([archive(baseLayer())], { config: { Cmd: ["/bin/true"] } });
  registry = fakeRegistry((path) => serveImage(image, path));
  name = `${registry.host}/base:latest`;
});
afterEach(async () => {
  registry.stop();
  await job.end();
});

/** A job with the image. The registry is on the machine's own loopback. */
async function begin(before: string): Promise<void> {
  job = await new Job({ before: `ip link set lo up; ${before}` }).begin();
  const { status, err } = await job.run(["nsenter", `--net=/proc/${process.pid}/ns/net`, ...job.words("pull", "-q", name)]);
  if (status !== 0) throw new Error(err);
}

/** Without these capabilities, whoever starts it. */
const lacking = (...capabilities: string[]) => (...args: string[]) => {
  const minus = capabilities.map((capability) => `-${capability}`).join(",");
  return job.run(["setpriv", `--bounding-set=${minus}`, `--inh-caps=${minus}`, ...job.words(...args)]);
};

/** Hierarchies of the host that have this group. */
const groups = (own: string): string[] => readdirSync("/sys/fs/cgroup").filter((hierarchy) => existsSync(`/sys/fs/cgroup/${hierarchy}${own}`));

const READ_ONLY = "for m in $(awk '$5 ~ \"^/sys/fs/cgroup\" {print $5}' /proc/self/mountinfo | sort -r); do mount -o remount,bind,ro $m; done";

describe("cgroups", () => {
  for (const [what, before] of [["read-only", READ_ONLY], ["not mounted at all", "umount -R /sys/fs/cgroup"]] as const) {
    rootTest(`that are ${what} limit a container all the same, and nothing is left in them`, async () => {
      await begin(before);
      expect(await job.mdk("run", "-d", "--name", "limited", "--network", "none", "--memory", "64m", "--cpus", "0.5", name, "sleep", "1000")).toMatchObject({ status: 0, err: "" });
      const pid = (await job.mdk("inspect", "-f", "{{.State.Pid}}", "limited")).out.trim();
      const paths = Object.fromEntries(readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n").map((line) => [line.split(":")[1], line.split(":")[2]]));
      const limit = (controller: string, file: string): string => readFileSync(`/sys/fs/cgroup/${controller}${paths[controller]}/${file}`, "utf8").trim();
      // Of the job's containers, below the group that the job is in.
      const own = /^.*\/mdk-[^/]+/.exec(paths["memory"]!)![0];
      expect(groups(own)).toContain("memory");
      expect([limit("memory", "memory.limit_in_bytes"), limit("cpu", "cpu.cfs_quota_us")]).toEqual([String(64 * 2 ** 20), "50000"]);
      expect(await job.mdk("exec", "limited", "echo", "executed")).toEqual({ status: 0, out: "executed\n", err: "" });
      expect((await job.mdk("rm", "-f", "limited")).status).toBe(0);
      expect(await job.mdk("clean", "-f")).toEqual({ status: 0, out: "", err: "" });
      expect(groups(own)).toEqual([]);
    });
  }

  rootTest("that are read-only for who may not mount are told with what mends it", async () => {
    await begin(READ_ONLY);
    const { status, err } = await lacking("sys_admin")("run", "--rm", "--network", "none", name);
    expect([status, err]).toEqual([125, expect.stringMatching(/read-only|operation not permitted/)]);
  });
});

describe("network", () => {
  rootTest("without CAP_NET_ADMIN: none and host work, bridge says why not", async () => {
    await begin("");
    const mdk = lacking("net_admin");
    expect(await mdk("run", "--rm", "--network", "host", name, "echo", "host")).toEqual({ status: 0, out: "host\n", err: "" });
    expect(await mdk("run", "--rm", "--network", "none", name, "echo", "none")).toEqual({ status: 0, out: "none\n", err: "WARNING: the container's loopback interface stays down: bringing it up needs CAP_NET_ADMIN\n" });
    const { status, err } = await mdk("run", "--rm", name, "true");
    expect([status, err]).toEqual([125, expect.stringMatching(/^mdk: set up the network: RTM_NEWLINK \S+ operation not permitted\nmdk needs CAP_NET_ADMIN .*; --network host and --network none do without\n$/)]);
  });

  rootTest("with a read-only /proc/sys: forwarding and published ports work, and clean puts the settings back", async () => {
    await begin("echo 0 >/proc/sys/net/ipv4/ip_forward; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys");
    expect((await job.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")).err).toMatch(/Read-only/);
    expect(await job.mdk("run", "-d", "--name", "web", "-p", "8080:80", name, "httpd", "-f", "-p", "80")).toMatchObject({ status: 0 });
    expect((await job.shell("cat /proc/sys/net/ipv4/ip_forward; for try in 1 2 3 4 5; do printf 'GET /etc/passwd HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 127.0.0.1 8080 | grep -q HTTP/1 && echo answered && break; sleep 0.1; done")).out).toBe("1\nanswered\n");
    expect((await job.mdk("rm", "-f", "web")).status).toBe(0);
    expect(await job.mdk("clean", "-f")).toEqual({ status: 0, out: "", err: "" });
    expect((await job.shell("cat /proc/sys/net/ipv4/ip_forward")).out).toBe("0\n");
  });
});

describe("the rest", () => {
  rootTest("without CAP_SYS_RESOURCE and without /dev/net a bridged container runs", async () => {
    await begin("mount -t tmpfs dev /dev; for d in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 /dev/${d%:*} c 1 ${d#*:}; done; mknod /dev/loop-control c 10 237; mkdir /dev/pts; mount -t devpts devpts /dev/pts; ln -s pts/ptmx /dev/ptmx");
    expect(await lacking("sys_resource")("run", "--rm", name, "echo", "ran")).toMatchObject({ status: 0, out: "ran\n" });
    expect(await lacking("sys_resource")("run", "--rm", "--privileged", "--network", "none", name, "echo", "ran")).toEqual({ status: 0, out: "ran\n", err: "" });
  });
});
