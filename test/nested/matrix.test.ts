/**
 * mdk where CI jobs run: each engine that starts the job's container × what the data root is on × how the job sees its cgroups. Pull, run
 * with both limits (read from outside), exec, publish, stop, rm, clean, nothing left. `npm test` runs the cells of QUICK,
 * `npm run test:hosts` (MDK_TEST_HOSTS=1) all of them.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Bed, type Engine, type Root } from "../helpers/beds.ts";
import { storeLoops } from "../helpers/job.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";

const ENGINES: readonly Engine[] = ["podman", "mdk", "docker"];
const ROOTS: readonly Root[] = ["overlay", "volume", "tmpfs"];
const CGROUPS = ["v1", "read-only", "v2"] as const;
type Cgroups = (typeof CGROUPS)[number];

/** What stands for the rest: every engine's own overlay, and each of the other columns once. */
const QUICK: ReadonlySet<string> = new Set(["podman overlay v1", "mdk overlay read-only", "mdk tmpfs v1", "mdk volume v2"]);
const whole = process.env["MDK_TEST_HOSTS"] === "1";

/** Only v1 has controllers on a hybrid machine; a machine of pure v2 is what test/vm is for. */
const isHybrid = isRoot && readFileSync("/proc/self/mountinfo", "utf8").includes(" - cgroup ");
const TOOL: Readonly<Record<Engine, string>> = { podman: "podman", mdk: "umoci", docker: "dockerd" };

for (const engine of ENGINES) {
  const cells = ROOTS.flatMap((root) => CGROUPS.map((cgroups) => ({ root, cgroups }))).filter(({ root, cgroups }) => whole || QUICK.has(`${engine} ${root} ${cgroups}`));
  if (cells.length === 0) continue;
  describe(`in a job of ${engine}`, () => {
    const ready = isHybrid && hasTool(TOOL[engine]);
    let bed: Bed;
    beforeAll(async () => {
      if (ready) bed = await Bed.open(engine);
    });
    afterAll(() => bed?.close());

    for (const { root, cgroups } of cells) {
      testIf(ready, `needs root, a machine with cgroup v1 and ${TOOL[engine]}`)(`data root on ${root}, cgroups ${cgroups}`, () => runCell(bed, root, cgroups));
    }
    if (engine !== "podman") return;
    const podmanTest = testIf(ready, "needs root, a machine with cgroup v1 and podman");
    podmanTest("mdk in mdk in it", () => runDeep(bed));
    podmanTest("killed while it pulls and while a container runs, and started again", () => runKilled(bed));
  });
}

async function runCell(bed: Bed, root: Root, cgroups: Cgroups): Promise<void> {
  const before = storeLoops();
  const id = await bed.begin(root);
  try {
    expect(await bed.job(id, "prepare", cgroups)).toMatchObject({ status: 0 });
    const up = await bed.job(id, "up", bed.registry.host, cgroups === "v2" ? "none" : "both");
    expect([up.status, up.out + up.err]).toEqual([0, expect.stringContaining("ok - exec's output: executed")]);
    expect(/^store: (.*)$/m.exec(up.out)?.[1]).toMatch(root === "overlay" ? /^loop: \/dev\/loop\d+ on \/var\/lib\/mdk$/ : /^$/);
    expect(/^told: (.*)$/m.exec(up.out)?.[1] ?? "").toMatch(root === "overlay" ? /^mdk: \/var\/lib\/mdk is on overlay/ : /^$/);
    if (cgroups !== "v2") expect(limitsOf(/^id (\w+)$/m.exec(up.out)![1]!)).toEqual({ memory: "67108864", cpu: "25000 100000" });
    const down = await bed.job(id, "down");
    expect([down.status, down.out + down.err]).toEqual([0, expect.stringContaining("ok - mounts of a store")]);
  } finally {
    await bed.end(id);
  }
  expect(storeLoops()).toBe(before);
}

async function runDeep(bed: Bed): Promise<void> {
  const before = storeLoops();
  const id = await bed.begin("overlay");
  try {
    const deeper = await bed.job(id, "deeper", bed.registry.host);
    expect([deeper.status, deeper.out + deeper.err]).toEqual([0, expect.stringContaining("ok - rm -f of it")]);
  } finally {
    await bed.end(id);
  }
  expect(storeLoops()).toBe(before);
}

async function runKilled(bed: Bed): Promise<void> {
  const before = storeLoops();
  const id = await bed.begin("overlay");
  try {
    for (const afterMs of [30, 80, 160, 320]) {
      const pulling = bed.cli("exec", id, "mdk", "pull", "-q", `${bed.registry.host}/debian`);
      await Bun.sleep(afterMs);
      await bed.restart(id);
      await pulling;
      expect(await bed.cli("exec", id, "mdk", "images", "-q")).toMatchObject({ status: 0 });
    }
    const up = await bed.job(id, "up", bed.registry.host, "both");
    expect([up.status, up.out + up.err]).toEqual([0, expect.stringContaining("ok - exec's output: executed")]);
    await bed.restart(id);
    expect(await bed.cli("exec", id, "mdk", "ps", "-a", "--format", "{{.Names}} {{.State}}")).toEqual({ status: 0, out: "app exited\n", err: "" });
    expect(await bed.cli("exec", id, "mdk", "inspect", "-f", "{{.State.ExitCode}}", "app")).toMatchObject({ out: "255\n" });
    expect(await bed.cli("exec", id, "mdk", "start", "app")).toEqual({ status: 0, out: "app\n", err: "" });
    const down = await bed.job(id, "down");
    expect([down.status, down.out + down.err]).toEqual([0, expect.stringContaining("ok - mounts of a store")]);
  } finally {
    await bed.end(id);
  }
  expect(storeLoops()).toBe(before);
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
