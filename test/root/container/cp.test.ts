/** `mdk cp` where something is mounted, where something goes wrong, and what it leaves then. Docker's rules of paths are in cp-docker.test.ts. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { descendants, until } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBusyboxWorld();

const at = (...parts: readonly string[]): string => join(world.folder, ...parts);

/** The names of an archive on standard output. */
function listed(...args: readonly string[]): string[] {
  return run("sh", "-c", `"$@" | tar -tf -`, "sh", ...world.words("cp", ...args)).trim().split("\n");
}

function refused(...args: readonly string[]): string {
  const { status, stderr } = world.mdk(["cp", ...args]);
  return `${status} ${stderr.replace(/^mdk: /, "").split("\n")[0]}`;
}

rootTest("what is mounted in a container is seen and written whether it runs or not; what is read-only is refused alike", () => {
  for (const path of ["vol/in", "ro", "deep"]) mkdirSync(at("host", path), { recursive: true });
  for (const path of ["vol/a", "ro/b", "deep/c", "one"]) writeFileSync(at("host", path), path);
  const mounts = [`${at("host/vol")}:/data`, `${at("host/ro")}:/data/in/ro:ro`, `${at("host/deep")}:/new/deep`, `${at("host/one")}:/etc/one`].flatMap((bind) => ["-v", bind]);
  writeFileSync(at("f"), "f");
  for (const running of [false, true]) {
    world.ok(...(running ? ["run", "-d"] : ["create"]), "--name", "mounted", ...mounts, "--tmpfs", "/fast", busybox, "sleep", "1000");
    expect(listed("mounted:/data", "-")).toEqual(["data/", "data/a", "data/in/", "data/in/ro/", "data/in/ro/b"]);
    expect(listed("mounted:/new/deep/c", "-")).toEqual(["c"]);
    expect(listed("mounted:/etc/one", "-")).toEqual(["one"]);
    world.ok("cp", at("f"), "mounted:/data/put");
    expect(readFileSync(at("host/vol/put"), "utf8")).toBe("f");
    rmSync(at("host/vol/put"));
    expect(refused(at("f"), "mounted:/data/in/ro/x")).toBe("1 mounted volume is marked read-only");
    expect(refused(at("f"), "mounted:/data/in/ro")).toBe("1 mounted volume is marked read-only");
    expect(readdirSync(at("host/ro"))).toEqual(["b"]);
    if (running) {
      world.ok("cp", at("f"), "mounted:/fast/f");
      expect(world.ok("exec", "mounted", "cat", "/fast/f")).toBe("f");
    }
    world.removeAll();
  }
});

rootTest("a read-only root is refused, what is mounted in it writable is not", () => {
  mkdirSync(at("host/rw"), { recursive: true });
  writeFileSync(at("f"), "f");
  for (const running of [false, true]) {
    world.ok(...(running ? ["run", "-d"] : ["create"]), "--name", "fixed", "--read-only", "-v", `${at("host/rw")}:/rw`, busybox, "sleep", "1000");
    for (const to of ["/", "/tmp/x", "/etc", "/rw/../tmp", "/rwx"]) expect([to, refused(at("f"), `fixed:${to}`)]).toEqual([to, "1 container rootfs is marked read-only"]);
    world.ok("cp", at("f"), "fixed:/rw/f");
    expect(readFileSync(at("host/rw/f"), "utf8")).toBe("f");
    world.removeAll();
  }
});

rootTest("what the kernel makes up is copied when it is asked for, and not with the root", () => {
  world.ok("run", "-d", "--name", "lives", busybox, "sleep", "1000");
  world.ok("cp", "lives:/proc/version", at("version"));
  expect(readFileSync(at("version"), "utf8")).toBe(readFileSync("/proc/version", "utf8"));
  world.ok("cp", "lives:/sys/kernel/mm/transparent_hugepage/enabled", at("enabled"));
  expect(readFileSync(at("enabled"), "utf8")).toBe(readFileSync("/sys/kernel/mm/transparent_hugepage/enabled", "utf8"));
  // A frozen one as well.
  world.ok("pause", "lives");
  world.ok("cp", at("version"), "lives:/tmp/version");
  expect(listed("lives:/tmp/version", "-")).toEqual(["version"]);
  world.ok("unpause", "lives");
  const names = listed("lives:/", "-");
  expect(names.filter((name) => /^\/?(proc|sys|dev)\/./.test(name))).toEqual([]);
  expect(names).toContain("/etc/hostname");
});

