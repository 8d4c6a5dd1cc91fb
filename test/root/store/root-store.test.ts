/** Root stores: a data root on an overlay gets a file system of its own, once, whoever is killed or comes second. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Job, storeLoops } from "../../helpers/job.ts";
import { fakeImage, fakeRegistry, serveImage, type FakeRegistry } from "../../helpers/fake-registry.ts";
import { archive, file } from "../../helpers/archive.ts";
import { baseLayer } from "../../helpers/stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("/dev/loop-control"), "needs root and loop devices");

let job: Job;
let registry: FakeRegistry;
const use = async (options?: ConstructorParameters<typeof Job>[0]): Promise<Job> => (job = await new Job(options).begin());
let loopsBefore = 0;

beforeEach(() => {
  loopsBefore = storeLoops();
});
afterEach(async () => {
  await job.end();
  expect(storeLoops()).toBe(loopsBefore);
});

const LISTED = /^REPOSITORY .*\n$/;

describe("on an overlay", () => {
  rootTest("the first command brings an ext4 and says so in one line, the second finds it, clean takes it away and keeps its file", async () => {
    await use();
    const first = await job.mdk("images");
    expect(first).toEqual({ status: 0, out: expect.stringMatching(LISTED), err: expect.stringMatching(/^mdk: \S+\/root is on overlay, which cannot hold containers: they are kept in a file system in \S+\/root\/store\.ext4 \(it grows to [\d.]+ GB at most\)\n$/) });
    expect(await job.mdk("images")).toEqual({ status: 0, out: first.out, err: "" });
    expect(job.mounts()).toEqual([":ext4", "/backing:overlay"]);
    expect((await job.mdk("info")).out).toMatch(/Backing Filesystem: ext4\n {2}Root Store: loop: \/dev\/loop\d+ on \S+\n {2}Root Store Size: \d+ MB\n {2}Root Store Disk Left: \d+ MB/);
    expect(await job.mdk("clean", "-f")).toEqual({ status: 0, out: "", err: "" });
    expect([job.mounts(), storeLoops()]).toEqual([[], loopsBefore]);
    expect((await job.shell(`ls ${job.root}/store.ext4`)).status).toBe(0);
    expect(await job.mdk("images")).toEqual({ status: 0, out: first.out, err: "" });
  });

  rootTest("commands that come at once bring one", async () => {
    await use();
    const all = await Promise.all(Array.from({ length: 6 }, () => job.mdk("images")));
    expect(all.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(all.map(({ err }) => err).join("").split("\n").length).toBe(2);
    expect(job.mounts()).toEqual([":ext4", "/backing:overlay"]);
    expect(storeLoops()).toBe(loopsBefore + 1);
  });

  rootTest("another mount namespace of the job has the same store", async () => {
    await use();
    // It is kept alive, so that each of the two is mounted when the other comes.
    const script = `unshare --mount --propagation private sh -c '${job.words("images").join(" ")}; echo mark >${job.root}/tmp/mark; touch ${job.folder}/there; while [ ! -e ${job.folder}/end ]; do sleep 0.02; done' & 
      until [ -e ${job.folder}/there ]; do sleep 0.02; done; ${job.words("images").join(" ")}; cat ${job.root}/tmp/mark; touch ${job.folder}/end; wait`;
    const { out, err } = await job.shell(script);
    expect(out).toMatch(/mark\n$/);
    expect(err.split("\n").length).toBe(2);
  });
});

describe("what is in the store", () => {
  rootTest("runs, survives a restart of the job, and is told and made anew when it was not unmounted", async () => {
    await use();
    const image = fakeImage([archive(baseLayer())], { config: { Cmd: ["/bin/true"] } });
    registry = fakeRegistry((path) => serveImage(image, path));
    const name = `${registry.host}/base:latest`;
    // The registry is on the machine's own loopback.
    const pulled = await job.run(["nsenter", `--net=/proc/${process.pid}/ns/net`, ...job.words("pull", "-q", name)]);
    registry.stop();
    expect(pulled.status).toBe(0);
    expect(await job.mdk("run", "--rm", name, "sh", "-c", "echo new >/bin/new && cat /bin/new")).toEqual({ status: 0, out: "new\n", err: "" });
    expect((await job.mdk("run", "-d", "--name", "one", name, "sleep", "1000")).status).toBe(0);
    await job.mdk("kill", "one");
    await job.stop();
    await job.begin();
    expect(await job.mdk("ps", "-a", "--format", "{{.Names}}")).toEqual({ status: 0, out: "one\n", err: "" });
    await job.mdk("clean", "-f");
    // As after a power cut.
    expect(await job.shell(`printf '\\000' | dd of=${job.root}/store.ext4 bs=1 seek=1082 conv=notrunc 2>/dev/null`)).toEqual({ status: 0, out: "", err: "" });
    const anew = await job.mdk("images", "-q");
    expect([anew.status, anew.out]).toEqual([0, ""]);
    expect(anew.err).toMatch(/^WARNING: the store in \S+ was left broken, by a power cut or a full disk below, and has no journal: it was made anew, images, containers and volumes in it are gone\n$/);
  });
});

describe("space", () => {
  rootTest("that an image or a container had is free below again after rmi and clean", async () => {
    await use();
    const blob = crypto.getRandomValues(new Uint8Array(65536));
    const big = fakeImage([archive([...baseLayer(), ...Array.from({ length: 480 }, (_, at) => file(`f${at}`, Buffer.concat([Buffer.from(String(at)), blob])))])], { config: { Cmd: ["/bin/true"] } });
    registry = fakeRegistry((path) => serveImage(big, path));
    const name = `${registry.host}/big:latest`;
    const pull = (): Promise<{ status: number }> => job.run(["nsenter", `--net=/proc/${process.pid}/ns/net`, ...job.words("pull", "-q", name)]);
    /** MB that the file takes below, as stat(1) sees it. */
    const taken = async (): Promise<number> => Number((await job.shell(`sync; cd ${job.root}; stat -c %b $([ -e backing/store.ext4 ] && echo backing/)store.ext4`)).out) / 2048;
    await job.mdk("images");
    const empty = await taken();
    expect((await pull()).status).toBe(0);
    expect((await taken()) - empty).toBeGreaterThan(30);
    expect((await job.mdk("rmi", name)).status).toBe(0);
    expect((await taken()) - empty).toBeLessThan(3);
    expect((await pull()).status).toBe(0);
    const pulled = await taken();
    expect(await job.mdk("run", "-d", "--network", "none", name, "sh", "-c", "dd if=/dev/urandom of=/new bs=1M count=30; sync; sleep 1000")).toMatchObject({ status: 0 });
    const id = (await job.mdk("ps", "-q")).out.trim();
    await job.shell(`until [ "$(stat -c %s ${job.root}/containers/${id}*/upper/new)" = 31457280 ]; do sleep 0.02; done`);
    expect((await taken()) - pulled).toBeGreaterThan(28);
    expect((await job.mdk("clean", "-f")).status).toBe(0);
    expect((await taken()) - pulled).toBeLessThan(3);
    registry.stop();
  });
});

