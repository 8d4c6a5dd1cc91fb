/** The client's side of a terminal, by a pty of the test's own; and PID 1 of --init. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, readSync, writeSync } from "node:fs";
import { PROTOCOL } from "../../../src/runtime/protocol.ts";
import { check, libc } from "../../../src/sys/ffi.ts";
import { receiveWithDescriptors, socketpair } from "../../../src/sys/socket.ts";
import { alive, attach, exited, go, run, say, SHIM, until } from "../../helpers/shim.ts";

const c = libc({
  open: { args: ["ptr", "i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64"], returns: "i64" },
});
const peer = libc({ ioctl: { args: ["i32", "u64", "i64"], returns: "i32" } });

const TCGETS = 0x5401, TIOCSWINSZ = 0x5414, TIOCSPTLCK = 0x40045431, TIOCGPTPEER = 0x5441;
const RDWR_NOCTTY_CLOEXEC = 2 | 0o400 | 0o2000000;

const opened: number[] = [];
afterEach(() => opened.splice(0).forEach((fd) => closeSync(fd)));

function keep(fd: number): number {
  opened.push(fd);
  return fd;
}

/** A terminal of our own: what the user sees and types at, and what the pump has. */
function terminal(): { user: number; slave: number } {
  const user = keep(check(c().open(Buffer.from("/dev/ptmx\0"), RDWR_NOCTTY_CLOEXEC), "open"));
  check(c().ioctl(user, BigInt(TIOCSPTLCK), Buffer.alloc(4)), "ioctl");
  const slave = keep(check(peer().ioctl(user, BigInt(TIOCGPTPEER), BigInt(RDWR_NOCTTY_CLOEXEC)), "ioctl"));
  return { user, slave };
}

function resize(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(c().ioctl(fd, BigInt(TIOCSWINSZ), size), "ioctl");
}

/** Local flags of the terminal: ICANON is 2, ECHO 8. */
function localFlags(fd: number): number {
  const termios = Buffer.alloc(64);
  check(c().ioctl(fd, BigInt(TCGETS), termios), "ioctl");
  return termios.readUInt32LE(12);
}

interface Pump {
  readonly process: Bun.Subprocess;
  /** The monitor's end of the attach socket. */
  readonly monitor: number;
  /** What the pump says at its end. */
  result(): string;
}

function pump(flags: string, keys: string, streams: number, remote?: number): Pump {
  const [monitor, theirs] = remote === undefined ? socketpair() : [-1, remote];
  const [results, say] = socketpair();
  const process = Bun.spawn([SHIM, "pump", flags, keys], { argv0: "mdk-shim", stdio: [streams, streams, streams, theirs, say] });
  for (const fd of [theirs, say]) closeSync(fd);
  if (monitor >= 0) keep(monitor);
  keep(results);
  return { process, monitor, result: () => text(results) };
}

const text = (fd: number): string => Buffer.from(receiveWithDescriptors(fd, 40_000, 0).bytes).toString("latin1");

function read(fd: number): string {
  const buffer = Buffer.alloc(4096);
  return buffer.subarray(0, readSync(fd, buffer)).toString();
}

test("the terminal is raw while the pump runs and as before afterwards; output, input and status pass", async () => {
  const { user, slave } = terminal();
  const before = localFlags(user);
  const p = pump("ri", "1011", slave);
  await until(() => (localFlags(user) & 10) === 0, "raw mode");
  say(p.monitor, "ohello\n");
  expect(read(user)).toBe("hello\n"); // no carriage return added: raw
  writeSync(user, "\x03a\x10b");
  let typed = "";
  while (typed.length < 4) typed += text(p.monitor).slice(1);
  expect(typed).toBe("\x03a\x10b");
  say(p.monitor, Buffer.from([0x78, 42, 0]));
  expect(await p.process.exited).toBe(42);
  expect(p.result()).toBe("x*");
  expect(localFlags(user)).toBe(before);
});

test("the detach keys end the pump with 0, are not passed on, and restore the terminal", async () => {
  const { user, slave } = terminal();
  const before = localFlags(user);
  const p = pump("ri", "1011", slave);
  await until(() => (localFlags(user) & 10) === 0, "raw mode");
  writeSync(user, "ab\x10\x11");
  expect(text(p.monitor)).toBe("iab");
  expect(await p.process.exited).toBe(0);
  expect(p.result()).toBe("d");
  expect(text(p.monitor)).toBe("");
  expect(localFlags(user)).toBe(before);
});

