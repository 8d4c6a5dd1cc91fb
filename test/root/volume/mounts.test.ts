/** Each form of mount that -v, --mount, --tmpfs and --volumes-from have, as the kernel shows it in /proc/PID/mountinfo, and as the host sees what is written. */
import { afterEach, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { run } from "../../helpers/registry.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBusyboxWorld();

const at = (...parts: readonly string[]): string => join(world.folder, ...parts);

/** A directory of the host with one file in it. */
function directory(name: string): string {
  mkdirSync(at(name), { recursive: true });
  writeFileSync(at(name, "file"), name);
  return at(name);
}

interface Seen {
  /** Path in its file system. */
  readonly root: string;
  readonly options: readonly string[];
  /** "shared", "master" without their numbers. */
  readonly tags: readonly string[];
  readonly type: string;
  /** Of the file system. */
  readonly parameters: readonly string[];
}

/** What the kernel has mounted at a container's path, the last one first; empty: nothing. */
function mountsAt(container: string, target: string): Seen[] {
  const lines = readFileSync(`/proc/${world.pid(container)}/mountinfo`, "utf8").split("\n").map((line) => line.split(" - "));
  return lines.map(([left = "", right = ""]) => ({ left: left.split(" "), right: right.split(" ") })).filter(({ left }) => left[4] === target).map(({ left, right }) => ({
    root: left[3]!, options: left[5]!.split(","), tags: left.slice(6).map((tag) => tag.split(":")[0]!), type: right[0]!, parameters: (right[2] ?? "").split(","),
  })).reverse();
}

/** A container that sleeps with these flags; its name. */
function started(...flags: readonly string[]): string {
  const name = `m${++count}`;
  world.ok("run", "-d", "--name", name, ...flags, busybox, "sleep", "1000");
  return name;
}
let count = 0;

const refused = (...flags: readonly string[]): string => {
  const { status, stderr } = world.mdk(["run", "--rm", ...flags, busybox, "true"]);
  return `${status} ${stderr.replace(/^mdk: /, "").split("\n")[0]}`;
};

const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0).reverse()) Bun.spawnSync(["umount", "-l", path]);
});
/** Mounts something on the host for the length of a test. */
function hostMount(path: string, ...args: readonly string[]): string {
  mkdirSync(path, { recursive: true });
  run("mount", ...args, path);
  mounted.push(path);
  return path;
}
/** A directory of the host whose mounts go to its peers, or do not. */
function hostPeer(name: string, propagation: "shared" | "private"): string {
  const path = hostMount(at(name), "-t", "tmpfs", "tmpfs");
  run("mount", `--make-${propagation}`, path);
  return path;
}

rootTest("bind: a directory, a file and a socket of the host, written and read from both sides, read-only where that is asked for", () => {
  const [dir, file] = [directory("bound"), at("one")];
  writeFileSync(file, "one");
  const server = createServer().listen(at("socket"));
  const name = started("-v", `${dir}:/rw`, "-v", `${dir}:/ro:ro`, "--mount", `type=bind,src=${dir},dst=/m,readonly`, "-v", `${file}:/new/one`, "--mount", `type=bind,source=${file},target=/etc/passwd`, "-v", `${at("socket")}:/s`);
  expect(["/rw", "/ro", "/m", "/new/one", "/etc/passwd", "/s"].map((target) => mountsAt(name, target).map(({ options, tags }) => [options[0], tags]))).toEqual(
    [[["rw", []]], [["ro", []]], [["ro", []]], [["rw", []]], [["rw", []]], [["rw", []]]]);
  world.ok("exec", name, "sh", "-c", "echo in >/rw/in; echo two >/new/one; test -S /s");
  expect([readFileSync(join(dir, "in"), "utf8"), readFileSync(file, "utf8")]).toEqual(["in\n", "two\n"]);
  writeFileSync(join(dir, "late"), "late");
  expect(world.ok("exec", name, "cat", "/ro/late", "/m/file", "/etc/passwd")).toBe("lateboundtwo");
  for (const target of ["/ro", "/m"]) expect(world.mdk(["exec", name, "touch", `${target}/x`]).stderr).toContain("Read-only file system");
  server.close();
});