describe("a store of an older mdk, which brought no file system", () => {
  /** As it is there: a database and directories on the overlay itself. */
  const older = (): Promise<unknown> => job.run(job.words("images", "-q"), { MDK_STORAGE_DRIVER: "overlay2" });
  const doctor = async (): Promise<unknown> => {
    const { Findings } = JSON.parse((await job.mdk("doctor", "--json")).out) as { Findings: { Name: string; Verdict: string; Mend: string | null }[] };
    return Findings.filter(({ Name }) => Name === "storage").map(({ Verdict, Mend }) => [Verdict, Mend])[0];
  };

  rootTest("and is empty: the first command brings one as for a new data root, and clean leaves no trace of the old", async () => {
    await use();
    await older();
    expect((await job.shell(`cd ${job.root} && ls mdk.db`)).out).toBe("mdk.db\n");
    expect(job.mounts()).toEqual([]);
    expect(await doctor()).toEqual(["ok", null]);
    const first = await Promise.all([job.mdk("images"), job.mdk("images"), job.mdk("images")]);
    expect(first.map(({ status, out }) => [status, LISTED.test(out)])).toEqual([[0, true], [0, true], [0, true]]);
    expect(first.map(({ err }) => err).join("")).toMatch(/^mdk: \S+\/root is on overlay, which cannot hold containers: they are kept in a file system in \S+\/root\/store\.ext4 \(.*\)\n$/);
    expect(job.mounts()).toEqual([":ext4", "/backing:overlay"]);
    expect(await job.mdk("clean", "-f")).toEqual({ status: 0, out: "", err: "" });
    expect((await job.shell(`ls ${job.root} | grep mdk`)).out).toBe("");
    expect((await job.mdk("images", "-q")).err).toBe("");
    expect(job.mounts()).toEqual([":ext4", "/backing:overlay"]);
  });

  rootTest("and has images: they are listed and removed, pull and run are refused with what to do", async () => {
    // Pulled where it could be, as into an image of the job, and then below an overlay.
    await use();
    const image = fakeImage([archive(baseLayer())], { config: { Cmd: ["/bin/true"] } });
    registry = fakeRegistry((path) => serveImage(image, path));
    const name = `${registry.host}/base:latest`;
    const outside = (...args: readonly string[]): Promise<{ status: number; err: string }> => job.run(["nsenter", `--net=/proc/${process.pid}/ns/net`, ...args]);
    expect(await outside(...job.words("pull", "-q", name).map((word) => (word === job.root ? join(job.folder, "plain") : word)))).toMatchObject({ status: 0 });
    await job.shell(`cp -a ${job.folder}/plain ${job.root}`);
    const refusal = `mdk: ${job.root} is on overlay, which cannot hold containers, and its store has images already, which a file system of mdk's own would hide\nchoose another directory: --root DIR (or MDK_ROOT); or give up what is in this one: mdk clean -f && rm -r ${job.root}\n`;
    expect(await job.mdk("images", "--format", "{{.Tag}}")).toEqual({ status: 0, out: "latest\n", err: "" });
    expect(await job.mdk("run", "--rm", "--network", "none", name)).toEqual({ status: 125, out: "", err: refusal });
    expect(await outside(...job.words("pull", "-q", name))).toMatchObject({ status: 1, err: refusal });
    expect(await doctor()).toEqual(["missing", refusal.split("\n")[1]]);
    registry.stop();
    expect((await job.mdk("rmi", name)).status).toBe(0);
    expect(job.mounts()).toEqual([]);
    expect(await job.mdk("images", "-q")).toMatchObject({ status: 0, out: "", err: expect.stringContaining("they are kept in a file system in") });
  });
});

