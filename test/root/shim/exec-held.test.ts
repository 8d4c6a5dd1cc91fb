/**
 * An exec'd process in the container's power (CVE-2016-9962): what a tracer in the container makes it say is not believed,
 * and what a tracer withholds is not waited for.
 */
import { afterEach, expect, test } from "bun:test";
import { closeSync, readdirSync, readFileSync, readlinkSync, readSync, writeSync } from "node:fs";
import { awaitRunning } from "../../../src/runtime/launch.ts";
import { check, libc } from "../../../src/sys/ffi.ts";
import { sendWithDescriptors, socketpair } from "../../../src/sys/socket.ts";
import { closeContainers, container, exec, kill, pidfd, pipe, shell } from "../../helpers/shim-container.ts";
import { alive, exited, go, parent, say, status, until } from "../../helpers/shim.ts";
import type { Plan, Step } from "../../../src/runtime/plan.ts";

const c = libc({
  syscall: { args: ["i64", "i64", "i64", "i64"], returns: "i64" },
  ptrace: { args: ["i64", "i32", "i64", "i64"], returns: "i64" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
});
const PIDFD_GETFD = 438n;
const PTRACE_SEIZE = 0x4206n;
const WALL = 0x40000000;

afterEach(closeContainers);

/** Held inside, before it is ready, until it hears "g" a second time: as a tracer might hold it. */
function heldInside(plan: Plan): Plan {
  if (!("exec" in plan)) return plan;
  const steps = plan.exec.steps.flatMap((step): Step[] => ("clone_inside" in step ? [step, { wait_go: {} }] : [step]));
  return { exec: { ...plan.exec, steps } };
}

/** A container, and an exec in it that is held inside before it is ready. */
async function held(): Promise<{ e: ReturnType<typeof exec>; init: number; inside: number; monitor: number; output: number }> {
  const made = container(shell("sleep 100"));
  const init = go(made);
  made.next();
  const [output, theirs] = pipe();
  const e = exec(init, "read word; echo said $word; exit 3", { dup_streams: { uid: 0, gid: 0 } }, (d) => ({
    streams: { terminal: false, open_stdin: true, stdin_once: true, handed_stdin: null, handed_stdout: d.add(theirs), handed_stderr: null, reader_ms: 60_000 },
  }), heldInside);
  closeSync(theirs);
  if (!("created" in e.next().report!)) throw new Error("expected created");
  say(e.report, "g");
  const cage = parent(init);
  let inside = 0;
  await until(() => {
    const found = readdirSync("/proc").map(Number).filter((pid) => pid > 0 && pid !== init && (status(pid, "NSpid") ?? "").split(/\s+/).length === 3 && parent(parent(pid)) === cage);
    inside = found[0] ?? 0;
    return inside !== 0;
  }, "it is inside");
  return { e, init, inside, monitor: parent(inside), output };
}

/** A copy of the process's socket to its monitor, which whoever traces it has too. */
function upOf(pid: number): number {
  const process = pidfd(pid);
  try {
    const sockets = readdirSync(`/proc/${pid}/fd`).map(Number).filter((fd) => fd > 2 && readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:"));
    // The report socket came with the plan, before the pair to the monitor was made.
    return check(c().syscall(PIDFD_GETFD, BigInt(process), BigInt(Math.max(...sockets)), 0n), "pidfd_getfd");
  } finally {
    closeSync(process);
  }
}

const used = (pid: number): number => readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ").slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);

test("nothing that a traced exec says of its status, its mounts, a terminal or another process is believed", async () => {
  const { e, init, inside, monitor, output } = await held();
  const up = upOf(inside);
  const before = readdirSync(`/proc/${monitor}/fd`).length;
  const [pipeRead, pipeWrite] = pipe();
  const stranger = pidfd(init);
  sendWithDescriptors(up, Buffer.from([0x73, 77]), []); // status
  sendWithDescriptors(up, Buffer.from("m"), [pipeRead]); // terminal
  sendWithDescriptors(up, Buffer.from("n"), [pipeRead]); // mounts
  sendWithDescriptors(up, Buffer.from("p"), [stranger]); // process
  sendWithDescriptors(up, Buffer.from("?"), [pipeRead]);
  for (const fd of [up, pipeRead, stranger]) closeSync(fd);
  await until(() => isBroken(pipeWrite), "nobody keeps the pipe's other end");
  expect(readdirSync(`/proc/${monitor}/fd`).length).toBe(before);
  closeSync(pipeWrite);
  say(e.report, "g");
  expect(e.next().report).toHaveProperty("ready");
  say(e.channel, "?"); // a client may say what it wants
  writeSync(inputOf(monitor), "true\n");
  const buffer = Buffer.alloc(100);
  expect(buffer.subarray(0, readSync(output, buffer)).toString()).toBe("said true\n");
  expect(exited(e)).toMatchObject({ code: 3 });
  for (const fd of [e.report, e.channel, output]) closeSync(fd);
});

function isBroken(pipeWrite: number): boolean {
  try {
    writeSync(pipeWrite, "x");
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "EPIPE";
  }
}

/** A copy of the pipe that leads to the program's stdin. */
function inputOf(monitor: number): number {
  const process = pidfd(monitor);
  try {
    const fds = readdirSync(`/proc/${monitor}/fd`).map(Number);
    const writable = fds.filter((fd) => readlinkSync(`/proc/${monitor}/fd/${fd}`).startsWith("pipe:") && /flags:\t0?\d*1$/m.test(readFileSync(`/proc/${monitor}/fdinfo/${fd}`, "latin1")));
    return check(c().syscall(PIDFD_GETFD, BigInt(process), BigInt(Math.min(...writable)), 0n), "pidfd_getfd");
  } finally {
    closeSync(process);
  }
}

test("a client that gives up an exec which has not begun takes it along", async () => {
  const { e, inside, monitor, output } = await held();
  expect(() => awaitRunning(e.report, () => {}, performance.now() + 50)).toThrow("did not begin in time");
  for (const fd of [e.report, e.channel, output]) closeSync(fd);
  await until(() => !alive(inside) && !alive(monitor), "both are gone");
});

test("a dead process whose tracer keeps its status does not make its monitor spin, nor its client wait", async () => {
  const { e, inside, monitor, output } = await held();
  say(e.report, "g");
  expect(e.next().report).toHaveProperty("ready");
  check(c().ptrace(PTRACE_SEIZE, inside, 0n, 0n), "ptrace");
  kill(inside);
  await until(() => status(inside, "State")?.startsWith("Z") === true, "it is dead");
  const before = used(monitor);
  expect(exited(e)).toMatchObject({ code: 137 });
  expect(used(monitor) - before).toBeLessThanOrEqual(100);
  check(c().waitpid(inside, Buffer.alloc(4), WALL), "waitpid");
  for (const fd of [e.report, e.channel, output]) closeSync(fd);
});

test("who says anything but a report, or nothing, is not waited for without end", () => {
  const [mine, theirs] = socketpair();
  say(theirs, '{"created":{"pid":1}}');
  expect(() => awaitRunning(mine, () => {}, performance.now() + 50)).toThrow("did not begin in time");
  for (const word of ["5", "null", "{", "\0"]) {
    say(theirs, word);
    expect(() => awaitRunning(mine, () => {}, performance.now() + 50)).toThrow("is no report");
  }
  for (const fd of [mine, theirs]) closeSync(fd);
});