rootTest("a source that is missing: -v makes a directory, open to all whatever the umask; --mount refuses, at create and at start", () => {
  const umask = Bun.spawnSync(["sh", "-c", `umask 077; exec "$@"`, "sh", ...world.words("run", "--rm", "-v", `${at("made/deep")}:/d`, busybox, "touch", "/d/f")]);
  expect(umask.exitCode).toBe(0);
  expect([statSync(at("made")).mode & 0o777, statSync(at("made/deep")).mode & 0o777, readdirSync(at("made/deep"))]).toEqual([0o755, 0o755, ["f"]]);
  expect(refused("--mount", `type=bind,source=${at("nowhere")},target=/d`)).toBe(`125 invalid mount config for type "bind": bind source path does not exist: ${at("nowhere")}`);
  expect(existsSync(at("nowhere"))).toBe(false);
  world.ok("create", "--name", "later", "--mount", `type=bind,source=${directory("goes")},target=/d`, busybox, "true");
  rmSync(at("goes"), { recursive: true });
  expect(world.mdk(["start", "later"]).stderr).toContain(`bind source path does not exist: ${at("goes")}`);
  expect(existsSync(at("goes"))).toBe(false);
});

rootTest("volumes: named, anonymous, of the image; tmpfs; image: each with its options", () => {
  const name = started("-v", "named:/n", "-v", "named:/nro:ro,z", "-v", "/anonymous", "--mount", "source=other,target=/o,readonly", "--mount", "target=/a2,volume-label=k=v", "--tmpfs", "/t1:size=1m,mode=1700,exec",
    "--mount", "type=tmpfs,target=/t2,tmpfs-size=2m,tmpfs-mode=750", "--mount", `type=image,source=${busybox},target=/i`, "--mount", `type=image,source=${busybox},target=/ib,image-subpath=bin`);
  const volume = (target: string): string => world.inspect(name, `range .Mounts}}{{if eq .Destination "${target}"}}{{.Source}}{{end}}{{end`);
  for (const target of ["/n", "/nro", "/anonymous", "/o", "/a2"]) {
    const [seen] = mountsAt(name, target);
    expect([volume(target).startsWith(`${world.root}/volumes/`), seen!.root.endsWith(volume(target).slice(world.folder.length)), seen!.options[0], seen!.tags]).toEqual([true, true, target === "/nro" || target === "/o" ? "ro" : "rw", []]);
  }
  expect(volume("/n")).toBe(`${world.root}/volumes/named/_data`);
  world.ok("exec", name, "sh", "-c", "echo x >/n/f; echo y >/anonymous/g; cat /nro/f");
  expect([readFileSync(`${volume("/n")}/f`, "utf8"), readFileSync(`${volume("/anonymous")}/g`, "utf8")]).toEqual(["x\n", "y\n"]);
  const anonymous = volume("/a2").split("/").at(-2)!;
  expect([anonymous, JSON.parse(world.ok("volume", "inspect", "-f", "{{json .Labels}}", anonymous))]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), { "com.docker.volume.anonymous": "", k: "v" }]);
  const [t1, t2] = [mountsAt(name, "/t1")[0]!, mountsAt(name, "/t2")[0]!];
  expect([t1.type, t1.options.filter((word) => /^no(suid|dev|exec)$/.test(word)), t1.parameters.includes("size=1024k"), world.ok("exec", name, "stat", "-c", "%a", "/t1")]).toEqual(["tmpfs", ["nosuid", "nodev"], true, "1700"]);
  expect([t2.type, t2.options.filter((word) => /^no(suid|dev|exec)$/.test(word)), t2.parameters.includes("size=2048k"), world.ok("exec", name, "stat", "-c", "%a", "/t2")]).toEqual(["tmpfs", ["nosuid", "nodev", "noexec"], true, "750"]);
  expect(mountsAt(name, "/i").map(({ type, options }) => [type, options[0]])).toEqual([["overlay", "ro"]]);
  expect(world.ok("exec", name, "sh", "-c", "ls /ib | head -n 1; ls -d /i/etc/passwd; touch /i/x 2>&1 || true")).toMatch(/^\[\n\/i\/etc\/passwd\ntouch: \/i\/x: Read-only file system$/);
  expect(world.ok("exec", name, "ls", "-A", "/i")).toBe(Bun.spawnSync(["ls", "-A", world.ok("image", "inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", busybox)]).stdout.toString().trim());
  // It stays as long as a container shows it.
  world.ok("commit", name, "shown:1");
  const shown = started("--mount", "type=image,source=shown:1,target=/s");
  expect(world.mdk(["rmi", "shown:1"])).toMatchObject({ status: 1, stderr: expect.stringContaining("conflict: unable to ") });
  world.ok("rm", "-f", shown);
  world.ok("rmi", "shown:1");
  expect(refused("--mount", `type=image,source=${busybox},target=/x,image-subpath=nowhere`)).toContain("cannot access path nowhere");
  expect(refused("--mount", "type=image,source=nothing:there,target=/x")).toContain("No such image: nothing:there");
});