describe("other file systems that cannot hold containers", () => {
  const fuse = testIf(isRoot && existsSync("/dev/loop-control") && existsSync("/dev/fuse") && hasTool("bindfs"), "needs root, loop devices, /dev/fuse and bindfs");

  fuse("FUSE: the store is in a file there, and containers run", () => runOn("mkdir -p $below/source && bindfs $below/source $place", "fuse"));
  rootTest("ext4 without the types of entries, as an xfs without ftype (which kernels of today do not mount)", () =>
    runOn("[ -e $below/disk ] || { truncate -s 2G $below/disk; mkfs.ext4 -q -O ^filetype $below/disk; }; mount -o loop $below/disk $place", "ext4"));

  async function runOn(mount: string, type: string): Promise<void> {
    await use({ mount });
    const image = fakeImage([archive(baseLayer())], { config: { Cmd: ["/bin/true"] } });
    registry = fakeRegistry((path) => serveImage(image, path));
    const name = `${registry.host}/base:latest`;
    const pulled = await job.run(["nsenter", `--net=/proc/${process.pid}/ns/net`, ...job.words("pull", "-q", name)]);
    registry.stop();
    expect(pulled).toMatchObject({ status: 0, err: expect.stringContaining(`root is on ${type}, which cannot hold containers: they are kept in a file system in ${job.root}/store.ext4`) });
    expect(job.mounts()).toEqual([":ext4", `/backing:${type}`]);
    expect(await job.mdk("run", "-d", "--name", "one", "--network", "none", name, "sh", "-c", "rm /bin/ls && echo new >/new && sleep 1000")).toMatchObject({ status: 0, err: "" });
    const pid = (await job.mdk("inspect", "-f", "{{.State.Pid}}", "one")).out.trim();
    await job.stop();
    await job.begin();
    // The container still has it, by way of the mount that was here before: a FUSE that is mounted anew does not show who has locked a file.
    if (type === "fuse") {
      expect(await job.mdk("images")).toEqual({ status: 1, out: "", err: `mdk: ${job.root}/store.ext4 is in use where this host cannot see it\nanother job has this data root: choose another --root\n` });
    }
    process.kill(Number(pid), "SIGKILL");
    expect(await job.mdk("ps", "-a", "--format", "{{.Names}}")).toEqual({ status: 0, out: "one\n", err: "" });
    expect((await job.mdk("rm", "-f", "one")).status).toBe(0);
  }
});

