/** Where mdk runs and what it leaves: many at once, two roots, noexec, a root with glibc's files only, no helper programs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { imageLayout } from "../../helpers/fixtures.ts";
import { alive, MDK, parentOf, until, World } from "../../helpers/mdk.ts";
import { push, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, testIf } from "../../helpers/requires.ts";

let registry: Registry;
let busybox: string;
let world: World;
beforeAll(async () => {
  registry = await startRegistry();
  busybox = `${registry.host}/busybox`;
  push(`${imageLayout("busybox")}:latest`, busybox);
  world = new World();
  world.ok("pull", "-q", busybox);
});
afterAll(async () => {
  world?.close();
  await registry?.stop();
});

/** The name that the root's control groups carry: "mdk-1a2b3c4d". */
function tagOf(of: World): string {
  const id = of.ok("run", "-d", busybox, "sleep", "1000");
  const path = /^\d+:(?:memory|pids|):(.*)$/m.exec(readFileSync(`/proc/${of.pid(id)}/cgroup`, "utf8"))?.[1] ?? "";
  of.ok("rm", "-f", id);
  expect(basename(path)).toBe(id);
  return basename(dirname(path));
}

const lines = (...command: string[]): string[] => Bun.spawnSync(command).stdout.toString().split("\n").filter((line) => line !== "");
const groups = (tag: string): string[] => lines("find", "/sys/fs/cgroup", "-type", "d", "-path", `*/${tag}/*`, "-name", "?".repeat(64));
/** What bridge and table of its network are called: "mdk-1a2b3c". */
function bridgeOf(of: World): string {
  const database = new Database(join(of.root, "mdk.db"), { readonly: true });
  try {
    return `mdk-${(database.query("SELECT tag FROM namespaces").get() as { tag: string }).tag}`;
  } finally {
    database.close();
  }
}
const portElements = (bridge: string): number => (Bun.spawnSync(["nft", "-j", "list", "map", "inet", bridge, "published"]).stdout.toString().match(/"concat"/g) ?? []).length;
const veths = (bridge: string): string[] => lines("sh", "-c", `ls /sys/class/net/${bridge}/brif`);

function commandLines(): string[] {
  const read = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return ""; // it has ended
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(read);
}

testIf(hasTool("nft"), "nft is not installed")("200 runs, 8 at a time, all succeed and leave nothing", async () => {
  const tag = tagOf(world);
  const bridge = bridgeOf(world);
  const elements = portElements(bridge);
  const run = async (index: number): Promise<void> => {
    const publish = index % 4 === 0 ? ["-p", "127.0.0.1::80"] : [];
    const child = world.spawn(["run", "--rm", ...publish, busybox, "echo", `number ${index}`], "ignore");
    expect([await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited]).toEqual([`number ${index}\n`, "", 0]);
  };
  let next = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (next < 200) await run(next++);
  }));
  expect(world.ok("ps", "-aq")).toBe("");
  expect(readdirSync(join(world.root, "containers"))).toEqual([]);
  expect(readdirSync(world.runRoot).filter((name) => name.length === 64)).toEqual([]);
  expect(groups(tag)).toEqual([]);
  expect(portElements(bridge)).toBe(elements);
  await until(() => veths(bridge).length === 0, "the links are gone", 20_000);
  expect(commandLines().filter((line) => line.includes(world.folder))).toEqual([]);
  expect(lines("grep", "-c", world.folder, "/proc/self/mountinfo")).toEqual(["0"]);
}, 90_000);

