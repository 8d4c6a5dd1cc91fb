/** Readers that are slow, that stall, and that are gone: what they hold up, and for how long. */
import { afterEach, expect, test } from "bun:test";
import { closeSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { receiveWithDescriptors } from "../../../src/sys/socket.ts";
import { closeContainers, container, family, logged, pipe, record, shell } from "../../helpers/shim-container.ts";
import { alive, attach, exited, go, receive, say, until } from "../../helpers/shim.ts";

afterEach(closeContainers);

/** Milliseconds of processor time. */
function used(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function readAll(fd: number): number {
  const buffer = Buffer.alloc(1 << 16);
  let total = 0;
  for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) total += length;
  return total;
}

test("a client's reader that takes nothing is dropped after its time: the client and the log are told, and the program goes on", async () => {
  const [outRead, outWrite] = pipe();
  const made = container(shell("yes | head -c 2000000; exit 8", { handed: { stdout: outWrite }, readerMs: 1000 }));
  closeSync(outWrite);
  go(made);
  expect(receive(made.channel).report).toEqual({ cut: { stalled: true } });
  expect(exited(made).code).toBe(8);
  const [own, rest] = [logged(made).filter(({ log }) => log.startsWith("mdk:")), logged(made).filter(({ log }) => log === "y\n")];
  expect(own).toMatchObject([{ log: "mdk: a reader that took nothing for 1 s was dropped: what follows is in the log only\n", stream: "stderr" }]);
  expect(rest.length).toBe(1_000_000);
  closeSync(outRead);
});

test("an attached client that takes nothing is let go after its time, and holds up nobody any more", async () => {
  const made = container(shell("yes | head -c 2000000; exit 8", { listen: true, readerMs: 500 }));
  const lazy = attach(made, Buffer.from([0x61, 2]));
  go(made);
  expect(exited(made).code).toBe(8);
  for (let length = -1; length !== 0; ) length = receiveWithDescriptors(lazy, 40_000, 0).bytes.length; // it has what was sent, and its end
  closeSync(lazy);
});

test("a reader that takes a little now and then gets everything, however long the program has to wait for it", async () => {
  const [outRead, outWrite] = pipe();
  const made = container(shell("yes | head -c 300000; exit 8", { handed: { stdout: outWrite }, log: false, readerMs: 300 }));
  closeSync(outWrite);
  go(made);
  const byte = Buffer.alloc(1);
  let total = 0;
  for (let turn = 0; turn < 12; turn++) {
    await Bun.sleep(150);
    total += readSync(outRead, byte);
  }
  total += readAll(outRead);
  expect(total).toBe(300_000);
  expect(exited(made)).toMatchObject({ code: 8 });
  closeSync(outRead);
});

test("at the end a reader that stalls holds up neither mounts nor run lock; it gets the rest, and then the monitor ends", async () => {
  const [outRead, outWrite] = pipe();
  const made = container(shell("sleep 0.2; yes | head -c 100000; exit 5", { handed: { stdout: outWrite }, holdMounts: true }));
  closeSync(outWrite);
  const { monitor } = family(go(made));
  expect(exited(made)).toEqual({ code: 5, oom: false, pending: true });
  expect(record(made)).toMatchObject({ code: 5 });
  const links = (): string[] => readdirSync(`/proc/${monitor}/fd`).map((fd) => {
    try { return readlinkSync(`/proc/${monitor}/fd/${fd}`); } catch { return ""; }
  });
  expect(links().some((link) => link.endsWith("/lock"))).toBe(true);
  say(made.channel, "d");
  await until(() => !links().some((link) => link.startsWith("mnt:") || link.endsWith("/lock")), "released", 1000);
  expect(alive(monitor)).toBe(true);
  expect(readAll(outRead)).toBe(100_000);
  expect(receive(made.channel).report).toBe(null);
  await until(() => !alive(monitor), "the monitor's end");
  closeSync(outRead);
});

test("a client that never cleans up is not waited for without end: the monitor's own cleanup runs", async () => {
  const made = container(shell("sleep 0.2; exit 6", { cleanup: ["/bin/busybox", "touch", "/tmp/mdk-shim-overdue"] }));
  const { monitor } = family(go(made));
  expect(exited(made).code).toBe(6);
  await until(() => !alive(monitor), "the monitor's end", 12_000);
  expect(Bun.spawnSync(["rm", "/tmp/mdk-shim-overdue"]).exitCode).toBe(0);
}, 20_000);

test("a monitor whose stdin is backed up rests, whoever waits; those that typed and are gone leave their places", async () => {
  const made = container(shell("sleep 1000", { openStdin: true, listen: true }));
  const { monitor } = family(go(made));
  const typist = attach(made, Buffer.from([0x61, 1]));
  for (let sent = 0; sent < 6; sent++) say(typist, `i${"x".repeat(32_000)}`);
  const waiter = attach(made, Buffer.from("x"));
  say(waiter, "x");
  await Bun.sleep(50);
  const before = used(monitor);
  await Bun.sleep(600);
  expect(used(monitor) - before).toBeLessThanOrEqual(50);
  for (let dead = 0; dead < 40; dead++) {
    const client = attach(made, Buffer.from([0x61, 1]));
    say(client, "itoo late");
    closeSync(client);
  }
  expect(used(monitor) - before).toBeLessThanOrEqual(150);
  closeSync(attach(made, Buffer.from("x")));
  for (const fd of [typist, waiter]) closeSync(fd);
});