describe("by hand", () => {
  rootTest("a driver is chosen by flag or environment, told by info, and is the store's from then on", async () => {
    await use();
    expect((await job.run(job.words("images", "-q"), { MDK_STORAGE_DRIVER: "tmpfs" })).err).toMatch(/^WARNING: --storage-driver tmpfs: images, containers and volumes are kept in memory/);
    expect((await job.mdk("info")).out).toMatch(/Root Store: tmpfs on/);
    expect(await job.mdk("--storage-driver", "loop", "images")).toEqual({ status: 1, out: "", err: expect.stringMatching(/^mdk: the store in \S+ is on tmpfs, not on loop\n/) });
    expect((await job.mdk("clean", "-f")).err).toBe(`mdk: the store ${job.root} was in memory: its images are gone\n`);
    expect(job.mounts()).toEqual([]);
    expect(await job.mdk("--storage-driver", "zfs", "images")).toEqual({ status: 1, out: "", err: 'mdk: unknown storage driver "zfs"\none of: overlay2 loop tmpfs\n' });
    expect((await job.mdk("--storage-driver", "loop", "images")).err).toMatch(/^mdk: --storage-driver loop: they are kept in a file system/);
    expect(job.mounts()).toEqual([":ext4", "/backing:overlay"]);
  });
});