rootTest("a part of a volume: a directory, a file, one that is missing, and links that would lead out", () => {
  world.ok("run", "--rm", "-v", "whole:/w", busybox, "sh", "-c", "mkdir -p /w/a/b; echo f >/w/a/b/f; ln -s a /w/in; ln -s /a/b /w/abs; ln -s ../../.. /w/up; ln -s /etc /w/out");
  const name = started(...["a/b", "a/b/f", "in/b", "abs", "./a//b/"].flatMap((subpath, index) => ["--mount", `source=whole,target=/t${index},volume-subpath=${subpath}`]));
  expect(world.ok("exec", name, "cat", "/t0/f", "/t1", "/t2/f", "/t3/f", "/t4/f")).toBe("f\nf\nf\nf\nf");
  expect([0, 1, 2, 3, 4].map((index) => mountsAt(name, `/t${index}`)[0]!.root.replace(/^.*\/_data/, ""))).toEqual(["/a/b", "/a/b/f", "/a/b", "/a/b", "/a/b"]);
  // As from the volume's own root: there is no etc in it, and what is above it is itself.
  expect(refused("--mount", "source=whole,target=/t,volume-subpath=out")).toStartWith("125 cannot access path out in volume whole: no such file or directory");
  expect(refused("--mount", "source=whole,target=/t,volume-subpath=nowhere")).toStartWith("125 cannot access path nowhere in volume whole");
  expect(world.ok("run", "--rm", "--mount", "source=whole,target=/t,volume-subpath=up", busybox, "ls", "/t").split("\n")).toEqual(["a", "abs", "in", "out", "up"]);
  for (const subpath of ["../x", "/a", "a/../../b"]) expect(refused("--mount", `source=whole,target=/t,volume-subpath=${subpath}`)).toContain("subpath must be a relative path within the volume");
  expect(refused("--mount", "target=/t,volume-subpath=a")).toContain("must not set Subpath when using anonymous volumes");
});

rootTest("propagation: what the host mounts is seen by a slave and a peer, and what the container mounts by the host of a peer alone", () => {
  const peer = hostPeer("peer", "shared");
  const words = ["private", "rprivate", "slave", "rslave", "shared", "rshared"] as const;
  const names = Object.fromEntries(words.map((word) => [word, started("--privileged", "-v", `${peer}:/p:${word}`)]));
  const flagged = started("--privileged", "--mount", `type=bind,source=${peer},target=/p,bind-propagation=rslave`);
  hostMount(join(peer, "host"), "-t", "tmpfs", "tmpfs");
  writeFileSync(join(peer, "host/of-the-host"), "");
  const sees = (name: string): boolean => mountsAt(name, "/p/host").length === 1 && world.mdk(["exec", name, "test", "-e", "/p/host/of-the-host"]).status === 0;
  expect(words.map((word) => [word, sees(names[word]!)])).toEqual(words.map((word) => [word, /slave|shared/.test(word)]));
  expect(sees(flagged)).toBe(true);
  expect(words.map((word) => [word, mountsAt(names[word]!, "/p")[0]!.tags])).toEqual(words.map((word) => [word, word.includes("shared") ? ["shared"] : word.includes("slave") ? ["master"] : []]));
  for (const word of words) world.ok("exec", names[word]!, "sh", "-c", `mkdir -p /p/${word}; mount -t tmpfs tmpfs /p/${word}`);
  const onHost = readFileSync("/proc/self/mountinfo", "utf8");
  expect(words.map((word) => [word, onHost.includes(` ${peer}/${word} `)])).toEqual(words.map((word) => [word, word.includes("shared")]));
  for (const word of ["shared", "rshared"]) mounted.push(join(peer, word));
});

