/**
 * mdk where CI jobs run: each engine that starts the job's container × what the data root is on × how the job sees its cgroups × what the
 * job runs (Debian, or musl alone). Pull, run with both limits (read from outside), exec, publish, stop, rm, clean, nothing left; and what
 * doctor said before is what happened then. `npm test` runs the cells of QUICK, `npm run test:hosts` (MDK_TEST_HOSTS=1) all of them.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Bed, type BedEnded, type Engine, type Image, type JobOptions, type Root } from "../helpers/beds.ts";
import { storeLoops } from "../helpers/job.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";
import { runSharedNetwork, runSharedVolume } from "./shared.ts";

const ENGINES: readonly Engine[] = ["podman", "mdk", "docker"];
const ROOTS: readonly Root[] = ["overlay", "volume", "tmpfs"];
const CGROUPS = ["v1", "read-only", "v2", "delegated"] as const;
type Cgroups = (typeof CGROUPS)[number];
const IMAGES: readonly Image[] = ["debian", "musl"];

interface Cell extends JobOptions {
  readonly root: Root;
  readonly cgroups: Cgroups;
  readonly image: Image;
}

/** What stands for the rest: podman's and mdk's own overlay, and each of the other columns once. */
const QUICK: ReadonlySet<string> = new Set([
  "podman overlay v1 debian", "mdk overlay read-only debian", "mdk tmpfs v1 musl", "mdk volume v2 debian", "mdk overlay delegated debian",
]);
const whole = process.env["MDK_TEST_HOSTS"] === "1";

/** Only v1 has controllers on a hybrid machine; a machine of pure v2 is what test/vm is for. */
const isHybrid = isRoot && readFileSync("/proc/self/mountinfo", "utf8").includes(" - cgroup ");
const TOOL: Readonly<Record<Engine, string>> = { podman: "podman", mdk: "umoci", docker: "dockerd" };

for (const engine of ENGINES) {
  const cells = ROOTS.flatMap((root) => CGROUPS.flatMap((cgroups) => IMAGES.map((image): Cell => ({ root, cgroups, image }))))
    .filter(({ root, cgroups, image }) => whole || QUICK.has(`${engine} ${root} ${cgroups} ${image}`));
  if (cells.length === 0) continue;
  describe(`in a job of ${engine}`, () => {
    const ready = isHybrid && hasTool(TOOL[engine]);
    const bedTest = testIf(ready, `needs root, a machine with cgroup v1 and ${TOOL[engine]}`);
    let bed: Bed;
    beforeAll(async () => {
      if (ready) bed = await Bed.open(engine, whole || cells.some(({ image }) => image === "musl") ? IMAGES : ["debian"]);
    });
    afterAll(() => bed?.close());

    for (const cell of cells) bedTest(`data root on ${cell.root}, cgroups ${cell.cgroups}, ${cell.image}`, () => runCell(bed, cell));
    if (whole && engine === "docker") {
      for (const image of IMAGES) bedTest(`data root on overlay, no loop devices, ${image}`, () => runCell(bed, { root: "overlay", cgroups: "v1", image, power: "no-loop" }));
    }
    if (whole) for (const image of IMAGES) bedTest(`in a container as any, ${image}`, () => runPlain(bed, image));
    if (whole || engine === "mdk") {
      bedTest("two that share the network", () => runSharedNetwork(bed));
      bedTest("two that share a volume as data root", () => runSharedVolume(bed, "disk"));
      // A mount that is made now is not in the mount namespace of dockerd.
      if (engine !== "docker") bedTest("two that share a volume on an overlay, and so a loop store", () => runSharedVolume(bed, "overlay"));
    }
    if (engine !== "podman") return;
    bedTest("mdk in mdk in it", () => runDeep(bed));
    bedTest("killed while it pulls and while a container runs, and started again", () => runKilled(bed));
  });
}

/** What is to be brought, by what there is. */
const STORES = {
  overlay2: { chosen: /^overlay2: /, store: /^$/, told: /^$/ },
  loop: { chosen: / on a loop device$/, store: /^loop: \/dev\/loop\d+ on \/var\/lib\/mdk$/, told: /^mdk: \/var\/lib\/mdk is on overlay/ },
  tmpfs: { chosen: /^a tmpfs: /, store: /^tmpfs on \/var\/lib\/mdk, in memory$/, told: /^WARNING: \/var\/lib\/mdk is on overlay.* in memory/ },
} as const;

interface Finding { readonly Name: string; readonly Verdict: string; readonly Found: string; readonly Chosen: string | null }
interface Report { readonly status: number; readonly works: boolean; readonly not: Readonly<Record<string, string>>; readonly of: (name: string) => Finding | undefined }

async function doctor(bed: Bed, id: string): Promise<Report> {
  const { status, out, err } = await bed.job(id, "doctor");
  if (!out.startsWith("{")) throw new Error(out + err);
  const { Works, Findings } = JSON.parse(out) as { Works: boolean; Findings: Finding[] };
  const not = Object.fromEntries(Findings.filter(({ Verdict }) => Verdict !== "ok").map(({ Name, Verdict }) => [Name, Verdict]));
  return { status, works: Works, not, of: (name) => Findings.find(({ Name }) => Name === name) };
}

/** As doctor says it, by the types of what is mounted. */
const MODES: Readonly<Record<string, string>> = { "cgroup": "v1", "cgroup cgroup2": "v1 and v2 (hybrid)", "cgroup2": "v2" };