describe("a file that is there", () => {
  rootTest("is the root's store from then on, on a data root that would need none as well", async () => {
    await use();
    const plain = job.words("images", "-q").map((word) => (word === job.root ? join(job.folder, "plain") : word));
    const mounted = (): Promise<string> => job.shell(`awk '$5 == "${job.folder}/plain"' /proc/self/mountinfo | wc -l`).then(({ out }) => out);
    expect(await job.run(plain, { MDK_STORAGE_DRIVER: "loop" })).toMatchObject({ status: 0, out: "" });
    const clean = plain.map((word) => (word === "images" ? "clean" : word === "-q" ? "-f" : word));
    expect(await job.run(clean)).toEqual({ status: 0, out: "", err: "" });
    expect(await mounted()).toBe("0\n");
    expect(await job.run(plain)).toEqual({ status: 0, out: "", err: "" });
    expect(await mounted()).toBe("1\n");
    await job.run(clean);
  });

  rootTest("and is somebody else's, or a link, is not mounted", async () => {
    await use();
    await job.shell(`mkdir ${job.root}; truncate -s 1G ${job.root}/store.ext4; chown 1000 ${job.root}/store.ext4`);
    expect(await job.mdk("images")).toEqual({ status: 1, out: "", err: expect.stringMatching(/store\.ext4 is no file of mdk's: .*\nremove it, or choose another --root\n$/) });
    await job.shell(`rm ${job.root}/store.ext4; ln -s /dev/zero ${job.root}/store.ext4`);
    const linked = await job.mdk("--storage-driver", "loop", "images");
    expect([linked.status, linked.err]).toEqual([1, expect.stringContaining("too many levels of symbolic links")]);
    expect(job.mounts()).toEqual([]);
    await job.shell(`rm -r ${job.root}`);
  });
});

describe("bad luck", () => {
  /** /dev without loop devices, and none can be made. */
  const noLoop = "mount -t tmpfs -o nodev dev /dev; mknod /dev/null c 1 3; mknod /dev/loop-control c 10 237";

  rootTest("without loop devices the store is in memory, and a warning says so and why", async () => {
    await use({ before: noLoop });
    const { status, err } = await job.mdk("images");
    expect([status, err]).toEqual([0, expect.stringMatching(/^WARNING: \S+ is on overlay, which cannot hold containers: images, containers and volumes are kept in memory, [\d.]+ GB at most, and are gone with it \(loop: .*\/dev\/loop-control.*\)\n$/)]);
    expect(job.mounts()).toEqual([":tmpfs"]);
  });

  rootTest("with neither it is refused, with what mends it", async () => {
    await use({ before: noLoop });
    const { status, err } = await job.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", ...job.words("images")]);
    expect(status).toBe(1);
    expect(err).toMatch(/^mdk: \S+ is on overlay, which cannot hold containers, and mdk cannot bring a file system of its own \(loop: .*; tmpfs: .*operation not permitted\)\nrun the job's container with --privileged, or give it a volume and say --root /);
    expect(job.mounts()).toEqual([]);
  });

  rootTest("a disk below that is nearly full is told by run, and a pull that does not fit fails whole", async () => {
    await use({ disk: "400m" });
    await job.mdk("images");
    const blob = crypto.getRandomValues(new Uint8Array(65536));
    const big = fakeImage([archive([...baseLayer(), ...Array.from({ length: 1600 }, (_, at) => file(`f${at}`, Buffer.concat([Buffer.from(String(at)), blob])))])], { config: { Cmd: ["/bin/true"] } });
    registry = fakeRegistry((path) => serveImage(big, path));
    await job.shell(`dd if=/dev/zero of=${job.place}/fill bs=1M count=360 2>/dev/null`);
    const pulled = await job.run(["nsenter", `--net=/proc/${process.pid}/ns/net`, ...job.words("pull", "-q", `${registry.host}/big:latest`)]);
    registry.stop();
    expect([pulled.status, pulled.err]).toEqual([1, expect.stringMatching(/^mdk: no space left on device: (the disk below the store \S+ is nearly full \(\d+ MB left\)|writes to the store \S+ failed)/)]);
    // What is broken is read-only until it is made anew.
    await job.shell(`rm ${job.place}/fill`);
    await job.mdk("clean", "-f"); // tells what it could not write down
    expect(job.mounts()).toEqual([]);
    expect((await job.mdk("images", "-q")).out).toBe("");
  });

  rootTest("what a container wrote while the disk below was full is lost: the next start says so, doctor too, and after clean the store is a new one", async () => {
    await use({ disk: "500m" });
    const image = fakeImage([archive(baseLayer())], { config: { Cmd: ["/bin/true"] } });
    registry = fakeRegistry((path) => serveImage(image, path));
    const name = `${registry.host}/base:latest`;
    await job.run(["nsenter", `--net=/proc/${process.pid}/ns/net`, ...job.words("pull", "-q", name)]);
    registry.stop();
    expect((await job.mdk("run", "-d", "--name", "one", "--network", "none", name, "sleep", "1000")).status).toBe(0);
    await job.shell(`sync; dd if=/dev/zero of=${job.place}/fill bs=1M 2>/dev/null`);
    expect((await job.mdk("exec", "one", "dd", "if=/dev/urandom", "of=/new", "bs=1M", "count=40")).status).toBe(0);
    await job.shell(`sync; rm ${job.place}/fill`);
    const asked = JSON.parse((await job.mdk("doctor", "--json")).out) as { Findings: { Name: string; Verdict: string; Found: string }[] };
    expect(asked.Findings.find(({ Name }) => Name === "storage")).toMatchObject({ Verdict: expect.stringMatching(/^(warning|missing)$/), Found: expect.stringMatching(/^writes to the store \S+ failed, since the disk below was full/) });
    // What is broken beyond its files is read-only until it is made anew.
    const started = await job.mdk("run", "--rm", "--network", "none", name);
    expect(started.err).toMatch(/^WARNING: writes to the store \S+ failed, since the disk below was full: images, containers and volumes in it may be damaged; make room there, and mdk clean -f makes it anew$|readonly.*\n.*is made anew after mdk clean -f/m);
    expect((await job.mdk("clean", "-f")).err).toContain(`mdk: writes to the store ${job.root} had failed, since the disk below was full: its images are gone\n`);
    expect(await job.mdk("images", "-q")).toMatchObject({ status: 0, out: "", err: expect.stringContaining("they are kept in a file system in") });
    expect((await job.mdk("doctor")).status).toBe(0);
  });

  testIf(isRoot && hasTool("strace"), "needs root and strace")("killed at each system call that brings it, the next command uses or remakes what is left", async () => {
    const calls = ["mkdir", "openat", "unlink", "ftruncate", "pwrite64", "fcntl", "ioctl", "fsopen", "fsconfig", "fsmount", "rename", "open_tree", "move_mount", "mknodat", "renameat", "unlinkat"];
    await use();
    const trace = join(job.folder, "trace");
    await job.run(["strace", "-f", "-qq", "-e", `trace=${calls.join(",")}`, "-o", trace, ...job.words("images")]);
    const counts = new Map<string, number>();
    const own = (await Bun.file(trace).text()).split("\n").map((line) => line.replace(/^\d+ +/, "")).filter((line) => /^\w+\(/.test(line));
    for (const line of own) counts.set(/^\w+/.exec(line)![0], (counts.get(/^\w+/.exec(line)![0]) ?? 0) + 1);
    expect(counts.get("move_mount")).toBe(2);
    // Of the calls that every command makes only those that name the store count.
    const points: [string, number][] = [];
    const seen = new Map<string, number>();
    for (const line of own) {
      const call = /^\w+/.exec(line)![0];
      const at = (seen.get(call) ?? 0) + 1;
      seen.set(call, at);
      if (/openat|fcntl|ioctl/.test(call) && !/store\.|LOOP|loop|OFD/.test(line)) continue;
      points.push([call, at]);
    }
    expect(points.length).toBeGreaterThan(25);
    await job.mdk("clean", "-f");
    for (const [call, at] of points) {
      await job.shell(`umount -l ${job.root}/backing ${job.root} 2>/dev/null; rm -rf ${job.root}`);
      await job.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${at}`, ...job.words("images", "-q")]);
      const after = await job.mdk("images", "-q");
      expect([call, at, after.status, after.out]).toEqual([call, at, 0, ""]);
      expect([call, at, job.mounts()[0]]).toEqual([call, at, ":ext4"]);
      expect([call, at, storeLoops()]).toEqual([call, at, loopsBefore + 1]);
    }
  }, 300_000);
});