test("the window size is told at the start and when it changes", async () => {
  const { user, slave } = terminal();
  resize(user, 24, 80);
  const p = pump("rw", "", slave);
  expect(text(p.monitor)).toBe("w\x18\0\x50\0");
  resize(user, 50, 132);
  check(c().kill(p.process.pid, 28), "kill"); // without a controlling terminal the kernel does not send it
  expect(text(p.monitor)).toBe("w\x32\0\x84\0");
  say(p.monitor, Buffer.from([0x78, 0, 0]));
  expect(await p.process.exited).toBe(0);
});

test("a signal restores the terminal and ends with 128 + n; a lost monitor with 255", async () => {
  for (const [signal, code, told] of [[15, 143, "d\x8f"], [1, 129, "d\x81"], [0, 255, "l"]] as const) {
    const { user, slave } = terminal();
    const before = localFlags(user);
    const p = pump("ri", "-", slave);
    await until(() => (localFlags(user) & 10) === 0, "raw mode");
    if (signal > 0) check(c().kill(p.process.pid, signal), "kill");
    else closeSync(opened.splice(opened.indexOf(p.monitor), 1)[0] as number);
    expect(await p.process.exited).toBe(code);
    expect(p.result()).toBe(told);
    expect(localFlags(user)).toBe(before);
  }
});

test("signals that who started the pump passes on end nothing", async () => {
  const { slave } = terminal();
  const p = pump("s", "", slave);
  await Bun.sleep(100);
  for (const signal of [10, 15, 2, 1]) check(c().kill(p.process.pid, signal), "kill");
  await Bun.sleep(100);
  expect(p.process.exitCode).toBeNull();
  say(p.monitor, Buffer.from([0x78, 9, 0]));
  expect(await p.process.exited).toBe(9);
});

test("an interactive shell in a container through pump and pty: job control, Ctrl-C, exit status", async () => {
  const made = run({ argv: ["sh"], terminal: true, openStdin: true, listen: true });
  go(made);
  const { user, slave } = terminal();
  const p = pump("riw", "1011", slave, attach(made, Buffer.from([0x61, 7])));
  await until(() => (localFlags(user) & 10) === 0, "raw mode");
  let seen = "";
  const expectSeen = (what: string): void => {
    while (!seen.includes(what)) seen += read(user);
  };
  writeSync(user, "echo $((40+2)); sleep 100\r");
  expectSeen("42\r\n");
  await Bun.sleep(100);
  writeSync(user, "\x03");
  writeSync(user, "echo status $?\r");
  expectSeen("status 130");
  expect(seen).not.toContain("can't access tty");
  writeSync(user, "exit 17\r");
  expect(await p.process.exited).toBe(17);
  expect(exited(made).code).toBe(17);
  made.close();
});

test("docker-init as PID 1 reaps orphans, passes signals on and is gone with its command", async () => {
  const made = run({
    paths: ["/bin/docker-init"],
    argv: ["/bin/docker-init", "--", "sh", "-c", "trap 'exit 21' TERM; (sleep 0.05 &) ; sleep 0.2; ps; while :; do sleep 0.05; done"],
    initFile: SHIM,
  });
  const init = go(made);
  made.next();
  await Bun.sleep(400);
  expect(alive(init)).toBe(true);
  check(c().kill(init, 15), "kill");
  expect(exited(made).code).toBe(21);
  const log = await Bun.file(`${made.directory}/c-json.log`).text();
  expect(log).toContain("docker-init");
  expect(log).not.toContain("[sleep]"); // no zombie
  made.close();
});

test("a monitor that speaks another version of the protocol is told so, one of the pump's own is not", async () => {
  const { slave } = terminal();
  for (const [version, result] of [[PROTOCOL + 1, `h${String.fromCharCode(PROTOCOL + 1)}\0`], [PROTOCOL, "x\x04"]] as const) {
    const p = pump("", "", slave);
    say(p.monitor, Buffer.from([0x68, version, 0]));
    say(p.monitor, Buffer.from([0x78, 4, 0]));
    expect(p.result()).toBe(result);
    expect(await p.process.exited).toBe(version === PROTOCOL ? 4 : 255);
  }
});