async function runCell(bed: Bed, cell: Cell): Promise<void> {
  const { root, cgroups, image } = cell;
  const kind = root !== "overlay" ? "overlay2" : cell.power === "no-loop" ? "tmpfs" : "loop";
  const { chosen, store, told } = STORES[kind];
  const hasLimits = cgroups !== "v2";
  const before = storeLoops();
  const id = await bed.begin({ ...cell, cgroupNamespace: cgroups === "delegated" });
  try {
    const prepared = await bed.job(id, "prepare", cgroups);
    expect(prepared).toMatchObject({ status: 0 });
    const said = await doctor(bed, id);
    expect(said).toMatchObject({ status: 0, works: true, not: { ...(hasLimits ? {} : { limits: "warning" }), ...(kind === "tmpfs" ? { storage: "warning" } : {}) } });
    expect(said.of("loader")?.Found).toMatch(image === "musl" ? /^no glibc/ : /^glibc: /);
    expect(said.of("storage")?.Chosen).toMatch(chosen);
    expect(said.of("cgroup")?.Found).toBe(MODES[/^mounted (.*)$/m.exec(prepared.out)![1]!]!);
    expect(said.of("limits")?.Found).toMatch(hasLimits ? /^controllers memory, cpu, pids, cpuset$/ : /^without the controllers memory, cpu, pids, cpuset$/);
    const up = await bed.job(id, "up", bed.registry.host, hasLimits ? "both" : "none");
    expectDone(up, "exec's output: executed");
    expect(/^store: (.*)$/m.exec(up.out)?.[1]).toMatch(store);
    expect(/^told: (.*)$/m.exec(up.out)?.[1] ?? "").toMatch(told);
    if (hasLimits) expect(limitsOf(/^id (\w+)$/m.exec(up.out)![1]!)).toEqual({ memory: "67108864", cpu: "25000 100000" });
    expectDone(await bed.job(id, "down"), cgroups === "delegated" ? "what was delegated is empty" : "mounts of a store");
  } finally {
    await bed.end(id);
  }
  await expectNoLoopLeft(before);
}

/** A job's mounts may go a moment after its engine says that it is gone. */
async function expectNoLoopLeft(before: number): Promise<void> {
  for (let tries = 0; tries < 40 && storeLoops() > before; tries++) await Bun.sleep(50);
  expect(storeLoops()).toBeLessThanOrEqual(before);
}

/** The last thing that the job's script shows. */
function expectDone({ status, out, err }: BedEnded, last: string): void {
  expect([status, out + err]).toEqual([0, expect.stringContaining(`ok - ${last}`)]);
}

/** A container without any power: doctor says so, and what it says is missing makes `run` fail. */
async function runPlain(bed: Bed, image: Image): Promise<void> {
  const id = await bed.begin({ root: "volume", image, power: "plain" });
  try {
    const said = await doctor(bed, id);
    expect(said).toMatchObject({ status: 1, works: false, not: { capabilities: "missing", storage: "missing" } });
    const ran = await bed.cli("exec", id, "mdk", "run", "--rm", `${bed.registry.host}/busybox`, "true");
    expect([ran.status, ran.err]).toEqual([125, expect.stringMatching(/^mdk: /m)]);
  } finally {
    await bed.end(id);
  }
}

async function runDeep(bed: Bed): Promise<void> {
  const before = storeLoops();
  const id = await bed.begin({ root: "overlay" });
  try {
    expectDone(await bed.job(id, "deeper", bed.registry.host), "rm -f of it");
  } finally {
    await bed.end(id);
  }
  await expectNoLoopLeft(before);
}

async function runKilled(bed: Bed): Promise<void> {
  const before = storeLoops();
  const id = await bed.begin({ root: "overlay" });
  try {
    for (const afterMs of [30, 80, 160, 320]) {
      const pulling = bed.mdkInDying(id, "pull", "-q", `${bed.registry.host}/debian`);
      await Bun.sleep(afterMs);
      await bed.restart(id);
      await pulling;
      expect(await bed.cli("exec", id, "mdk", "images", "-q")).toMatchObject({ status: 0 });
    }
    expectDone(await bed.job(id, "up", bed.registry.host, "both"), "exec's output: executed");
    await bed.restart(id);
    expect(await bed.cli("exec", id, "mdk", "ps", "-a", "--format", "{{.Names}} {{.State}}")).toEqual({ status: 0, out: "app exited\n", err: "" });
    expect(await bed.cli("exec", id, "mdk", "inspect", "-f", "{{.State.ExitCode}}", "app")).toMatchObject({ out: "255\n" });
    expect(await bed.cli("exec", id, "mdk", "start", "app")).toEqual({ status: 0, out: "app\n", err: "" });
    expectDone(await bed.job(id, "down"), "mounts of a store");
  } finally {
    await bed.end(id);
  }
  await expectNoLoopLeft(before);
}

/** As the machine sees them: in the groups of a process whose group is named after the container. */
function limitsOf(id: string): { readonly memory: string; readonly cpu: string } {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const lines = groupsOf(pid);
    const memory = lines.find((line) => line.includes(":memory:") && line.includes(id));
    if (memory === undefined) continue;
    const cpu = lines.find((line) => /:(cpu|cpu,cpuacct|cpuacct,cpu):/.test(line))!;
    const read = (line: string, file: string): string => {
      const [, controllers, path] = line.split(":");
      return readFileSync(`/sys/fs/cgroup/${controllers}${path}/${file}`, "utf8").trim();
    };
    return { memory: read(memory, "memory.limit_in_bytes"), cpu: `${read(cpu, "cpu.cfs_quota_us")} ${read(cpu, "cpu.cfs_period_us")}` };
  }
  throw new Error(`no process is in a group of ${id}`);
}

function groupsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  } catch {
    return [];
  }
}
