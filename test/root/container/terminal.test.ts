/** Terminals: `mdk run IMAGE` as a shell, window size, job control, detaching and attaching, exec -it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { alive, startWorld, until } from "../../helpers/mdk.ts";
import { Screen } from "../../helpers/terminal.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
let debian: string;
beforeAll(async () => {
  world = await startWorld("busybox", "debian");
  [busybox, debian] = [world.image("busybox"), world.image("debian")];
});
afterAll(() => world?.close());

const screen = (...args: string[]) => new Screen(world.words(...args));

test("on a terminal `mdk run IMAGE` is an interactive shell with job control, and gives the shell's status", async () => {
  const shell = screen("run", "--rm", "--cpus", "0.25", "--memory", "100M", debian);
  await shell.expect(/root@[0-9a-f]{12}:\/# /);
  shell.type("sleep 100 & jobs; echo \"$((1+1))job\"\r");
  expect(await shell.expect("2job\r\n")).toContain("Running");
  shell.type("sleep 200\r");
  await shell.expect("sleep 200\r\n");
  await Bun.sleep(200);
  shell.type("\x1a");
  expect(await shell.expect("# ")).toContain("Stopped");
  shell.type("fg\r");
  await shell.expect(/fg\r\n.*sleep 200\r\n/s);
  await Bun.sleep(200);
  shell.type("\x03");
  await shell.expect("# ");
  shell.type("echo status=$?\r");
  await shell.expect("status=130\r\n");
  shell.type("fg %1\r");
  await shell.expect("sleep 100\r\n");
  await Bun.sleep(200);
  shell.type("\x03");
  await shell.expect("# ");
  shell.type("tty; ls -l /dev/console | cut -c1; echo over > /dev/console\r");
  await shell.expect("/dev/pts/0\r\nc\r\nover\r\n");
  shell.type("exit 43\r");
  expect(await shell.ended()).toBe(43);
  expect(world.ok("ps", "-aq")).toBe("");
}, 60_000);

test("the window size of the terminal is the container's, from the first moment and after a resize", async () => {
  const shell = new Screen(world.words("run", "--rm", busybox, "sh", "-c", "stty size; trap 'stty size' WINCH; while :; do sleep 0.1; done"), { columns: 101, rows: 31 });
  await shell.expect("31 101\r\n");
  await Bun.sleep(300);
  shell.resize(77, 19);
  await shell.expect("19 77\r\n");
  shell.type("\x03");
  expect(await shell.ended()).toBe(130);
});

test("TERM is set, the terminal is the caller's again afterwards, and the line keeps its newline", async () => {
  const shell = screen("run", "--rm", busybox, "sh", "-c", "echo $TERM; stty -echo raw");
  await shell.expect("xterm\r\n");
  expect(await shell.ended()).toBe(0);
  const next = new Screen(["sh", "-c", `${world.words("run", "--rm", busybox, "sh", "-c", "stty raw -echo").join(" ")}; stty -a | grep -o '[-]*icanon\\|[-]*echo\\b' | tr '\\n' ' '`]);
  await next.expect("icanon");
  expect(next.text).not.toContain("-icanon");
  await next.ended();
});

test("-i=false or -t=false gives Docker's way on a terminal: output, no input", async () => {
  const plain = screen("run", "--rm", "-t=false", busybox, "sh", "-c", "tty; cat; echo done");
  await plain.expect("not a tty\r\ndone\r\n");
  expect(await plain.ended()).toBe(0);
  const piped = screen("run", "--rm", "-i=false", busybox, "sh", "-c", "tty; cat; echo done");
  await piped.expect("not a tty\r\ndone\r\n");
  expect(await piped.ended()).toBe(0);
});

test("-i without -t on a terminal: lines go in, Ctrl-D ends them, Ctrl-C ends the program", async () => {
  const lines = screen("run", "--rm", "-i", busybox, "sh", "-c", "echo up; cat; echo end");
  await lines.expect("up\r\n");
  lines.type("one\r");
  await lines.expect("one\r\none\r\n");
  lines.type("\x04");
  await lines.expect("end\r\n");
  expect(await lines.ended()).toBe(0);
  const program = screen("run", "--rm", "--init", busybox, "sh", "-c", "echo up; exec sleep 100");
  await program.expect("up\r\n");
  program.type("\x03");
  expect(await program.ended()).toBe(130);
});

test("the detach keys leave it running, attach finds it again, and others see what is typed", async () => {
  const first = screen("run", "-it", "--name", "kept", busybox);
  await first.expect("/ # ");
  first.type("echo before=$((40+2))\r");
  await first.expect("before=42\r\n");
  first.type("\x10\x11");
  await first.expect("read escape sequence");
  expect(await first.ended()).toBe(0);
  expect(world.inspect("kept", ".State.Running")).toBe("true");
  const [second, third] = [screen("attach", "kept"), screen("attach", "--detach-keys", "ctrl-x,y", "kept")];
  await until(async () => {
    second.type("echo again=$((40+3))\r");
    await Bun.sleep(200);
    return [second, third].every((one) => one.text.includes("again=43\r\n"));
  }, "both see it");
  third.type("\x18y");
  await third.expect("read escape sequence");
  expect(await third.ended()).toBe(1);
  second.type("exit 7\r");
  expect(await second.ended()).toBe(7);
  expect(world.inspect("kept", ".State.ExitCode")).toBe("7");
  const resumed = screen("start", "-ai", "kept");
  resumed.type("echo third=$((40+4)); exit 8\r");
  await resumed.expect("third=44\r\n");
  expect(await resumed.ended()).toBe(8);
  world.ok("rm", "kept");
});

test("a terminal that hangs up: the container goes on", async () => {
  const shell = screen("run", "-it", "--name", "hung", busybox);
  await shell.expect("/ # ");
  process.kill(shell.pid, "SIGKILL");
  await shell.ended();
  expect(world.inspect("hung", ".State.Running")).toBe("true");
  const again = screen("attach", "hung");
  again.type("exit 3\r");
  expect(await again.ended()).toBe(3);
  world.ok("rm", "hung");
});

test("exec -it is a terminal of its own with the caller's size; its end leaves the container", async () => {
  const id = world.ok("run", "-d", busybox, "sleep", "1000");
  const shell = new Screen(world.words("exec", "-it", id, "sh"), { columns: 66, rows: 22 });
  await shell.expect("# ");
  shell.type("tty; stty size; echo $TERM\r");
  await shell.expect(/\/dev\/pts\/\d+\r\n22 66\r\nxterm\r\n/);
  shell.resize(55, 11);
  await Bun.sleep(200);
  shell.type("stty size\r");
  await shell.expect("11 55\r\n");
  shell.type("sleep 500\r");
  await shell.expect("sleep 500\r\n");
  await Bun.sleep(200);
  shell.type("\x03");
  await shell.expect("# ");
  shell.type("exit 9\r");
  expect(await shell.ended()).toBe(9);
  const left = screen("exec", "-it", id, "sh");
  await left.expect("# ");
  left.type("\x10\x11");
  await left.expect("read escape sequence");
  expect(await left.ended()).toBe(1);
  const pid = world.pid(id);
  world.ok("rm", "-f", id);
  await until(() => !alive(pid), "the container's end");
});

test("a program that writes a lot to the terminal arrives whole, and -t without a terminal for -i is refused", async () => {
  const shell = screen("run", "--rm", busybox, "seq", "1", "200000");
  await shell.expect("199999\r\n200000\r\n", 20_000);
  expect(await shell.ended()).toBe(0);
  expect(shell.text.split("\r\n").length).toBe(200_001);
  expect(world.mdk(["run", "--rm", "-it", busybox, "true"])).toMatchObject({ status: 1, stderr: expect.stringContaining("the input device is not a TTY") });
  expect(world.mdk(["run", "--rm", "-t", busybox, "tty"])).toMatchObject({ status: 0, stdout: "/dev/pts/0\r\n" });
});
