/** Exec plans of the planner carried out by the real shim in a container that runs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statusOf } from "../../../src/cli/exit.ts";
import { failureError } from "../../../src/runtime/failure.ts";
import { planExec } from "../../../src/runtime/planner.ts";
import { machineOf, seccompFilter } from "../../../src/runtime/seccomp.ts";
import { generateExec, type ExecProcessRequest } from "../../../src/spec/exec.ts";
import { errnoText } from "../../../src/sys/errno.ts";
import { identityOf, openProcess } from "../../../src/sys/pidfd.ts";
import { exited, go, launch, parent, run, type Container } from "../../helpers/shim.ts";
import { goldenSpec, MONITOR } from "../../runtime/golden.ts";

const available = BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
const ROOT = { uid: 0, gid: 0, additionalGids: [0], home: "/root" };
let container: Container;
let pid = 0;

beforeAll(() => {
  container = run({ argv: ["sleep", "100"], paths: ["/bin/sleep"] });
  pid = go(container);
});

afterAll(() => {
  process.kill(parent(pid), "SIGKILL");
  exited(container);
  container.close();
});

/** Runs argv in the container: what it printed and its status, or the sentence that says why it cannot be run. */
async function exec(args: string[], changes: Partial<ExecProcessRequest> = {}): Promise<{ output: string; code: number; error: string | null }> {
  const folder = mkdtempSync(join(tmpdir(), "mdk-exec-"));
  const output = openSync(join(folder, "output"), "w");
  const [cage, init] = [parent(pid), pid].map((id) => openProcess(id, identityOf(id)?.startTime ?? "") as number) as [number, number];
  // The container of the shim's own tests shares the host's network and cgroup namespaces.
  const spec = goldenSpec({ NetworkMode: "host" });
  const made = generateExec(spec, { args, variables: [], containerEnv: ["PATH=/bin"], env: ["E=1"], workdir: null, user: ROOT, tty: false, privileged: false, oomScore: null, ...changes }, available);
  const filter = await seccompFilter(spec, machineOf(process.arch) ?? "x86_64", made.capabilities.bounding);
  const started = launch("exec", (d, report) => ({
    exec: planExec({
      id: "e", spec, process: { ...made, rlimits: [] }, cage: d.add(cage), init: d.add(init), runLock: d.add(openSync("/dev/null", "r")), report, cgroup: { v2: null, tasks: [] }, keyrings: true,
      filter, window: null,
      monitor: {
        ...MONITOR, hold: [], proxied: [], tasks: [], listener: null, client: null, log: null, record: null, oom: null, cleanup: [], tell_after_cleanup: false, health: null,
        streams: { ...MONITOR.streams, handed_stdout: d.add(output), handed_stderr: d.add(output) },
      },
    }),
  }));
  try {
    for (;;) {
      const { report } = started.next();
      if (report === null) break;
      if (!("failed" in report)) continue;
      const error = failureError(report.failed, { operation: "exec", args, cwd: made.cwd, steps: [], sourceOf: () => null, text: errnoText });
      return { output: "", code: statusOf(error, -1), error: error.message };
    }
    const { code } = exited(started);
    return { output: readFileSync(join(folder, "output"), "utf8"), code, error: null };
  } finally {
    for (const fd of [output, cage, init, started.report, started.channel]) closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

test("an exec'd process is in the container's namespaces, with its environment and its status", async () => {
  const { output, code } = await exec(["sh", "-c", "echo $E $HOME $PATH; readlink /proc/self/ns/mnt; exit 9"]);
  expect(output).toBe(`1 /root /bin\n${readlinkSync(`/proc/${pid}/ns/mnt`)}\n`);
  expect(code).toBe(9);
});

test("an exec'd process is confined as the container is: capabilities, filter, nothing inheritable", async () => {
  const { output } = await exec(["cat", "/proc/self/status"]);
  expect(output).toMatch(/^CapInh:\t0{16}$/m);
  expect(output).toMatch(/^Seccomp:\t2$/m);
  expect(BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(output)?.[1]}`)).toBe(0xa80425fbn & available);
  const other = await exec(["cat", "/proc/self/status"], { user: { uid: 1000, gid: 5, additionalGids: [5], home: "/" } });
  for (const set of ["CapEff", "CapPrm", "CapAmb"]) expect(other.output).toMatch(new RegExp(`^${set}:\\t0{16}$`, "m"));
  expect(other.output).toMatch(/^Groups:\t5 $/m);
});

test("an exec that cannot be says so in Docker's words", async () => {
  expect(await exec(["nosuch"])).toEqual({ output: "", code: 127, error: 'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown' });
  expect((await exec(["true"], { workdir: "/nosuch" })).error).toEndWith('chdir to cwd ("/nosuch") set in config.json failed: no such file or directory: unknown');
  for (let fd = 3; fd < 12; fd++) expect((await exec(["pwd"], { workdir: `/proc/self/fd/${fd}` })).error).toContain("set in config.json failed");
});
