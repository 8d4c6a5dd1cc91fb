/**
 * dist/mdk on hosts with glibc and without: shim/entry.zig takes the host's loader or the one that the file carries. The host
 * without is a root of busybox and musl; what runs there are whole commands, their re-executions included.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeAuthority } from "../../helpers/authority.ts";
import { MDK, until } from "../../helpers/mdk.ts";
import { DECOY, hasMusl, openMuslRoot, type MuslRoot } from "../../helpers/musl-root.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { openStage, type Stage } from "../../helpers/stage.ts";

const able = isRoot && hasMusl && existsSync(MDK) && process.arch === "x64" && ["openssl", "unshare", "nsenter", "ip"].every(hasTool);
const muslTest = testIf(able, "needs root, a built dist/mdk, musl, openssl, iproute2, on x86_64");

const IMAGE = "registry.test:5443/i";
let stage: Stage;
let musl: MuslRoot;
let registry: Bun.Subprocess<"ignore", "pipe", "inherit">;

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  const keys = join(stage.folder, "keys");
  mkdirSync(keys);
  makeAuthority(keys, ["registry.test", "listed.test"]);
  musl = await openMuslRoot(join(stage.folder, "musl"), stage.host);
  copyFileSync(join(keys, "ca.crt"), join(stage.folder, "musl/root/etc/ssl/certs/ca-certificates.crt"));
  registry = Bun.spawn(["nsenter", `--net=/run/netns/${stage.host}`, process.execPath, "test/helpers/named-registry.ts", keys], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  await registry.stdout.getReader().read();
});

afterAll(async () => {
  if (!able) return;
  await musl.run("/usr/bin/mdk", "clean", "-f");
  registry.kill();
  await musl.end();
  await stage.end();
});

const mdk = (...args: readonly string[]) => musl.run("/usr/bin/mdk", ...args);

muslTest("the root has no glibc: its programs do not start there, musl's loader does", async () => {
  expect((await musl.run("/bin/of-glibc")).code).toBe(127);
  expect((await musl.run("/lib/ld-musl-x86_64.so.1")).err).toStartWith("musl libc (x86_64)");
});

muslTest("the file has no interpreter, names no library path and is not larger than 120 MB", () => {
  const head = Buffer.alloc(64);
  const file = openSync(MDK, "r");
  readSync(file, head, 0, 64, 0);
  const table = Buffer.alloc(head.readUInt16LE(56) * 56);
  readSync(file, table, 0, table.length, Number(head.readBigUInt64LE(32)));
  const types = Array.from({ length: table.length / 56 }, (_, index) => table.readUInt32LE(index * 56));
  expect(types).toContain(1);
  expect(types).not.toContain(3);
  expect(statSync(MDK).size).toBeLessThanOrEqual(120_000_000);
});

muslTest("--version and info work without glibc, also with another C library's loader at glibc's place", async () => {
  const here = await stage.mdk("--version");
  expect(here.out).toStartWith("mdk version ");
  expect(await mdk("--version")).toEqual(here);
  expect((await mdk("info", "--format", "{{.Driver}}")).out).toBe("overlay2\n");
  expect((await musl.bare("/bin/sh", "-c", `${DECOY} && /usr/bin/mdk --version`)).out).toBe(here.out);
});

muslTest("it starts where memory may not be executed as a program (vm.memfd_noexec=2, since Linux 6.3)", async () => {
  const root = join(stage.folder, "musl/bare");
  const strict = `for p in /proc ${root}/proc; do mount -t proc proc $p; done; f=/proc/sys/vm/memfd_noexec; [ ! -e $f ] || echo 2 >$f; exec chroot ${root} /usr/bin/mdk --version`;
  expect(await stage.inside(["unshare", "--mount", "--pid", "--fork", "sh", "-ec", strict])).toEqual(await stage.mdk("--version"));
});

muslTest("doctor tells which C library: the host's here, its own there", async () => {
  const loader = (out: string) => (JSON.parse(out) as { Findings: { Name: string; Found: string; Chosen: string }[] }).Findings.find(({ Name }) => Name === "loader");
  expect(loader((await stage.mdk("doctor", "--json")).out)).toMatchObject({ Found: expect.stringMatching(/^glibc: \/.*\/ld-linux-x86-64\.so\.2$/), Chosen: "the host's C library" });
  expect(loader((await mdk("doctor", "--json")).out)).toMatchObject({ Found: "no glibc (musl, or none)" });
});

muslTest("names are found by DNS and in /etc/hosts, and TLS trusts the root's authorities", async () => {
  expect((await mdk("pull", "-q", IMAGE))).toMatchObject({ code: 0, out: `${IMAGE}:latest\n` });
  expect((await mdk("pull", "-q", "listed.test:5443/i"))).toMatchObject({ code: 0, out: "listed.test:5443/i:latest\n" });
  expect((await mdk("pull", "-q", "unknown.test:5443/i")).err).toContain("unknown.test:5443: no such host");
});

muslTest("run, exec, logs, stop and rm work; a detached container is cleaned up by mdk, executed anew by the monitor", async () => {
  expect(await mdk("run", "--rm", IMAGE, "echo", "inside")).toMatchObject({ code: 0, out: "inside\n" });
  expect((await mdk("run", "-d", "--name", "kept", "--memory", "64M", "--cpus", "0.5", IMAGE, "sh", "-c", "echo logged; exec sleep 600")).code).toBe(0);
  expect((await mdk("exec", "kept", "sh", "-c", "exit 3")).code).toBe(3);
  expect((await mdk("logs", "kept")).out).toBe("logged\n");
  expect((await mdk("run", "-d", "--rm", "--name", "brief", IMAGE, "true")).code).toBe(0);
  await until(async () => (await mdk("ps", "-a", "--format", "{{.Names}}")).out === "kept\n", "only the other container is left");
  expect((await mdk("stop", "-t", "0", "kept")).out).toBe("kept\n");
  expect((await mdk("rm", "kept")).out).toBe("kept\n");
});

muslTest("nothing of mdk's C library reaches a container", async () => {
  const { out } = await mdk("run", "--rm", IMAGE, "sh", "-c", "ls /proc/1/fd /proc/self/fd; cat /proc/1/maps");
  expect(out).not.toContain("memfd");
});