rootTest("archives: compressed or not, into a directory only; sockets are left out, and nothing climbs out", () => {
  mkdirSync(at("tree/sub"), { recursive: true });
  writeFileSync(at("tree/sub/a"), "a");
  const server = createServer().listen(at("tree/socket"));
  world.ok("create", "--name", "filled", busybox);
  world.ok("cp", at("tree"), "filled:/tmp");
  server.close();
  expect(listed("filled:/tmp/tree", "-")).toEqual(["tree/", "tree/sub/", "tree/sub/a"]);
  for (const [flags, name] of [["-cf", "plain"], ["-czf", "gzip"], ["--zstd -cf", "zstd"]] as const) {
    const archive = Bun.spawnSync(["sh", "-c", `mv tree/sub tree/${name}; tar ${flags} - tree; mv tree/${name} tree/sub`], { cwd: world.folder }).stdout;
    expect(world.mdk(["cp", "-", "filled:/tmp"], { stdin: archive })).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(listed(`filled:/tmp/tree/${name}`, "-")).toEqual([`${name}/`, `${name}/a`]);
  }
  const climbing = (...options: readonly string[]): Uint8Array => Bun.spawnSync(["tar", "-cPf", "-", ...options, "tree/sub/a"], { cwd: world.folder }).stdout;
  for (const [options, sentence] of [
    [["--transform", "s|.*|../../out|"], "\"../../out\" is outside of \"/tmp\""], [["--transform", "s|.*|x/../../out|"], "\"x/../../out\" is outside of \"/tmp\""],
  ] as const) expect(world.mdk(["cp", "-", "filled:/tmp"], { stdin: climbing(...options) })).toEqual({ status: 1, stdout: "", stderr: `mdk: ${sentence}\n` });
  // From the root, "/" is the directory.
  expect(world.mdk(["cp", "-", "filled:/tmp"], { stdin: climbing("--transform", "s|.*|/../top|") }).status).toBe(0);
  expect(listed("filled:/tmp/top", "-")).toEqual(["top"]);
  expect(refused("-", "filled:/etc/passwd")).toBe("1 destination \"filled:/etc/passwd\" must be a directory");
  expect(world.mdk(["cp", "-", "filled:/tmp"], { stdin: "no archive at all, but long enough to be looked at".repeat(20) }).status).toBe(1);
  expect(readdirSync(join(world.root, "tmp"))).toEqual(["pull.lock"]);
});

rootTest("what was copied is told where it is asked for, and otherwise nothing", () => {
  writeFileSync(at("f"), "f");
  world.ok("create", "--name", "told", busybox);
  expect(world.mdk(["cp", at("f"), "told:/tmp/x"])).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(world.mdk(["cp", "--quiet=false", at("f"), "told:/tmp/x"])).toEqual({ status: 0, stdout: "", stderr: "Successfully copied 2.05kB to told:/tmp/x\n" });
  expect(world.mdk(["cp", "--quiet=false", "told:/tmp/x", at("y")])).toEqual({ status: 0, stdout: "", stderr: `Successfully copied 2.05kB to ${at("y")}\n` });
});

