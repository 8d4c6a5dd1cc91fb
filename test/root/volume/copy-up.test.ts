/** What an image has where a volume is mounted: whole, once, and never over what is there. */
import { beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const ready = isRoot && existsSync("dist/mdk");
const rootTest = testIf(ready, "needs root and a built dist/mdk");

useBusyboxWorld();

const dataOf = (volume: string): string => join(world.root, "volumes", volume, "_data");

/** An image of what a script does in a container. */
function imageOf(name: string, script: string, ...changes: readonly string[]): void {
  const id = world.ok("run", "-d", busybox, "sh", "-ec", script);
  expect(world.ok("wait", id)).toBe("0");
  world.ok("commit", ...changes.flatMap((change) => ["-c", change]), id, name);
  world.ok("rm", id);
}

const FILES = 2000;
beforeAll(() => {
  if (!ready) return;
  imageOf("many:1", `mkdir /data; cd /data; for d in $(seq 20); do mkdir d$d; for f in $(seq ${FILES / 20}); do echo $f >d$d/f$f; done; done; chown 7:8 /data; chmod 1770 /data`, "VOLUME /data");
  imageOf("small:1", "mkdir /data; echo kept >/data/f; chown 5:6 /data");
});

/** Everything that GNU tar knows of a directory. */
const archived = (path: string): string => run("sh", "-c", `tar --format=posix --pax-option=delete=atime,delete=ctime --sort=name --numeric-owner --xattrs --xattrs-include='*' -C "$1" -cf - . | sha256sum`, "sh", path);

rootTest("owners, modes, times, attributes, links, hard links, devices: what tar sees of the one it sees of the other", () => {
  const script = `mkdir -p /data/sub/empty; cd /data; echo a >a; ln a hard; ln a sub/hard; ln -s ../../../etc/passwd up; ln -s /etc abs; ln -s a rel; ln -s nowhere dangling; mkfifo pipe; mknod null c 1 3; echo s >suid; chown 12:34 suid; chmod 4750 suid
    touch -d "2001-02-03 04:05:06" a sub; chmod 2711 sub; chown 100:200 sub . up; chmod 3751 .; touch -d "1999-01-01" .; dd if=/dev/zero of=big bs=1M count=3 2>/dev/null; printf x >"$(printf 'odd\\\\nname \\377')"`;
  const id = world.ok("run", "-d", busybox, "sh", "-ec", `${script}; : >/made; exec sleep 1000`);
  while (world.mdk(["exec", id, "test", "-e", "/made"]).status !== 0);
  const own = join(world.root, "containers", id, "upper/data");
  run("setfattr", "-n", "user.key", "-v", "value", join(own, "a"));
  run("setfattr", "-n", "user.top", "-v", "t", own);
  run("setcap", "cap_net_raw+ep", join(own, "big"));
  run("touch", "-d", "1999-01-01", own);
  world.ok("stop", "-t", "0", id);
  world.ok("commit", id, "rich:1");
  const seen = world.ok("run", "-d", "rich:1", "sleep", "1000");
  world.ok("run", "--rm", "-v", "rich:/data", "rich:1", "true");
  expect(archived(dataOf("rich"))).toBe(archived(`/proc/${world.pid(seen)}/root/data`));
  expect(run("getfattr", "-n", "user.key", "--only-values", join(dataOf("rich"), "sub/hard"))).toBe("value");
  expect(readdirSync(join(world.root, "volumes/rich")).sort()).toEqual(["_data", "lock"]);
});

rootTest("never into one that has something in it, nor where it is not wanted; a read-only one is filled as well", () => {
  world.ok("run", "--rm", "-v", "used:/x", busybox, "sh", "-c", "echo mine >/x/mine");
  world.ok("run", "--rm", "-v", "used:/data", "small:1", "true");
  expect(readdirSync(dataOf("used"))).toEqual(["mine"]);
  for (const flags of [["-v", "bare:/data:nocopy"], ["--mount", "source=bare,target=/data,volume-nocopy"]]) world.ok("run", "--rm", ...flags, "small:1", "true");
  expect([readdirSync(dataOf("bare")), run("stat", "-c", "%u:%g", dataOf("bare")).trim()]).toEqual([[], "0:0"]);
  expect(world.ok("run", "--rm", "-v", "fixed:/data:ro", "small:1", "cat", "/data/f")).toBe("kept");
  expect([readFileSync(join(dataOf("fixed"), "f"), "utf8"), run("stat", "-c", "%u:%g", dataOf("fixed")).trim()]).toEqual(["kept\n", "5:6"]);
  // Docker's way: volumes of another container are taken as they are.
  world.ok("create", "--name", "empty", "-v", "none:/data", busybox);
  world.ok("run", "--rm", "--volumes-from", "empty", "small:1", "true");
  expect(readdirSync(dataOf("none"))).toEqual([]);
});

rootTest("`create` fills as Docker does: a container that never runs is a source of what its image has", () => {
  const id = world.ok("create", "--name", "holder", "-v", "/data", "-v", "made:/data2", "small:1");
  const volume = world.inspect("holder", `range .Mounts}}{{if eq .Destination "/data"}}{{.Name}}{{end}}{{end`);
  expect([readFileSync(join(dataOf(volume), "f"), "utf8"), readdirSync(dataOf("made"))]).toEqual(["kept\n", []]);
  expect(world.ok("run", "--rm", "--volumes-from", "holder", busybox, "cat", "/data/f")).toBe("kept");
  rmSync(join(dataOf(volume), "f"));
  world.mdk(["start", "holder"]);
  expect(readdirSync(dataOf(volume))).toEqual([]);
  // One that cannot be filled is not made, and leaves nothing.
  world.ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/nowhere", "broken");
  expect(world.mdk(["create", "--name", "never", "-v", "broken:/data", "-v", "/a", "small:1"])).toMatchObject({ status: 1, stderr: expect.stringContaining("failed to mount local volume: mount /nowhere:") });
  expect(world.mdk(["create", "--name", "holder", "-v", "/a", "small:1"]).stderr).toContain("Conflict.");
  expect([world.ok("ps", "-aq", "--no-trunc"), readdirSync(join(world.root, "containers")), readdirSync(world.runRoot).filter((name) => /^[0-9a-f]{64}$/.test(name))]).toEqual([id, [id], [id]]);
  world.ok("rm", "-v", "holder");
  expect(world.ok("volume", "ls", "-q", "-f", "dangling=true", "-f", "label=com.docker.volume.anonymous")).toBe("");
  world.ok("volume", "rm", "broken");
});

rootTest("once in a container's life: what it has emptied stays empty when it starts again", () => {
  world.ok("run", "--name", "again", "-v", "emptied:/data", "small:1", "sh", "-c", "ls /data; rm -f /data/*; chown 9:9 /data");
  expect(world.ok("start", "-a", "again")).toBe("");
  expect([readdirSync(dataOf("emptied")), run("stat", "-c", "%u", dataOf("emptied")).trim()]).toEqual([[], "9"]);
});

rootTest("eight that start at once on one new volume see all of it, and who has it mounted already sees it too", async () => {
  world.ok("run", "-d", "--name", "early", "-v", "shared:/x", busybox, "sleep", "1000");
  const started = Array.from({ length: 8 }, () => world.spawn(["run", "--rm", "-v", "shared:/data", "many:1", "sh", "-c", "find /data -type f | wc -l; stat -c '%u:%g %a' /data"], "ignore"));
  const told = await Promise.all(started.map(async (child) => `${await new Response(child.stdout).text()}${await new Response(child.stderr).text()}`));
  expect(told).toEqual(Array.from({ length: 8 }, () => `${FILES}\n7:8 1770\n`));
  expect(world.ok("exec", "early", "sh", "-c", "find /x -type f | wc -l")).toBe(String(FILES));
}, 60_000);

rootTest("a command that is killed while it copies leaves nothing that the next one takes for whole", async () => {
  let cut = 0;
  for (let round = 0; round < 12; round++) {
    const volume = `cut${round}`;
    const place = join(world.root, "volumes", volume);
    const child = world.spawn(["run", "--rm", "-v", `${volume}:/data`, "many:1", "true"], "ignore");
    await until(() => existsSync(join(place, "draft")) || existsSync(join(place, "whole")) || child.exitCode !== null, "a draft");
    await Bun.sleep(round * 8);
    child.kill("SIGKILL");
    await child.exited;
    if (existsSync(join(place, "draft")) || existsSync(join(place, "whole"))) cut++;
    expect(world.ok("run", "--rm", "-v", `${volume}:/data`, "many:1", "sh", "-c", "find /data -type f | wc -l; stat -c '%u:%g %a' /data")).toBe(`${FILES}\n7:8 1770`);
    expect(readdirSync(place).sort()).toEqual(["_data", "lock"]);
  }
  expect(cut).toBeGreaterThan(3);
}, 60_000);

rootTest("one that was killed between two moves is gone on with; what others have put there meanwhile stays", () => {
  const place = join(world.root, "volumes/moved");
  mkdirSync(join(place, "_data/d1"), { recursive: true });
  mkdirSync(join(place, "whole/d2"), { recursive: true });
  for (const [path, text] of [["_data/d1/f", "moved"], ["_data/own", "theirs"], ["whole/own", "image's"], ["whole/d2/f", "moved later"]] as const) writeFileSync(join(place, path), text);
  expect(world.ok("run", "--rm", "-v", "moved:/data", "small:1", "sh", "-c", "cd /data; cat d1/f own d2/f; ls")).toBe("movedtheirsmoved laterd1\nd2\nown");
  expect(readdirSync(place).sort()).toEqual(["_data", "lock"]);
});

rootTest("volumes with options: a directory of the host is filled; a disk that is full is told, and nothing is kept aside", () => {
  mkdirSync(join(world.folder, "device"));
  world.ok("volume", "create", "-o", "type=none", "-o", `device=${world.folder}/device`, "-o", "o=bind", "device");
  world.ok("run", "--rm", "-v", "device:/data", "small:1", "true");
  expect([readFileSync(join(world.folder, "device/f"), "utf8"), readdirSync(dataOf("device"))]).toEqual(["kept\n", []]);
  mkdirSync(join(world.folder, "full"));
  run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", join(world.folder, "full"));
  try {
    world.ok("volume", "create", "-o", "type=none", "-o", `device=${world.folder}/full`, "-o", "o=bind", "full");
    const { status, stderr } = world.mdk(["run", "--rm", "-v", "full:/data", "many:1", "true"]);
    expect([status, stderr]).toEqual([125, expect.stringContaining("no space left on device")]);
    expect(readdirSync(join(world.root, "volumes/full")).sort()).toEqual(["_data", "lock"]);
    expect(world.ok("ps", "-aq")).toBe("");
  } finally {
    run("umount", join(world.folder, "full"));
  }
});

rootTest("a VOLUME below another one, one at a link that leads out, a tmpfs in the place of one", () => {
  imageOf("two:1", "mkdir -p /a/b /real; echo 1 >/a/x; echo 2 >/a/b/y; echo 3 >/real/z; ln -s ../../../../real /l; ln -s /../../canary /c", "VOLUME /a", "VOLUME /a/b", "VOLUME /l", "VOLUME /c", "VOLUME rel");
  mkdirSync("/canary-of-mdk", { recursive: true });
  writeFileSync("/canary-of-mdk/secret", "");
  try {
    const id = world.ok("run", "-d", "--tmpfs", "/a/b", "two:1", "sleep", "1000");
    expect(world.ok("exec", id, "sh", "-c", "cat /a/x /real/z; ls /a/b /c /rel; stat -fc %T /a/b")).toBe("1\n3\n/a/b:\n\n/c:\n\n/rel:\ntmpfs");
    const both = world.ok("run", "-d", "two:1", "sleep", "1000");
    expect(world.ok("exec", both, "sh", "-c", "cat /a/x /a/b/y; echo more >/a/b/more")).toBe("1\n2");
    const volumeOf = (target: string): string => world.inspect(both, `range .Mounts}}{{if eq .Destination "${target}"}}{{.Source}}{{end}}{{end`);
    expect([readdirSync(volumeOf("/a")).sort(), readdirSync(volumeOf("/a/b")).sort(), readdirSync(volumeOf("/c"))]).toEqual([["b", "x"], ["more", "y"], []]);
    expect(JSON.parse(world.inspect(both, "json .Config.Volumes"))).toEqual({ "/a": {}, "/a/b": {}, "/c": {}, "/l": {}, "rel": {} });
  } finally {
    rmSync("/canary-of-mdk", { recursive: true });
  }
});
