/** Streams: pipes, files, terminals and clients of containers and of exec'd processes. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, writeSync } from "node:fs";
import { receiveWithDescriptors, sendWithDescriptors, socketpair } from "../../../src/sys/socket.ts";
import { closeContainers, container, exec, execd, family, kill, logged, pipe, record, shell } from "../../helpers/shim-container.ts";
import { PROTOCOL } from "../../../src/runtime/protocol.ts";
import { alive, attach, exited, go, greeted, parent, say, until } from "../../helpers/shim.ts";

afterEach(closeContainers);

const text = (fd: number): string => Buffer.from(receiveWithDescriptors(fd, 40_000, 0).bytes).toString("latin1");

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

test("exec joins a running container: own report, pipes and exit status; its monitor is the cage's child", async () => {
  const made = container(shell("sleep 100"));
  const init = go(made);
  made.next();
  const [outRead, outWrite] = pipe();
  const e = exec(init, "cat /proc/sys/kernel/hostname; sleep 0.5; exit 9", { dup_streams: { uid: 0, gid: 0 } }, (d) => ({
    streams: { terminal: false, open_stdin: false, stdin_once: true, handed_stdin: null, handed_stdout: d.add(outWrite), handed_stderr: null, reader_ms: 60_000 },
  }));
  closeSync(outWrite);
  go(e);
  await execd(init);
  expect(exited(e).code).toBe(9);
  const buffer = Buffer.alloc(1000);
  expect(buffer.subarray(0, readSync(outRead, buffer)).toString()).toBe("inside\n");
  for (const fd of [e.report, e.channel, outRead]) closeSync(fd);
});

test("what an exec'd process leaves in the background outlives it, and does not die of writing to its pipes", async () => {
  const made = container(shell("sleep 100"));
  const init = go(made);
  made.next();
  const e = exec(init, "(sleep 0.2; echo late; echo late; echo > /tmp/survived) & sleep 0.1; exit 0", { dup_streams: { uid: 0, gid: 0 } }, () => ({}));
  go(e);
  const execMonitor = parent(await execd(init));
  expect(exited(e).code).toBe(0);
  closeSync(e.channel);
  expect(existsSync(`/proc/${init}/root/tmp/survived`)).toBe(false);
  await until(() => existsSync(`/proc/${init}/root/tmp/survived`), "the background process got that far");
  await until(() => !alive(execMonitor), "the exec monitor ends with the last writer");
  closeSync(e.report);
});

test("an exec'd process that still holds what is the host's is not in the container's sight (CVE-2016-9962)", () => {
  const made = container(shell("sleep 100"));
  const init = go(made);
  made.next();
  const e = exec(init, "exit 4", { dup_streams: { uid: 0, gid: 0 } }, () => ({}));
  const { report } = e.next();
  if (report === null || !("created" in report)) throw new Error("expected created");
  // With CAP_SYS_PTRACE, /proc/PID/root of one that is seen would be the host's root here.
  const namespaces = [init, report.created.pid].map((pid) => readlinkSync(`/proc/${pid}/ns/pid`));
  expect(namespaces[1]).not.toBe(namespaces[0]!);
  expect(readdirSync(`/proc/${init}/root/proc`).filter((name) => /^\d+$/.test(name)).length).toBe(1);
  sendWithDescriptors(e.report, Buffer.from("g"), []);
  expect(exited(e).code).toBe(4);
  for (const fd of [e.report, e.channel]) closeSync(fd);
});

test("exec with a terminal serves the client that came with the plan", () => {
  const made = container(shell("sleep 100"));
  const init = go(made);
  made.next();
  const [mine, theirs] = socketpair();
  const terminal = { terminal: { uid: 0, rows: 10, columns: 20, console: false } };
  const e = exec(init, "tty; stty size; read x; echo $x; exit 3", terminal, (d) => ({
    client: d.add(theirs), client_streams: 7,
    streams: { terminal: true, open_stdin: true, stdin_once: true, handed_stdin: null, handed_stdout: null, handed_stderr: null, reader_ms: 60_000 },
  }));
  closeSync(theirs);
  go(e);
  expect(greeted(mine)).toBe(PROTOCOL);
  say(mine, "iword\r");
  let seen = "";
  for (let message = text(mine); ; message = text(mine)) {
    if (message.startsWith("x")) {
      expect(message).toBe("x\x03\0");
      break;
    }
    seen += message.slice(1);
  }
  for (const line of ["/dev/pts/0\r\n", "10 20\r\n", "word\r\n"]) expect(seen).toContain(line);
  expect(exited(e).code).toBe(3);
  for (const fd of [e.report, e.channel, mine]) closeSync(fd);
});

test("an exec dies with its container, and one into a container that has ended is refused", async () => {
  const made = container(shell("sleep 100"));
  const init = go(made);
  made.next();
  const streams = { dup_streams: { uid: 0, gid: 0 } };
  const running = exec(init, "sleep 100", streams, () => ({}));
  go(running);
  const pid = await execd(init);
  const execMonitor = parent(pid);
  kill(family(init).cage, 19); // stopped: it does not reap, so that init's pid stays
  const dead = init;
  kill(dead);
  await until(() => !alive(pid), "the exec'd process is gone");
  const late = exec(init, "exit 0", streams, () => ({}));
  expect(late.next().report).toHaveProperty("created");
  sendWithDescriptors(late.report, Buffer.from("g"), []);
  expect(late.next().report).toHaveProperty("failed");
  expect(exited(late).code).toBe(125);
  kill(family(init).cage, 18);
  await until(() => !alive(execMonitor), "the exec monitor is gone");
  expect(exited(made).code).toBe(137);
  for (const fd of [running.report, running.channel, late.report, late.channel]) closeSync(fd);
});

test("a client that takes nothing holds up the program, and neither other containers' ends nor this one's record", async () => {
  const made = container(shell("yes | head -c 3000000; exit 8", { listen: true, log: false }));
  const lazy = attach(made, Buffer.from([0x61, 2]));
  go(made);
  await Bun.sleep(200);
  expect(() => record(made)).toThrow(); // the program waits for its reader
  closeSync(lazy);
  expect(exited(made).code).toBe(8);
  expect(record(made)).toMatchObject({ code: 8 });
});
