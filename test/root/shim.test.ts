import { afterEach, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, readSync, readdirSync, writeSync } from "node:fs";
import { check, libc } from "../../src/sys/ffi.ts";
import { receiveWithDescriptors } from "../../src/sys/socket.ts";
import {
  alive, attach, CLONE, exited, go, launch, parent, receive, run, say, shimsOf, SHIM, status, until, type Container,
  type Options,
} from "../helpers/shim.ts";

const c = libc({
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64"], returns: "i64" },
  fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" },
});

const open: Container[] = [];
afterEach(async () => {
  for (const container of open.splice(0)) {
    container.close();
    for (const pid of shimsOf(container.directory)) c().kill(pid, 9);
  }
});

function container(options: Options = {}): Container {
  const made = run(options);
  open.push(made);
  return made;
}

const shell = (script: string, more: Options = {}): Options => ({ argv: ["sh", "-c", script], ...more });

function pipe(): [number, number] {
  const ends = new Int32Array(2);
  check(c().pipe2(ends, 0o2000000), "pipe2");
  return [ends[0] as number, ends[1] as number];
}

const record = (made: Container): unknown => JSON.parse(readFileSync(`${made.directory}/exit`, "utf8"));

/** Texts of the log, and that every line is an entry. */
function logged(made: Container): { log: string; stream: string }[] {
  return readFileSync(`${made.directory}/c-json.log`, "utf8").trimEnd().split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { log: string; stream: string });
}

/** The processes above a container's init. */
function family(init: number): { cage: number; monitor: number } {
  const cage = parent(init);
  return { cage, monitor: parent(cage) };
}

for (const code of [0, 3, 255]) {
  test(`a program that exits with ${code} is recorded and told so`, () => {
    const made = container(shell(`exit ${code}`));
    go(made);
    expect(made.next().report).toBe(null);
    expect(exited(made)).toEqual({ code, oom: false });
    expect(record(made)).toEqual({ version: 1, code, oom: false, finished: expect.stringMatching(/^2\d{3}-.*Z$/) });
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
    check(c().kill(victim === "init" ? init : family(init).cage, 9), "kill");
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
  const made = container({ steps: (steps) => steps.map((step) => ("created" in step ? { created: { network: true } } : step)) });
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
  open.pop();
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
    check(c().kill(monitor, 9), "kill");
    await until(() => !alive(init) && !alive(cage) && !alive(monitor), "all processes gone");
    expect(existsSync(`${made.directory}/exit`)).toBe(false);
  }
});

test("kill -9 of the monitor while init waits for go leaves no process", async () => {
  const made = container();
  const { report } = made.next();
  const pid = report !== null && "created" in report ? report.created.pid : 0;
  const { cage, monitor } = family(pid);
  check(c().kill(monitor, 9), "kill");
  await until(() => !alive(pid) && !alive(cage), "all processes gone");
});

