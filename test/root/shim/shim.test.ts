/** The life of a container with the real shim: from the plan to the exit record, and every way in between to fail. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, readdirSync } from "node:fs";
import { check, libc } from "../../../src/sys/ffi.ts";
import { closeContainers, container, family, idleMonitor, kill, logged, record, shell } from "../../helpers/shim-container.ts";
import { alive, exited, go, launch, receive, say, SHIM, status, until } from "../../helpers/shim.ts";

const c = libc({ fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" } });

afterEach(closeContainers);

for (const code of [0, 3, 255]) {
  test(`a program that exits with ${code} is recorded and told so`, () => {
    const made = container(shell(`exit ${code}`));
    go(made);
    expect(made.next().report).toBe(null);
    expect(exited(made)).toEqual({ code, oom: false, pending: false });
    expect(record(made)).toEqual({ version: 1, code, oom: false, lost: 0, finished: expect.stringMatching(/^2\d{3}-.*Z$/) });
    say(made.channel, "d");
  });
}

test("a command that is not there ends with 127 and a failed report, one that is no program with 126", () => {
  for (const [path, code, errno] of [["/bin/absent", 127, 2], ["/proc", 126, 13]] as const) {
    const made = container({ paths: ["/nowhere/x", path], argv: [path] });
    go(made);
    const { report } = made.next();
    expect(report).toEqual({ failed: { step: "execve", index: 21, call: "execve", errno, object: path } });
    expect(exited(made).code).toBe(code);
  }
});

test("SIGKILL of the program is 137, of the cage as well", () => {
  for (const victim of ["init", "cage"]) {
    const made = container(shell("sleep 100"));
    const init = go(made);
    made.next();
    kill(victim === "init" ? init : family(init).cage);
    expect(exited(made).code).toBe(137);
    expect(alive(init)).toBe(false);
  }
});

test("a step that fails is told with its place, and nothing is left", () => {
  const made = container({ steps: (steps) => steps.map((step) => ("chdir" in step ? { chdir: { path: "/absent" } } : step)) });
  expect(made.next().report).toHaveProperty("created");
  say(made.report, "g");
  expect(made.next().report).toMatchObject({ failed: { step: "chdir", index: 19, errno: 2, object: "/absent" } });
  expect(exited(made).code).toBe(125);
  expect(existsSync(`${made.directory}/exit`)).toBe(false);
  say(made.channel, "d");
});

test("the report of created carries the network namespace and a netlink socket in it", () => {
  const made = container({ steps: (steps) => steps.map((step) => ("created" in step ? { created: { network: true, resolver_port: null } } : step)) });
  const { report, descriptors } = made.next();
  const pid = report !== null && "created" in report ? report.created.pid : 0;
  expect(readlinkSync(`/proc/self/fd/${descriptors[0]}`)).toBe(readlinkSync(`/proc/${pid}/ns/net`));
  expect(readlinkSync(`/proc/self/fd/${descriptors[1]}`)).toStartWith("socket:");
  for (const fd of descriptors) closeSync(fd);
});

test("when the client goes away before go, the container vanishes whole and the cleanup runs", async () => {
  const made = container({ ...shell("sleep 100"), cleanup: ["/bin/busybox", "touch", "/tmp/mdk-shim-cleaned"] });
  const { report } = made.next();
  const pid = report !== null && "created" in report ? report.created.pid : 0;
  const { cage, monitor } = family(pid);
  closeSync(made.report);
  closeSync(made.channel);
  made.report = made.channel = -1;
  await until(() => !alive(pid) && !alive(cage) && !alive(monitor), "all processes gone");
  expect(existsSync(`${made.directory}/exit`)).toBe(false);
  expect(existsSync("/tmp/mdk-shim-cleaned")).toBe(true);
  Bun.spawnSync(["rm", "-rf", "/tmp/mdk-shim-cleaned", made.directory]);
});

test("anything else than one exact go aborts", () => {
  for (const word of ["x", "gg", "go"]) {
    const made = container();
    made.next();
    say(made.report, word);
    expect(made.next().report).toBe(null);
    expect(exited(made).code).toBe(125);
  }
});

test("kill -9 of the monitor takes everything along, also a PID 1 of another user that clears PDEATHSIG", async () => {
  for (const options of [shell("sleep 100 & sleep 100"), shell("sleep 100", { uid: 1000 })]) {
    const made = container(options);
    const init = go(made);
    made.next();
    const { cage, monitor } = family(init);
    kill(monitor);
    await until(() => !alive(init) && !alive(cage) && !alive(monitor), "all processes gone");
    expect(existsSync(`${made.directory}/exit`)).toBe(false);
  }
});

test("kill -9 of the monitor while init waits for go leaves no process", async () => {
  const made = container();
  const { report } = made.next();
  const pid = report !== null && "created" in report ? report.created.pid : 0;
  const { cage, monitor } = family(pid);
  kill(monitor);
  await until(() => !alive(pid) && !alive(cage), "all processes gone");
});

test("a busy run lock is refused", () => {
  const made = container(shell("sleep 100"));
  go(made);
  const state = openSync(made.directory, "r");
  const lock = openSync(`${made.directory}/lock`, "r+");
  const second = launch("run", (d, report) => ({
    run: {
      id: "x", report, run_lock: d.add(lock), op_lock: null, namespaces: 0x2000_0000, cgroup: null, hold_mounts: false, steps: [],
      monitor: idleMonitor,
    },
  }));
  const failed = { failed: { step: "launch", index: 0, call: "fcntl", errno: 11, object: "run lock" } };
  expect(second.next().report).toEqual(failed);
  expect(receive(second.channel).report).toEqual(failed);
  for (const fd of [state, lock, second.report, second.channel]) closeSync(fd);
});

test("the run lock ends with the monitor, though the client keeps the descriptor that it sent", async () => {
  let kept = -1;
  const made = container({ ...shell("sleep 0.1"), lock: (fd) => (kept = fd) });
  const init = go(made);
  const { monitor } = family(init);
  const query = Buffer.alloc(32);
  query.writeInt16LE(1, 0); // F_WRLCK
  const free = (): boolean => {
    const answer = Buffer.from(query);
    check(c().fcntl(kept, 36, answer), "fcntl"); // F_OFD_GETLK
    return answer.readInt16LE(0) === 2; // F_UNLCK
  };
  expect(exited(made).code).toBe(0);
  say(made.channel, "d");
  await until(() => !alive(monitor), "the monitor's end");
  expect(free()).toBe(true);
  closeSync(kept);
});

test("a plan that is none is refused on the channel, with the place", () => {
  const { channel, report } = launch("run", () => ({ run: { id: 5 } }) as never);
  expect(receive(channel).report).toEqual({
    failed: { step: "launch", index: 0, call: "plan", errno: 22, object: "no string at byte 13" },
  });
  closeSync(channel);
  closeSync(report);
});

test("inside: own PID 1, no descriptor but 0 to 2, default signals, own mounts", async () => {
  const made = container({
    ...shell("trap '' USR1; ls /proc/self/fd; grep Sig /proc/1/status; echo $$; cat /proc/sys/kernel/hostname"),
    steps: (steps) => steps,
  });
  go(made);
  exited(made);
  const text = logged(made).map((entry) => entry.log).join("");
  expect(text).toStartWith("0\n1\n2\n3\n"); // 3: ls itself
  expect(text).toEndWith("1\ninside\n");
});

test("the mount namespace is held until the client was told, and the run lock until it is closed", async () => {
  const made = container(shell("sleep 0.1", { holdMounts: true }));
  const init = go(made);
  const { monitor } = family(init);
  const fds = (): string[] => readdirSync(`/proc/${monitor}/fd`).map((fd) => {
    try { return readlinkSync(`/proc/${monitor}/fd/${fd}`); } catch { return ""; }
  });
  expect(fds().some((link) => link.startsWith("mnt:"))).toBe(true);
  exited(made);
  await until(() => !fds().some((link) => link.startsWith("mnt:") || link.endsWith("/lock")), "released");
  say(made.channel, "d");
  await until(() => !alive(monitor), "the monitor's end");
});

test("monitor and cage hold what is theirs, and at most 32 KiB of private memory together", async () => {
  const made = container(shell("echo x; sleep 100", { clientCleans: false, listen: true, cleanup: ["/bin/true"] }));
  const init = go(made);
  const { cage, monitor } = family(init);
  await until(() => logged(made).length === 1, "the log");
  await Bun.sleep(1300); // buffers are given back after a second
  const shared = (pid: number): number => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
  };
  const [own, caged] = [shared(monitor), shared(cage)];
  console.log(`private memory: monitor ${own} KiB, cage ${caged} KiB`);
  expect(own + caged).toBeLessThanOrEqual(32);
  expect(readdirSync(`/proc/${cage}/fd`).length).toBe(4);
  expect(status(monitor, "Name")).toBe("mdk-shim");
});

test("where descriptors cannot be closed nothing is started: what stays open may be the host's", async () => {
  const made = container({ ...shell("sleep 100"), under: ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=close_range", "-e", "inject=close_range:error=EPERM"] });
  let { report } = made.next();
  while (report !== null && !("failed" in report)) ({ report } = made.next());
  expect(report).toMatchObject({ failed: { step: "launch", call: "close_range", errno: 1 } });
  await made.launcher.exited; // strace ends with the last of its processes
});

test("init as PID 1 passes on the status of its command, and of one that is not there", () => {
  const script = (argv: string[]): number | null => Bun.spawnSync([SHIM, "--", ...argv], { argv0: "/sbin/docker-init", stderr: "ignore" }).exitCode;
  expect(script(["sh", "-c", "exit 5"])).toBe(5);
  expect(script(["sh", "-c", "kill -TERM $$"])).toBe(143);
  expect(script(["no-such-command"])).toBe(127);
  expect(script(["/etc/passwd"])).toBe(126);
});
