/** Execs as a server uses them: planned, started and looked at by different calls; what is left of them, and when it goes. */
import { expect, test } from "bun:test";
import { existsSync, openSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { findContainer } from "../../../src/engine/container/find.ts";
import { planExecution, startExec, type ExecStart } from "../../../src/engine/session/exec.ts";
import { inspectExec, runningExecs } from "../../../src/engine/session/inspect.ts";
import type { Container } from "../../../src/store/containers.ts";
import { statusOf, until } from "../../helpers/mdk.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

const nowhere = (): number => openSync("/dev/null", "r+");
const start = (detach: boolean): ExecStart => ({
  detach, detachKeys: new Uint8Array(),
  client: {
    stdin: { descriptor: nowhere(), terminal: false }, stdout: { descriptor: nowhere(), terminal: false }, stderr: { descriptor: nowhere(), terminal: false },
    window: () => ({ rows: 0, columns: 0 }), listen: () => () => {},
  },
});
const request = (...args: string[]) => ({ args, env: [], workdir: null, user: null, privileged: false, terminal: false, interactive: false });
const records = (container: Container): string[] => (existsSync(`${world.runRoot}/${container.id}/exec`) ? readdirSync(`${world.runRoot}/${container.id}/exec`) : []);

function running(name: string): { context: Context; container: Container } {
  world.ok("run", "-d", "--name", name, "--network", "none", busybox, "sleep", "1000");
  const context = createContext({ root: world.root, runRoot: world.runRoot, environment: {}, now: () => new Date() });
  return { context, container: findContainer(context, name) };
}

test("one that is planned is created, runs when it is started, and tells its status when it has ended", async () => {
  const { context, container } = running("planned");
  const planned = planExecution(context, container, request("sh", "-c", "while [ ! -e /go ]; do sleep 0.02; done; exit 6"));
  expect(inspectExec(context, container, planned.id)).toMatchObject({ word: "created", pid: 0, code: null, request: { args: ["sh", "-c", expect.any(String)] } });
  expect(await startExec(context, planned, start(true))).toBe(0);
  expect(inspectExec(context, container, planned.id)).toMatchObject({ word: "running", code: null });
  await until(() => inspectExec(context, container, planned.id)!.pid > 0, "its pid");
  expect(statusOf(inspectExec(context, container, planned.id)!.pid, "Name")).toBe("sh");
  expect(runningExecs(context, container)).toEqual([planned.id]);
  expect(JSON.parse(world.ok("inspect", "-f", "{{json .ExecIDs}}", "planned"))).toEqual([planned.id]);
  world.ok("exec", "planned", "touch", "/go");
  await until(() => inspectExec(context, container, planned.id)?.word === "ended", "its end");
  expect(inspectExec(context, container, planned.id)).toMatchObject({ pid: 0, code: 6 });
  expect(runningExecs(context, container)).toEqual([]);
  expect(inspectExec(context, container, "0".repeat(64))).toBeNull();
  world.ok("rm", "-f", "planned");
});

test("whoever sees the end leaves no record, nor does what could not be started; the others go with the container's run", async () => {
  const { context, container } = running("tidy");
  expect(world.mdk(["exec", "tidy", "sh", "-c", "exit 3"]).status).toBe(3);
  expect(world.mdk(["exec", "tidy", "no-such-command"]).status).toBe(127);
  expect(world.mdk(["exec", "-u", "nobodyhere", "tidy", "true"]).status).toBe(126);
  expect(records(container)).toEqual([]);
  const failing = planExecution(context, container, request("no-such-command"));
  await expect(startExec(context, failing, start(true))).rejects.toThrow("executable file not found");
  expect(inspectExec(context, container, failing.id)).toBeNull();
  world.ok("exec", "-d", "tidy", "sleep", "1000");
  const late = planExecution(context, container, request("true"));
  expect(records(container)).toHaveLength(2);
  world.ok("stop", "-t", "0", "tidy");
  expect(records(container)).toEqual([]);
  await expect(startExec(context, late, start(true))).rejects.toThrow("is not running");
  expect(() => planExecution(context, container, request("true"))).toThrow("is not running");
  world.ok("rm", "tidy");
});

test("one that was started is not started again, and its record stays that of its one run", async () => {
  const { context, container } = running("once");
  const planned = planExecution(context, container, request("sh", "-c", "while [ ! -e /go ]; do sleep 0.02; done; exit 6"));
  await startExec(context, planned, start(true));
  await expect(startExec(context, planned, start(true))).rejects.toThrow(`Error: Exec command ${planned.id} is already running`);
  expect(inspectExec(context, container, planned.id)).toMatchObject({ word: "running" });
  world.ok("exec", "once", "touch", "/go");
  await until(() => inspectExec(context, container, planned.id)?.word === "ended", "its end");
  await expect(startExec(context, planned, start(true))).rejects.toThrow(`Error: Exec command ${planned.id} has already run`);
  expect(inspectExec(context, container, planned.id)).toMatchObject({ word: "ended", code: 6 });
  world.ok("rm", "-f", "once");
});

test("a record that could not be written leaves nothing; one whose writer was killed is none", () => {
  const { context, container } = running("torn");
  const exec = `${world.runRoot}/${container.id}/exec`;
  writeFileSync(exec, "in the way");
  expect(() => planExecution(context, container, request("true"))).toThrow("cannot write to the run root: ");
  rmSync(exec);
  const planned = planExecution(context, container, request("true"));
  truncateSync(`${planned.directory}/record`);
  expect(inspectExec(context, container, planned.id)).toBeNull();
  expect(world.inspect("torn", ".ExecIDs")).toBe("[]");
  world.ok("rm", "-f", "torn");
});

test("a killed monitor of an exec is one whose end nobody knows", async () => {
  const { context, container } = running("lost");
  const planned = planExecution(context, container, request("sleep", "1000"));
  await startExec(context, planned, start(true));
  await until(() => inspectExec(context, container, planned.id)!.pid > 0, "its pid");
  const { pid } = inspectExec(context, container, planned.id)!;
  const monitor = Number(/^PPid:\s*(\d+)/m.exec(await Bun.file(`/proc/${pid}/status`).text())?.[1]);
  process.kill(monitor, "SIGKILL");
  await until(() => inspectExec(context, container, planned.id)?.word === "lost", "its loss");
  expect(inspectExec(context, container, planned.id)).toMatchObject({ pid: 0, code: null });
  world.ok("rm", "-f", "lost");
});

test("what ended or was given up long ago goes when another one comes that stays", async () => {
  const { context, container } = running("pruned");
  const later: Context = { ...context, now: () => new Date(Date.now() + 6 * 60_000), database: context.database, cgroups: context.cgroups };
  const given = planExecution(context, container, request("true"));
  const ended = planExecution(context, container, request("true"));
  await startExec(context, ended, start(true));
  await until(() => inspectExec(context, container, ended.id)?.word === "ended", "its end");
  const lives = planExecution(context, container, request("sleep", "1000"));
  await startExec(context, lives, start(true));
  expect(records(container)).toHaveLength(3);
  const last = planExecution(later, container, request("sleep", "1000"));
  await startExec(later, last, start(true));
  expect(records(container).sort()).toEqual([lives.id, last.id].sort());
  expect(inspectExec(context, container, given.id)).toBeNull();
  world.ok("rm", "-f", "pruned");
});