rootTest("propagation through a mount that has no peers is refused, as Docker refuses it", () => {
  const alone = hostPeer("alone", "private");
  for (const word of ["shared", "rshared"]) expect(refused("-v", `${alone}:/p:${word}`)).toBe(`125 path ${alone} is mounted on ${alone} but it is not a shared mount`);
  for (const word of ["slave", "rslave"]) expect(refused("--mount", `type=bind,source=${alone},target=/p,bind-propagation=${word}`)).toBe(`125 path ${alone} is mounted on ${alone} but it is not a shared or slave mount`);
  // Where the data root lies in it, as `-v /:/host:ro,rslave` of those who look at hosts.
  run("mount", "--bind", world.folder, world.folder);
  mounted.push(world.folder);
  run("mount", "--make-private", world.folder);
  expect(mountsAt(started("-v", `${world.folder}:/p:rslave`), "/p")[0]!.tags).toEqual([]);
});

rootTest("bind-recursive: mounts below the source come along read-only, writable, or not at all", () => {
  const peer = hostPeer("deep", "private");
  hostMount(join(peer, "below"), "-t", "tmpfs", "tmpfs");
  writeFileSync(join(peer, "below/file"), "");
  const bind = (rest: string): string => started("--mount", `type=bind,source=${peer},target=/d${rest}`);
  const told = (name: string): unknown[] => [mountsAt(name, "/d")[0]!.options[0], mountsAt(name, "/d/below")[0]?.options[0] ?? null, world.mdk(["exec", name, "touch", "/d/x"]).status, world.mdk(["exec", name, "touch", "/d/below/x"]).status, world.mdk(["exec", name, "test", "-e", "/d/below/file"]).status];
  expect(told(bind(""))).toEqual(["rw", "rw", 0, 0, 0]);
  expect(told(bind(",readonly"))).toEqual(["ro", "ro", 1, 1, 0]);
  expect(told(bind(",readonly,bind-recursive=enabled"))).toEqual(["ro", "ro", 1, 1, 0]);
  expect(told(bind(",readonly,bind-recursive=writable"))).toEqual(["ro", "rw", 1, 0, 0]);
  expect(told(bind(",readonly,bind-recursive=readonly,bind-propagation=rprivate"))).toEqual(["ro", "ro", 1, 1, 0]);
  expect(told(bind(",readonly,bind-recursive=disabled"))).toEqual(["ro", null, 1, 1, 1]);
  expect(told(bind(",bind-recursive=disabled"))).toEqual(["rw", null, 0, 0, 1]);
  expect(told(started("-v", `${peer}:/d:ro`))).toEqual(["ro", "ro", 1, 1, 0]);
});

