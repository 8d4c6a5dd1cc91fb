/** Streams and signals of a foreground `mdk run`, and what becomes of the container when the client dies. */
import { expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";

useBusyboxWorld();

const sha256 = (bytes: Uint8Array | ArrayBuffer): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

test("20 MB go through `run -i … cat` unharmed, from a pipe and from a file, stdout and stderr apart", async () => {
  const bytes = new Uint8Array(20 << 20);
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  const wanted = sha256(bytes);
  const piped = Bun.spawn(world.words("run", "--rm", "-i", busybox, "cat"), { stdin: bytes, stdout: "pipe", stderr: "pipe" });
  expect(sha256(await new Response(piped.stdout).arrayBuffer())).toBe(wanted);
  expect(await piped.exited).toBe(0);
  const [input, output, errors] = ["in", "out", "err"].map((name) => join(world.folder, name)) as [string, string, string];
  writeFileSync(input, bytes);
  const files = Bun.spawn(world.words("run", "--rm", "-i", busybox, "sh", "-c", "tee /dev/stderr"), { stdin: Bun.file(input), stdout: Bun.file(output), stderr: Bun.file(errors) });
  expect(await files.exited).toBe(0);
  expect(sha256(readFileSync(output))).toBe(wanted);
  expect(sha256(readFileSync(errors))).toBe(wanted);
});

test("stdin is a pipe, a file, a socket, /dev/null or closed", () => {
  const shell = (command: string): string => Bun.spawnSync(["sh", "-c", command], { timeout: 20_000, killSignal: "SIGKILL" }).stdout.toString();
  const count = world.words("run", "--rm", "-i", busybox, "wc", "-c").join(" ");
  expect(shell(`printf 12345 | ${count}`)).toBe("5\n");
  expect(shell(`${count} </etc/passwd`)).toBe(`${readFileSync("/etc/passwd").length}\n`);
  expect(shell(`${count} </dev/null`)).toBe("0\n");
  expect(shell(`${count} <&-`)).toBe("0\n");
  expect(shell(`head -c 7 /etc/passwd | ${world.words("run", "--rm", busybox, "wc", "-c").join(" ")}`)).toBe("0\n");
  expect(shell(`python3 -c '
import socket, subprocess, sys
a, b = socket.socketpair()
child = subprocess.Popen(sys.argv[1:], stdin=b, stdout=subprocess.PIPE); b.close()
a.sendall(b"x" * 123456); a.shutdown(socket.SHUT_WR)
print(child.communicate()[0].decode(), end="")' ${count}`)).toBe("123456\n");
});

test("stdout closed, full or gone does not keep the program from ending", async () => {
  const shell = (command: string): number => Bun.spawnSync(["sh", "-c", command], { timeout: 20_000, killSignal: "SIGKILL" }).exitCode;
  const words = (...args: string[]): string => world.words("run", "--rm", busybox, ...args).join(" ");
  expect(shell(`${words("true")} >&-`)).toBe(0);
  expect(shell(`${words("echo", "x")} >/dev/full`)).toBe(0);
  expect(shell(`${words("seq", "1", "300000")} | head -n 1`)).toBe(0);
  await until(() => world.ok("ps", "-aq") === "", "no container is left");
});

test("a client whose output nobody reads ends, as Docker's does, and the program goes on", async () => {
  const shell = (command: string): string => Bun.spawnSync(["bash", "-c", `${command}; echo "\${PIPESTATUS[0]}"`], { timeout: 20_000, killSignal: "SIGKILL" }).stdout.toString();
  expect(shell(`${world.words("run", "--name", "endless", busybox, "yes").join(" ")} 2>/dev/null | head -n 1`)).toBe("y\n1\n");
  expect(world.inspect("endless", ".State.Running")).toBe("true");
  expect(shell(`${world.words("exec", "endless", "yes").join(" ")} | head -n 1`)).toBe("y\n141\n");
  world.ok("rm", "-f", "endless");
});

test("a reader that stalls holds up neither the log nor the end that others see", async () => {
  const stalled = Bun.spawn(["sh", "-c", `${world.words("run", "--name", "stalled", busybox, "sh", "-c", "'head -c 50000 /dev/zero; exit 3'").join(" ")} | { sleep 3; wc -c; }`], { stdout: "pipe" });
  await until(() => world.mdk(["inspect", "-f", "{{.State.Status}}", "stalled"]).stdout === "exited\n", "it has ended", 2500);
  expect(world.ok("wait", "stalled")).toBe("3");
  expect(world.mdk(["logs", "stalled"]).stdout.length).toBe(50_000);
  expect(await new Response(stalled.stdout).text()).toBe("50000\n");
});

test("SIGTERM, SIGINT, SIGHUP and SIGUSR1 to the client reach PID 1, unless --sig-proxy=false", async () => {
  const script = "for s in TERM INT HUP USR1; do trap \"echo got $s\" $s; done; trap 'exit 9' USR2; echo up; while :; do sleep 0.05; done";
  const client = world.spawn(["run", "--rm", "--name", "signalled", busybox, "sh", "-c", script], "ignore");
  await until(() => world.mdk(["logs", "signalled"]).stdout.includes("up"), "it is up");
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const) {
    client.kill(signal);
    await until(() => world.mdk(["logs", "signalled"]).stdout.includes(`got ${signal.slice(3)}`), signal);
  }
  client.kill("SIGUSR2");
  expect(await client.exited).toBe(9);
  const own = world.spawn(["run", "--sig-proxy=false", "--name", "left", busybox, "sleep", "1000"], "ignore");
  await until(() => world.mdk(["inspect", "-f", "{{.State.Running}}", "left"]).stdout === "true\n", "it runs");
  await Bun.sleep(200);
  own.kill("SIGTERM");
  expect(await own.exited).not.toBe(0);
  expect(world.inspect("left", ".State.Running")).toBe("true");
});

