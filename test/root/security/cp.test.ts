/**
 * Copying from and to a container that is hostile: whose links change while they are followed (CVE-2018-15664), whose PID 1 has another root,
 * and whose programs must never run for it (CVE-2019-14271).
 */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { buildProbe } from "../../helpers/probe.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBusyboxWorld();

const canary = mkdtempSync(join(tmpdir(), "mdk-canary-"));
afterAll(() => rmSync(canary, { recursive: true, force: true }));

/** Everything on the host that a copy must neither read nor write, by one word. */
function canaryState(): string {
  return readdirSync(canary).map((name) => `${name}=${readFileSync(join(canary, name), "utf8")}`).join();
}

rootTest("a directory that changes places with a link to / while it is copied from and to never leads to the host", () => {
  writeFileSync(join(canary, "secret"), "of the host");
  world.ok("run", "-d", "--name", "hostile", "-v", `${buildProbe()}:/probe:ro`, busybox, "sh", "-c",
    `mkdir -p /w/d${canary} ${canary}; echo inside >/w/d${canary}/secret; echo inside >${canary}/secret; ln -s / /w/l; : >/begun; exec /probe swap /w/d /w/l`);
  while (world.mdk(["exec", "hostile", "test", "-e", "/begun"]).status !== 0);
  writeFileSync(join(world.folder, "evil"), "evil");
  mkdirSync(join(world.folder, "evils"), { recursive: true });
  writeFileSync(join(world.folder, "evils", "secret"), "evil");
  const reached = { in: 0, out: 0 };
  for (let round = 0; round < 60; round++) {
    const out = join(world.folder, `out${round}`);
    if (world.mdk(["cp", `hostile:/w/d${canary}/secret`, out]).status === 0) {
      reached.out++;
      expect(readFileSync(out, "utf8")).toBeOneOf(["inside\n", "evil"]);
    }
    const tree = world.mdk(["cp", "hostile:/w", "-"]);
    expect(tree.stdout).not.toContain("of the host");
    for (const [from, to] of [["evil", `/w/d${canary}/new`], ["evils/.", `/w/d${canary}`]] as const) {
      if (world.mdk(["cp", join(world.folder, from), `hostile:${to}`]).status === 0) reached.in++;
    }
    expect(canaryState()).toBe("secret=of the host");
  }
  // Else nothing was tried at all.
  expect([reached.in > 20, reached.out > 10]).toEqual([true, true]);
}, 180_000);

rootTest("a PID 1 that has chrooted, and one that has left its directory, hide nothing of the container and show nothing else", () => {
  world.ok("run", "-d", "--name", "jailed", busybox, "sh", "-c", "mkdir -p /jail/bin; cp /bin/busybox /jail/bin/; echo jail >/jail/only; : >/begun; exec chroot /jail /bin/busybox sleep 1000");
  while (!readFileSync(`/proc/${world.pid("jailed")}/cmdline`, "latin1").startsWith("/bin/busybox"));
  world.ok("cp", "jailed:/etc/hostname", join(world.folder, "hostname"));
  expect(readFileSync(join(world.folder, "hostname"), "utf8")).toBe(`${world.inspect("jailed", ".Config.Hostname")}\n`);
  world.ok("cp", join(world.folder, "hostname"), "jailed:/put");
  expect(readdirSync(`/proc/${world.pid("jailed")}/root`).sort()).toEqual(["bin", "only"]);
  expect(world.ok("exec", "jailed", "cat", "/put")).toBe(world.inspect("jailed", ".Config.Hostname"));
  const exported = Bun.spawnSync(["sh", "-c", `${world.words("export", "jailed").join(" ")} | tar -t`]).stdout.toString();
  expect(exported).toContain("\netc/passwd\n");
  expect(exported).toContain("\njail/only\n");
});

rootTest("no program of the container runs for a copy: one without any can be copied from and to", () => {
  const id = world.ok("create", "--name", "bare", busybox, "sh");
  world.ok("cp", "bare:/etc", join(world.folder, "etc"));
  // All of them go, libraries too.
  const upper = join(world.root, "containers", id, "upper");
  world.ok("cp", join(world.folder, "etc/passwd"), "bare:/etc/passwd.new");
  rmSync(upper, { recursive: true });
  mkdirSync(upper);
  Bun.spawnSync(["setfattr", "-n", "trusted.overlay.opaque", "-v", "y", upper]);
  for (const name of ["bin", "lib", "lib64", "usr"]) Bun.spawnSync(["mknod", join(upper, name), "c", "0", "0"]);
  world.ok("cp", join(world.folder, "etc/passwd"), "bare:/passwd");
  expect(Bun.spawnSync(world.words("cp", "bare:/passwd", "-")).stdout.toString()).toContain("root:");
  expect(world.mdk(["cp", "bare:/bin/sh", "."]).stderr).toBe("mdk: Could not find the file /bin/sh in container bare\n");
});

rootTest("what a container puts over a file of its own is not taken off by a copy from outside", () => {
  world.ok("run", "-d", "--name", "bound", busybox, "sleep", "1000");
  writeFileSync(join(world.folder, "hosts"), "1.2.3.4 x\n");
  expect(world.mdk(["cp", join(world.folder, "hosts"), "bound:/etc/hosts"])).toEqual({ status: 1, stdout: "", stderr: "mdk: unlinkat /etc/hosts: device or resource busy\n" });
  expect(world.ok("exec", "bound", "grep", "-c", " /etc/hosts ", "/proc/mounts")).toBe("1");
});