rootTest("parents are mounted before what is in them, whatever the order of the words; what is missing in them is made there", () => {
  const [one, two] = [directory("one-dir"), directory("two-dir")];
  const name = started("--tmpfs", "/a/b/c", "-v", `${two}:/a/b`, "-v", "deep:/a/b/c/d/e", "-v", `${one}:/a`, "-v", `${at("one-dir/file")}:/a/b/file2`, "-v", `${at("one-dir/file")}:/a/b/c/d/e/file3`);
  const lines = readFileSync(`/proc/${world.pid(name)}/mountinfo`, "utf8").split("\n").map((line) => line.split(" "));
  const below = lines.filter(([, , , , place]) => place?.startsWith("/a") === true).map(([, parent, , , place]) => [place, lines.find(([id]) => id === parent)![4]]);
  expect(Object.fromEntries(below)).toEqual({ "/a": "/", "/a/b": "/a", "/a/b/c": "/a/b", "/a/b/file2": "/a/b", "/a/b/c/d/e": "/a/b/c", "/a/b/c/d/e/file3": "/a/b/c/d/e" });
  expect(world.ok("exec", name, "cat", "/a/file", "/a/b/file", "/a/b/file2", "/a/b/c/d/e/file3")).toBe("one-dirtwo-dirone-dirone-dir");
  expect([statSync(at("two-dir/file2")).size, statSync(at("two-dir/file2")).mode & 0o777, readdirSync(join(world.root, "volumes/deep/_data"))]).toEqual([0, 0o755, ["file3"]]);
  expect(readdirSync(at("one-dir")).sort()).toEqual(["b", "file"]);
  // In what is read-only nothing is made, and what is there is enough.
  expect(refused("-v", `${one}:/r:ro`, "-v", `${two}:/r/b`)).toBe("0 ");
  expect(refused("-v", `${one}:/r:ro`, "-v", `${two}:/r/missing`)).toMatch(/^125 .*[Rr]ead-only file system/);
});

rootTest("a target that is a link in the image is where the link leads, in the container", () => {
  const made = world.ok("run", "-d", busybox, "sh", "-c", "mkdir -p /real/deep; echo kept >/real/deep/f; ln -s /real/deep /link; ln -s ../../../../etc /up; ln -s /nowhere/yet /dangling");
  world.ok("wait", made);
  world.ok("commit", made, "linked:1");
  const host = directory("to-link");
  const name = `l${++count}`;
  world.ok("run", "-d", "--name", name, "-v", "vlink:/link", "-v", `${host}:/up/x`, "-v", `${host}:/dangling`, "linked:1", "sleep", "1000");
  expect([mountsAt(name, "/real/deep").length, mountsAt(name, "/etc/x").length, mountsAt(name, "/nowhere/yet").length]).toEqual([1, 1, 1]);
  expect(readFileSync(join(world.root, "volumes/vlink/_data/f"), "utf8")).toBe("kept\n");
  expect(existsSync("/etc/x")).toBe(false);
});

rootTest("--volumes-from: all that another container has, read-only where that is asked for; its own words come first", () => {
  const host = directory("from");
  world.ok("create", "--name", "source", "-v", "vf:/v", "-v", "/anon", "-v", `${host}:/h:ro`, "--tmpfs", "/t", busybox, "true");
  const rw = started("--volumes-from", "source");
  const ro = started("--volumes-from", "source:ro", "-v", "another:/v");
  world.ok("exec", rw, "sh", "-c", "echo 1 >/v/f; echo 2 >/anon/f");
  expect(world.ok("exec", ro, "sh", "-c", "cat /anon/f; ls /v; touch /anon/x 2>&1 || true")).toBe("2\ntouch: /anon/x: Read-only file system");
  expect([rw, ro].map((name) => ["/v", "/anon", "/h", "/t"].map((target) => mountsAt(name, target)[0]?.options[0] ?? null))).toEqual([["rw", "rw", "ro", null], ["rw", "ro", "ro", null]]);
  expect(readdirSync(join(world.root, "volumes/another/_data"))).toEqual([]);
  // What one was made with stays while another has it, and goes with the last.
  const anonymous = world.inspect("source", `range .Mounts}}{{if eq .Destination "/anon"}}{{.Name}}{{end}}{{end`);
  world.ok("rm", "-v", "source");
  expect(world.ok("exec", rw, "cat", "/anon/f")).toBe("2");
  world.ok("rm", "-f", "-v", ro);
  expect(existsSync(join(world.root, "volumes", anonymous))).toBe(true);
  world.ok("rm", "-f", "-v", rw);
  expect(existsSync(join(world.root, "volumes", anonymous))).toBe(false);
});