test("a client killed with SIGKILL leaves the container running; its monitor still notes the end and does --rm", async () => {
  const one = world.spawn(["run", "--name", "orphan", busybox, "sh", "-c", "echo before; sleep 1; echo after; exit 4"], "ignore");
  const two = world.spawn(["run", "--rm", "--name", "vanishes", busybox, "sleep", "1.2"], "ignore");
  await until(() => world.ok("ps", "-q").split("\n").length === 2 && world.mdk(["logs", "orphan"]).stdout === "before\n", "both run");
  one.kill("SIGKILL");
  two.kill("SIGKILL");
  await Promise.all([one.exited, two.exited]);
  expect(world.inspect("orphan", ".State.Running")).toBe("true");
  expect(world.ok("wait", "orphan")).toBe("4");
  expect(world.ok("logs", "orphan")).toBe("before\nafter");
  await until(() => world.ok("ps", "-a", "--format", "{{.Names}}") === "orphan", "the --rm container is gone");
});

test("a signal during the set-up or soon after: the client ends, and nothing is left", async () => {
  for (let delay = 0; delay < 60; delay += 3) {
    const client = world.spawn(["run", "--rm", "--init", busybox, "sleep", "1000"], "ignore");
    await Bun.sleep(delay);
    const again = setInterval(() => client.kill("SIGINT"), 50); // init may not listen yet at the first
    client.kill("SIGINT");
    const status = await client.exited;
    clearInterval(again);
    expect([130]).toContain(status);
  }
  await until(() => world.ok("ps", "-aq") === "", "no container is left");
  await until(() => readdirSync(world.runRoot).every((name) => name.length !== 64), "no run directory is left");
  expect(readdirSync(join(world.root, "containers"))).toEqual([]);
}, 30_000);

test("what a program leaves on its pipes in the background does not hold up the client", () => {
  const started = performance.now();
  expect(world.mdk(["run", "--rm", busybox, "sh", "-c", "sleep 30 & echo done"])).toEqual({ status: 0, stdout: "done\n", stderr: "" });
  expect(performance.now() - started).toBeLessThan(10_000);
});

test("the output of -d is the id alone, and nothing keeps its pipe open", () => {
  const descriptor = openSync("/dev/null", "r");
  const { status, stdout } = world.mdk(["run", "-d", busybox, "sleep", "1000"]);
  closeSync(descriptor);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^[0-9a-f]{64}\n$/);
});