test("a busy run lock is refused", () => {
  const made = container(shell("sleep 100"));
  go(made);
  const state = openSync(made.directory, "r");
  const lock = openSync(`${made.directory}/lock`, "r+");
  const second = launch("run", (d, report) => ({
    run: {
      id: "x", report, run_lock: d.add(lock), op_lock: null, namespaces: 0, cgroup: null, hold_mounts: false, steps: [],
      monitor: {
        cgroup: null, tasks: [], listener: null, client: null, client_streams: 0, log: null, record: null, oom: null,
        procs: null, hold: [], client_cleans: false, cleanup: [], cleanup_env: [], tell_after_cleanup: false,
        streams: { terminal: false, open_stdin: false, stdin_once: false, handed_stdin: null, handed_stdout: null, handed_stderr: null },
      },
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

test("stdout and stderr of both kinds reach the log and the handed pipes, 10 MB unharmed", async () => {
  const [outRead, outWrite] = pipe();
  const made = container(shell("dd if=/dev/zero bs=65536 count=160 2>/dev/null; echo end >&2", { handed: { stdout: outWrite }, log: false }));
  closeSync(outWrite);
  go(made);
  let total = 0;
  const buffer = Buffer.alloc(1 << 16);
  for (let n = readSync(outRead, buffer); n > 0; n = readSync(outRead, buffer)) {
    total += n;
    if (total >= 160 << 16) break;
  }
  expect(total).toBe(160 << 16);
  expect(exited(made).code).toBe(0);
  closeSync(outRead);
});

test("lines of the program are in the log as Docker writes them", () => {
  const made = container(shell("echo one; echo '<two>' >&2; printf three"));
  go(made);
  exited(made);
  expect(logged(made).map(({ log, stream }) => [log, stream]).sort()).toEqual([["<two>\n", "stderr"], ["one\n", "stdout"], ["three", "stdout"]]);
  expect(readFileSync(`${made.directory}/c-json.log`, "utf8")).toContain('{"log":"\\u003ctwo\\u003e\\n","stream":"stderr","time":"');
});

test("stdin that was handed over goes to the program until its end", () => {
  const [stdinRead, stdinWrite] = pipe();
  const made = container(shell("wc -c", { handed: { stdin: stdinRead } }));
  closeSync(stdinRead);
  go(made);
  const block = Buffer.alloc(50_000, "x");
  writeSync(stdinWrite, block);
  writeSync(stdinWrite, block);
  closeSync(stdinWrite);
  expect(exited(made).code).toBe(0);
  expect(logged(made)[0]?.log).toBe("100000\n");
});

test("a regular file as stdin and as stdout", () => {
  const directory = "/tmp/mdk-shim-files";
  Bun.spawnSync(["sh", "-c", `mkdir -p ${directory}; seq 1 100000 > ${directory}/in`]);
  const [input, output] = [openSync(`${directory}/in`, "r"), openSync(`${directory}/out`, "w")];
  const made = container(shell("cat", { handed: { stdin: input, stdout: output }, log: false }));
  closeSync(input);
  closeSync(output);
  go(made);
  expect(exited(made).code).toBe(0);
  expect(readFileSync(`${directory}/out`).equals(readFileSync(`${directory}/in`))).toBe(true);
  Bun.spawnSync(["rm", "-rf", directory]);
});

test("a reader that stalls holds back neither the exit record nor waiters, only what it is told itself", async () => {
  const [outRead, outWrite] = pipe();
  const made = container(shell("seq 1 50000 | head -c 100000; exit 5", { handed: { stdout: outWrite }, listen: true }));
  closeSync(outWrite);
  go(made);
  const waiter = attach(made, Buffer.from("x"));
  expect(Buffer.from(receiveWithDescriptors(waiter, 100, 0).bytes)).toEqual(Buffer.from([0x78, 5, 0]));
  expect(record(made)).toMatchObject({ code: 5 });
  expect(logged(made).map((entry) => entry.log).join("").length).toBe(100_000);
  let total = 0;
  const buffer = Buffer.alloc(1 << 16);
  while (total < 100_000) total += readSync(outRead, buffer);
  expect(exited(made).code).toBe(5);
  closeSync(outRead);
  closeSync(waiter);
});

test("the client's death while the program runs drops its streams and nothing else", async () => {
  const [outRead, outWrite] = pipe();
  const made = container(shell("echo begun; sleep 0.3; echo done; exit 4", { handed: { stdout: outWrite } }));
  closeSync(outWrite);
  const init = go(made);
  closeSync(made.channel);
  closeSync(outRead);
  const { monitor } = family(init);
  await until(() => !alive(monitor), "the monitor's end");
  expect(record(made)).toMatchObject({ code: 4 });
  expect(logged(made).map((entry) => entry.log)).toEqual(["begun\n", "done\n"]);
  made.channel = -1;
});

test("clients attach, feed stdin once, and see the end", () => {
  const made = container(shell("cat; echo err >&2; exit 6", { openStdin: true, listen: true }));
  go(made);
  const client = attach(made, Buffer.from([0x61, 7]));
  say(client, "ihello\n");
  const texts: string[] = [];
  const next = (): string => Buffer.from(receiveWithDescriptors(client, 40_000, 0).bytes).toString("latin1");
  texts.push(next());
  say(client, "e");
  texts.push(next(), next());
  expect(texts).toEqual(["ohello\n", "rerr\n", "x\x06\x00"]);
  closeSync(client);
  expect(exited(made).code).toBe(6);
});

test("a terminal is the container's own: tty, size, console, one stream, input", () => {
  const made = container(shell("tty; stty size; ls -l /dev/console | head -c 1; read x; echo got $x; exit 7", { terminal: true, openStdin: true, listen: true, uid: 0 }));
  go(made);
  const client = attach(made, Buffer.from([0x61, 7]));
  say(client, Buffer.from([0x77, 40, 0, 120, 0]));
  say(client, "iword\r");
  for (let kind = ""; kind !== "x"; ) kind = Buffer.from(receiveWithDescriptors(client, 40_000, 0).bytes).toString("latin1").slice(0, 1);
  closeSync(client);
  expect(exited(made).code).toBe(7);
  const text = logged(made).map((entry) => entry.log).join("");
  expect(text).toContain("/dev/pts/0\r\n");
  expect(text).toMatch(/(33 111|40 120)/);
  expect(text).toContain("got word\r\n");
});

test("exec joins a running container, with its own report, exit status and terminal or pipes", async () => {
  const made = container(shell("sleep 100"));
  const init = go(made);
  made.next();
  const { cage } = family(init);
  const pidfd = (pid: number): number => check(c().syscall(434n, BigInt(pid), 0n), "pidfd_open");
  const [cageFd, initFd] = [pidfd(cage), pidfd(init)];
  const [outRead, outWrite] = pipe();
  const exec = launch("exec", (d, report) => ({
    exec: {
      id: "e", cage: d.add(cageFd), init: d.add(initFd), cgroup: null, report,
      monitor: {
        cgroup: null, tasks: [], listener: null, client: null, client_streams: 0, log: null, record: null, oom: null,
        procs: null, hold: [], client_cleans: true, cleanup: [], cleanup_env: [], tell_after_cleanup: false,
        streams: { terminal: false, open_stdin: false, stdin_once: true, handed_stdin: null, handed_stdout: d.add(outWrite), handed_stderr: null },
      },
      steps: [
        { created: { network: false } },
        { wait_go: {} },
        { setns: { fd: d.add(initFd), flags: CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWIPC } },
        { chdir: { path: "/" } },
        { dup_streams: { uid: 0, gid: 0 } },
        { ready: {} },
        { execve: { paths: ["/bin/sh"], argv: ["sh", "-c", "cat /proc/sys/kernel/hostname; readlink /proc/1/exe; exit 9"], envp: ["PATH=/bin"] } },
      ],
    },
  }));
  closeSync(outWrite);
  const pid = go(exec);
  expect(parent(parent(pid))).toBe(cage);
  expect(exited(exec).code).toBe(9);
  const buffer = Buffer.alloc(1000);
  const length = readSync(outRead, buffer);
  expect(buffer.subarray(0, length).toString()).toStartWith("inside\n");
  for (const fd of [exec.report, exec.channel, cageFd, initFd, outRead]) closeSync(fd);
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

test("monitor and cage hold what is theirs, and at most 96 KiB of private memory", async () => {
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
  expect(own + caged).toBeLessThanOrEqual(96);
  expect(readdirSync(`/proc/${cage}/fd`).length).toBe(4);
  expect(status(monitor, "Name")).toBe("mdk-shim");
});

test("init as PID 1 passes on the status of its command, and of one that is not there", () => {
  const script = (argv: string[]): number | null => Bun.spawnSync([SHIM, "--", ...argv], { argv0: "/sbin/docker-init", stderr: "ignore" }).exitCode;
  expect(script(["sh", "-c", "exit 5"])).toBe(5);
  expect(script(["sh", "-c", "kill -TERM $$"])).toBe(143);
  expect(script(["no-such-command"])).toBe(127);
  expect(script(["/etc/passwd"])).toBe(126);
});