rootTest("options of the local driver: a tmpfs, a directory of the host, read-only; what cannot be mounted is named", () => {
  const host = directory("device");
  world.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=7,mode=700,noexec", "fast");
  world.ok("volume", "create", "-o", "type=none", "-o", `device=${host}`, "-o", "o=bind", "there");
  world.ok("volume", "create", "-o", "type=none", "-o", `device=${host}`, "-o", "o=bind,ro", "there-ro");
  const name = started("-v", "fast:/f", "-v", "there:/t", "-v", "there-ro:/r", "--mount", `target=/m,volume-opt=type=none,volume-opt=device=${host},volume-opt=o=bind`);
  hostMount(join(host, "below"), "-t", "tmpfs", "tmpfs");
  world.ok("volume", "create", "-o", "type=none", "-o", `device=${host}`, "-o", "o=rbind", "deep-there");
  const deep = started("-v", "there:/t", "-v", "deep-there:/d");
  expect(["/t", "/t/below", "/d", "/d/below"].map((target) => mountsAt(deep, target).length)).toEqual([1, 0, 1, 1]);
  world.ok("rm", "-f", deep);
  const fast = mountsAt(name, "/f")[0]!;
  expect([fast.type, fast.options.includes("noexec"), fast.parameters.includes("size=1024k"), world.ok("exec", name, "stat", "-c", "%a %u", "/f")]).toEqual(["tmpfs", true, true, "700 7"]);
  world.ok("exec", name, "sh", "-c", "echo there >/t/there; cat /r/there /m/there");
  expect(readFileSync(join(host, "there"), "utf8")).toBe("there\n");
  expect(mountsAt(name, "/r")[0]!.options[0]).toBe("ro");
  world.ok("rm", "-f", name);
  world.ok("volume", "rm", "there");
  expect(readdirSync(host).sort()).toEqual(["below", "file", "there"]);
  world.ok("volume", "create", "-o", "type=none", "-o", "device=/nowhere", "-o", "o=bind", "lost");
  expect(refused("-v", "lost:/l")).toBe(`125 error while mounting volume '${world.root}/volumes/lost/_data': failed to mount local volume: mount /nowhere:${world.root}/volumes/lost/_data, data: bind: no such file or directory`);
  world.ok("volume", "create", "-o", "type=nfs", "-o", "device=:/export", "-o", "o=addr=127.0.0.1,soft,timeo=1,retrans=0", "remote");
  const nfs = world.mdk(["run", "--rm", "-v", "remote:/l", busybox, "true"]);
  const has = readFileSync("/proc/filesystems", "utf8").includes("\tnfs\n");
  expect([nfs.status, nfs.stderr]).toEqual([125, has ? expect.stringContaining("failed to mount local volume: mount :/export:") : expect.stringMatching(/failed to mount local volume: mount :\/export:.*: no such device\n.*this kernel does not know the file system "nfs"/)]);
});

rootTest("a file of the image where a directory is to be mounted, and the other way round, are told", () => {
  const host = directory("kinds");
  expect(refused("-v", `${host}:/etc/passwd`)).toMatch(/^125 .*error mounting "\/.*\/kinds" to rootfs at "\/etc\/passwd": move_mount: not a directory: Are you trying to mount a directory onto a file/);
  expect(refused("-v", `${host}/file:/etc`)).toMatch(/^125 .* to rootfs at "\/etc": .*Are you trying to mount a directory onto a file/);
  expect(refused("-v", "v-file:/etc/passwd")).toMatch(/^125 .* to rootfs at "\/etc\/passwd": .*Are you trying to mount a directory onto a file/);
  chmodSync(host, 0o700);
  symlinkSync(host, at("to-kinds"));
  expect(world.ok("run", "--rm", "-v", `${at("to-kinds")}:/d:ro`, busybox, "cat", "/d/file")).toBe("kinds");
});