test("two roots on one host keep apart, and clean of one leaves the other", async () => {
  const other = new World();
  try {
    other.ok("pull", "-q", busybox);
    const tags = [tagOf(world), tagOf(other)];
    const bridges = [bridgeOf(world), bridgeOf(other)];
    expect(tags[0]).not.toBe(tags[1]!);
    expect(bridges[0]).not.toBe(bridges[1]!);
    for (const one of [world, other]) one.ok("run", "-d", "--name", "same", "-p", "127.0.0.1::80", busybox, "httpd", "-f", "-h", "/etc");
    expect(world.ok("ps", "--format", "{{.Names}}")).toBe("same");
    const kept = world.pid("same");
    const lost = other.pid("same");
    expect(other.mdk(["clean"]).status).not.toBe(0); // without a terminal it wants -f
    other.ok("clean", "-f");
    await until(() => !alive(lost), "the end of the other's container");
    expect(groups(tags[1]!)).toEqual([]);
    expect(lines("find", "/sys/fs/cgroup", "-type", "d", "-name", tags[1]!)).toEqual([]);
    expect(readdirSync("/sys/class/net")).not.toContain(bridges[1]!);
    expect(alive(kept)).toBe(true);
    expect(readdirSync("/sys/class/net")).toContain(bridges[0]!);
    const port = world.inspect("same", '(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort');
    expect(await (await fetch(`http://127.0.0.1:${port}/passwd`)).text()).toContain("root:x:0:0");
    expect(other.ok("images", "-q").length).toBeGreaterThan(0);
    expect(other.ok("run", "--rm", busybox, "echo", "again")).toBe("again");
    world.ok("rm", "-f", "same");
  } finally {
    other.close();
  }
});

/** Runs a script with `mdk` as a function in a private mount namespace after `prepare`; fails with its output. */
function inNamespace(prepare: string, script: string): string {
  const file = join(world.folder, "script");
  writeFileSync(file, `set -eu\n${prepare}\nmdk() { ${MDK} --root ${world.root} --run-root ${world.folder}/mounted "$@"; }\n${script}\n`);
  const done = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", "sh", file], { stdin: "ignore", timeout: 30_000, killSignal: "SIGKILL" });
  if (done.exitCode !== 0) throw new Error(`${done.exitCode}: ${done.stdout.toString()}${done.stderr.toString()}`);
  return done.stdout.toString();
}

test("all of it works with a run root mounted noexec", () => {
  const out = inNamespace(
    `mkdir -p ${world.folder}/mounted; mount -t tmpfs -o noexec,nosuid,nodev tmpfs ${world.folder}/mounted`,
    `mdk run --rm ${busybox} echo run
     mdk run --rm --init ${busybox} echo init
     mdk run -d --name life ${busybox} sh -c 'echo logged; exec sleep 1000' >/dev/null
     mdk exec life echo exec
     mdk run --rm -t ${busybox} tty
     mdk logs life
     mdk stop -t 0 life; mdk start life; mdk kill life; mdk wait life; mdk rm life
     mdk ps -aq`,
  );
  expect(out.replaceAll("\r", "").split("\n")).toEqual(["run", "init", "exec", "/dev/pts/0", "logged", "life", "life", "life", "137", "life", ""]);
});

test("it runs in a root that has glibc's files, /proc, /sys and /dev only: a pull, a run, an exec", () => {
  const root = join(world.folder, "bare");
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  const libraries = lines("ldd", MDK).map((line) => /(\/\S+)/.exec(line)?.[1]).filter((path) => path !== undefined);
  for (const name of ["proc", "sys", "dev", "bin"]) mkdirSync(join(root, name), { recursive: true });
  for (const path of libraries) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
  expect(libraries.map((path) => basename(path).replace(/[-.].*/, "")).sort()).toEqual(["ld", "libc", "libdl", "libm", "libpthread"]);
  copyFileSync(MDK, join(root, "bin/mdk"));
  copyFileSync("/bin/busybox", join(root, "bin/busybox")); // static; it removes itself before mdk starts
  const script = `
    mount --bind ${root} ${root}; for d in proc sys dev; do mount --rbind /$d ${root}/$d; done
    cd ${root}; pivot_root . .; ./bin/busybox umount -l .; cd /; /bin/busybox rm /bin/busybox
    m="/bin/mdk --root /state --run-root /state-run"
    trap '$m clean -f' EXIT
    $m pull -q ${busybox}
    $m run --rm ${busybox} echo ran
    $m run -d --name life ${busybox} sleep 1000 >&2
    $m exec life echo executed
    $m rm -f life`;
  const file = join(world.folder, "bare-script");
  writeFileSync(file, `set -eu\n${script}\n`);
  const done = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", "sh", file], { stdin: "ignore", timeout: 30_000, killSignal: "SIGKILL", env: { PATH: process.env["PATH"] } });
  expect({ machine, status: done.exitCode, out: done.stdout.toString().replace(/Deleted.*\n/g, ""), err: done.stderr.toString().replace(/^([0-9a-f]{64}|WARNING: no name server .*)\n/gm, "") })
    .toEqual({ machine, status: 0, out: `${busybox}:latest\nran\nexecuted\nlife\n`, err: "" });
});