rootTest("-a makes everything the container's user's; without it numbers stay; what is copied out is the caller's", () => {
  mkdirSync(at("owned"), { recursive: true });
  writeFileSync(at("owned/f"), "f");
  run("chown", "-R", "1234:2345", at("owned"));
  world.ok("create", "--name", "owned", "-u", "daemon", busybox);
  for (const [flags, expected] of [[[], "1234 2345"], [["-a"], "1 1"]] as const) {
    world.ok("cp", ...flags, at("owned"), "owned:/tmp");
    expect(run("sh", "-c", `"$@" | tar --numeric-owner -tvf - | awk '{print $2}' | sort -u | tr / ' '`, "sh", ...world.words("cp", "owned:/tmp/owned", "-")).trim()).toBe(expected);
  }
  world.ok("cp", "-a", "owned:/tmp/owned", at("back"));
  expect([statSync(at("back/f")).uid, statSync(at("back/f")).gid]).toEqual([0, 0]);
});

rootTest("a full disk is told with the file, and ends the copy", () => {
  mkdirSync(at("small"));
  run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", at("small"));
  try {
    world.ok("create", "--name", "big", "-v", `${at("small")}:/small`, busybox);
    expect(refused("big:/bin", at("small"))).toMatch(/^1 write \/.*\/small\/bin\/\S+: no space left on device$/);
    rmSync(at("small/bin"), { recursive: true });
    writeFileSync(at("large"), Buffer.alloc(3 << 20));
    expect(refused(at("large"), "big:/small/x")).toBe("1 write /small/x: no space left on device");
  } finally {
    run("umount", at("small"));
  }
});

rootTest("a copy that is killed leaves no mount, no process and no file; the container starts, and can be copied from", async () => {
  run("sh", "-c", `mkdir "$1"; cd "$1"; seq 20000 | xargs touch`, "sh", at("many"));
  mkdirSync(at("bound"));
  world.ok("create", "--name", "cut", "-v", `${at("bound")}:/bound`, busybox, "sleep", "1000");
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  for (const args of [[at("many"), "cut:/tmp"], ["cut:/", "-"], ["-", "cut:/tmp"]]) {
    const copying = world.spawn(["cp", ...args]);
    const shims = new Set<number>();
    await until(() => {
      for (const pid of descendants(copying.pid)) if (pid !== copying.pid) shims.add(pid);
      return args[0] === "-" || shims.size > 0;
    }, "the shim is there");
    copying.kill("SIGKILL");
    await copying.exited;
    await until(() => [...shims].every((pid) => !existsSync(`/proc/${pid}/fd/3`)), "the shim is gone");
  }
  expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(mounts);
  expect(readdirSync(join(world.root, "tmp")).filter((name) => name !== "pull.lock")).toEqual([]);
  expect(world.ok("ps", "-a", "--format", "{{.Names}} {{.State}}")).toBe("cut created");
  world.ok("start", "cut");
  world.ok("cp", "cut:/etc/hostname", at("hostname"));
});

rootTest("a container that is stopped, started and removed meanwhile: the copy ends, with its files or as there is none", async () => {
  run("sh", "-c", `mkdir -p "$1"; cd "$1"; seq 5000 | xargs touch`, "sh", at("some"));
  const id = world.ok("run", "-d", "--name", "moving", "--stop-timeout", "0", busybox, "sleep", "1000");
  world.ok("cp", at("some"), "moving:/tmp");
  for (const meanwhile of [["stop", "-t", "0"], ["start"], ["rm", "-f"]]) {
    const copies = [["moving:/tmp/some", at(`out-${meanwhile[0]}`)], [at("some"), "moving:/tmp/again"]].map((args) => world.spawn(["cp", ...args], "ignore"));
    await Bun.sleep(30);
    world.ok(...meanwhile, "moving");
    for (const copy of copies) {
      const [status, told] = [await copy.exited, await new Response(copy.stderr).text()];
      // Found by its name too late, or gone while it was copied.
      if (status !== 0) expect([meanwhile, told]).toEqual([["rm", "-f"], expect.stringMatching(new RegExp(`^mdk: No such container: (moving|${id})\n$`))]);
    }
    if (meanwhile[0] !== "rm") expect(world.ok("ps", "-a", "--format", "{{.State}}")).toBe(meanwhile[0] === "start" ? "running" : "exited");
  }
  expect(world.ok("ps", "-aq")).toBe("");
  expect(readdirSync(join(world.root, "containers"))).toEqual([]);
});
