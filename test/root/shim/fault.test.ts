/** The shim killed, or left alone, at moments spread over a set-up: a container runs or there is none. */
import { expect, test } from "bun:test";
import { closeSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { alive, go, parent, run, say, status, until } from "../../helpers/shim.ts";
import { check, libc } from "../../../src/sys/ffi.ts";

const c = libc({ kill: { args: ["i32", "i32"], returns: "i32" } });

/** Pids whose nearest ancestors lead to one of these, themselves included. */
function below(roots: readonly number[]): number[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  const under = (pid: number): boolean => pid > 1 && (roots.includes(pid) || under(parent(pid)));
  return all.filter(under);
}

test("killed at any moment of the set-up or after it, the monitor leaves no process and no third state", async () => {
  for (let delay = 0; delay < 40; delay++) {
    const made = run({ argv: ["sh", "-c", "sleep 100 & exec sleep 100"] });
    const { report } = made.next();
    const init = report !== null && "created" in report ? report.created.pid : 0;
    const cage = parent(init);
    const monitor = parent(cage);
    if (delay % 2 === 0) say(made.report, "g");
    const end = Bun.nanoseconds() + delay * 40_000; // up to 1.6 ms: a whole set-up takes 0.8
    while (Bun.nanoseconds() < end);
    const all = below([monitor]);
    check(c().kill(monitor, 9), "kill");
    await until(() => !all.some(alive) && below([monitor, cage, init]).every((pid) => !alive(pid)), "nothing left");
    expect(existsSync(`${made.directory}/exit`)).toBe(false);
    closeSync(made.channel);
    made.channel = -1;
    made.close();
  }
});

test("killed at any moment, the client leaves a container that runs or none", async () => {
  for (let delay = 0; delay < 40; delay++) {
    const made = run({ argv: ["sh", "-c", "exec sleep 100"], clientCleans: true });
    const { report } = made.next();
    const init = report !== null && "created" in report ? report.created.pid : 0;
    const cage = parent(init);
    const monitor = parent(cage);
    if (delay % 2 === 0) say(made.report, "g");
    const end = Bun.nanoseconds() + delay * 40_000;
    while (Bun.nanoseconds() < end);
    closeSync(made.report);
    closeSync(made.channel);
    made.report = made.channel = -1;
    if (delay % 2 === 0) {
      await until(() => readFileSync(`/proc/${init}/cmdline`, "utf8").startsWith("sleep"), "the program runs");
      check(c().kill(cage, 9), "kill");
    }
    await until(() => ![init, cage, monitor].some(alive), "nothing left");
    expect(existsSync(`${made.directory}/exit`)).toBe(delay % 2 === 0);
    made.close();
  }
});

test("a container's processes see none of the shim's: the host is out of reach from PID 1's parents on", () => {
  const made = run({ argv: ["sh", "-c", "sleep 100"] });
  const init = go(made);
  expect(status(init, "NSpid")?.split(/\s+/).length).toBe(3); // host, cage, container
  check(c().kill(parent(init), 9), "kill");
  closeSync(made.channel);
  made.channel = -1;
  made.close();
});