test("in a chroot whose root is no mount point a container runs, and nothing of the host is above its root", () => {
  const root = join(world.folder, "jail");
  for (const name of ["world", "proc", "sys", "dev"]) mkdirSync(join(root, name), { recursive: true });
  const script = `
    for d in proc sys dev bin lib lib64 usr etc; do [ -e /$d ] || continue; mkdir -p ${root}/$d; mount --rbind /$d ${root}/$d; done
    mount --bind ${world.folder} ${root}/world; cp ${MDK} ${root}/mdk
    mdk() { chroot ${root} /mdk --root /world/root --run-root /world/run-jail "$@"; }
    mdk run --rm --network none ${busybox} sh -c 'mkdir /x; chroot /x /bin/busybox true 2>/dev/null; wc -l </proc/self/mountinfo; awk "{print \\$5}" /proc/self/mountinfo | head -n 1; (cd -P /proc/1/root; ls ../../..) | grep -c world; echo ran'
    mdk run -d --name jailed --network none ${busybox} sleep 1000 >/dev/null; mdk exec jailed echo executed; mdk rm -f jailed; mdk clean -f`;
  const done = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", "sh", "-euc", script], { stdin: "ignore", timeout: 30_000, killSignal: "SIGKILL" });
  expect(done.stderr.toString()).toBe("");
  expect(done.stdout.toString()).toMatch(/^\d+\n\/\n0\nran\nexecuted\njailed\n$/);
  expect(world.ok("ps", "-aq")).toBe("");
});

testIf(hasTool("strace"), "strace is not installed")("a pull and a run execute mdk, the shim and the container's program, and nothing else", () => {
  const other = new World();
  try {
    const traced = (...args: string[]): string[] => {
      const file = join(other.folder, "trace");
      const done = Bun.spawnSync(["strace", "-f", "-qq", "-s", "200", "-e", "trace=execve,execveat", "-e", "signal=none", "-o", file, ...other.words(...args)], { timeout: 30_000, killSignal: "SIGKILL" });
      expect(done.exitCode).toBe(0);
      const calls = readFileSync(file, "utf8").split("\n").filter((line) => /execve(at)?\(.*= 0$|execve.*unfinished/.test(line));
      return calls.map((line) => /execve(?:at)?\((?:\d+, )?"([^"]*)", \["([^"]*)"/.exec(line)).map((match) => (match?.[2] === "mdk-shim" ? "mdk-shim" : (match?.[1] ?? "?")));
    };
    expect(traced("pull", "-q", busybox)).toEqual([MDK]);
    expect(traced("run", "--rm", "-p", "127.0.0.1::80", busybox, "true")).toEqual([MDK, "mdk-shim", "/bin/true"]);
  } finally {
    other.close();
  }
});

test("the container's end is seen by who started it in the background long ago", async () => {
  const id = world.ok("run", "-d", busybox, "sleep", "1000");
  const monitor = parentOf(parentOf(world.pid(id)));
  expect(readFileSync(`/proc/${monitor}/comm`, "utf8")).toBe("mdk-shim\n");
  world.ok("rm", "-f", id);
  await until(() => !alive(monitor), "the end of its monitor");
});
