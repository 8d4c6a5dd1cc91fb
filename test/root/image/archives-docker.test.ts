/** Archives that Debian's docker and podman take from mdk, and mdk from them; images that were pulled, and that commit made. */
import { afterAll, beforeAll, expect } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startDockerd, type Dockerd } from "../../helpers/dockerd.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

useBusyboxWorld();

const able = isRoot && hasTool("dockerd") && hasTool("podman");
const rootTest = testIf(able, "needs root, dockerd and podman");
let peer: Dockerd;
beforeAll(() => void (able && (peer = startDockerd())));
afterAll(() => peer?.stop());

const SNAPSHOT = "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf \\) -prune -o -type f -print | sort | xargs sha256sum";

rootTest("docker and podman load what mdk saves, and run it; mdk loads what docker saves: the same id and the same files", () => {
  world.ok("run", "--name", "changed", "--network", "none", busybox, "sh", "-c", "echo new >/new; rm /etc/passwd; mkdir -p /d/e; ln -s /new /d/l");
  const id = world.ok("commit", "changed", "registry.example/committed:1");
  const path = join(world.folder, "saved.tar");
  world.ok("save", "-o", path, busybox, "registry.example/committed:1");
  const loaded = peer.docker("load", "-i", path);
  expect([loaded.status, loaded.stderr]).toEqual([0, ""]);
  expect(loaded.stdout).toContain("Loaded image: registry.example/committed:1");
  expect(peer.docker("image", "inspect", "--format", "{{.Id}}", "registry.example/committed:1").stdout.trim()).toBe(id);
  const files = world.ok("run", "--rm", "--network", "none", "registry.example/committed:1", "sh", "-c", SNAPSHOT);
  const theirs = peer.docker("run", "--rm", "--network", "none", "registry.example/committed:1", "sh", "-c", SNAPSHOT).stdout.trim();
  const comparable = (text: string): string[] => text.split("\n").filter((line) => !line.includes("/.dockerenv"));
  expect(comparable(theirs)).toEqual(comparable(files));
  const store = ["--root", join(world.folder, "podman"), "--runroot", join(world.folder, "podman-run"), "--storage-driver", "vfs"];
  run("podman", ...store, "load", "-q", "-i", path);
  expect(run("podman", ...store, "image", "inspect", "--format", "{{.Id}}", "registry.example/committed:1").trim()).toBe(id.replace("sha256:", ""));
  const back = join(world.folder, "docker.tar");
  expect(peer.docker("save", "-o", back, "registry.example/committed:1").status).toBe(0);
  world.ok("rm", "changed");
  world.ok("rmi", "registry.example/committed:1");
  expect(world.ok("load", "-i", back)).toBe("Loaded image: registry.example/committed:1");
  expect(world.ok("images", "-q", "--no-trunc", "registry.example/committed")).toBe(id);
  expect(comparable(world.ok("run", "--rm", "--network", "none", "registry.example/committed:1", "sh", "-c", SNAPSHOT))).toEqual(comparable(files));
  world.ok("rmi", "registry.example/committed:1");
});

rootTest("through a socket, as Node.js gives to its children", async () => {
  const saved = Bun.spawnSync(world.words("save", busybox)).stdout;
  const child = world.spawn(["load"]);
  expect(statSync(`/proc/${child.pid}/fd/0`).isSocket()).toBe(true);
  const { stdin } = child as Bun.Subprocess<"pipe", "pipe", "pipe">;
  stdin.write(saved);
  await stdin.end();
  expect([await new Response(child.stdout).text(), await child.exited]).toEqual([`Loaded image: ${busybox}:latest\n`, 0]);
});

rootTest("through a pipe, packed or not, and with the words of docker", () => {
  const saved = Bun.spawnSync(world.words("save", busybox)).stdout;
  const name = `${busybox}:latest`;
  expect(world.mdk(["load"], { stdin: saved })).toEqual({ status: 0, stdout: `Loaded image: ${name}\n`, stderr: "" });
  expect(world.mdk(["load", "-q"], { stdin: gzipSync(saved) })).toEqual({ status: 0, stdout: `Loaded image: ${name}\n`, stderr: "" });
  expect(world.mdk(["save", "nothing"])).toMatchObject({ status: 1, stderr: "mdk: No such image: nothing\n" });
  expect(world.mdk(["load", "-i", "/nonexistent"])).toMatchObject({ status: 1, stderr: "mdk: open /nonexistent: no such file or directory\n" });
});

rootTest("tag and history, in docker's words", () => {
  world.ok("tag", busybox, "registry.example/tagged:2");
  expect(world.ok("images", "-q", "registry.example/tagged")).toBe(world.ok("images", "-q", busybox));
  expect(world.mdk(["tag", "nothing", "x"])).toMatchObject({ status: 1, stderr: "mdk: No such image: nothing:latest\n" });
  expect(world.mdk(["tag", busybox, "x@sha256:1"]).status).toBe(1);
  const path = join(world.folder, "history.tar");
  world.ok("save", "-o", path, "registry.example/tagged:2");
  peer.docker("load", "-i", path);
  for (const format of ["{{.ID}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}", "{{.ID}} {{.CreatedBy}}"]) {
    for (const more of [[], ["--no-trunc"], ["--human=false"]]) {
      expect(world.ok("history", ...more, "--format", format, "registry.example/tagged:2")).toBe(peer.docker("history", ...more, "--format", format, "registry.example/tagged:2").stdout.trim());
    }
  }
  for (const more of [[], ["-H=false"]]) expect(world.ok("history", ...more, "registry.example/tagged:2").split("\n")[0]!.replace(/ +/g, " ")).toBe(peer.docker("history", ...more, "registry.example/tagged:2").stdout.split("\n")[0]!.replace(/ +/g, " "));
  expect(world.ok("history", "-q", "registry.example/tagged:2")).toBe(peer.docker("history", "-q", "registry.example/tagged:2").stdout.trim());
  expect(world.ok("rmi", "registry.example/tagged:2")).toBe("Untagged: registry.example/tagged:2");
});
