/** `system df`: what images, containers and volumes take, beside what du(1) and the images' own sizes say. */
import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../helpers/registry.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

test("images, containers and volumes, in use and not", () => {
  const rows = (): string[][] => world.ok("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}").split("\n").map((line) => line.split("|"));
  // The layer's files, and its blob as the registry served it.
  const blobs = readdirSync(join(world.root, "blobs/sha256")).map((name) => statSync(join(world.root, "blobs/sha256", name)).size);
  const size = JSON.parse(world.ok("image", "inspect", busybox))[0].Size + Math.max(...blobs);
  const [image] = rows();
  expect([image!.slice(0, 3), image![4]]).toEqual([["Images", "1", "0"], expect.stringMatching(/^[\d.]+MB \(100%\)$/)]);
  expect(Number.parseFloat(image![3]!)).toBeCloseTo(size / 1e6, 1);
  expect(rows().slice(1)).toEqual([["Containers", "0", "0", "0B", "0B"], ["Local Volumes", "0", "0", "0B", "0B"], ["Build Cache", "0", "0", "0B", "0B"]]);
  world.ok("run", "-d", "--name", "writes", "-v", "kept:/data", busybox, "sh", "-c", "head -c 3000000 /dev/zero >/data/x; head -c 1000000 /dev/zero >/y; touch /done; sleep 1000");
  while (world.mdk(["exec", "writes", "test", "-e", "/done"]).status !== 0) Bun.sleepSync(20);
  world.ok("volume", "create", "spare");
  expect(rows().slice(0, 3)).toEqual([["Images", "1", "1", image![3]!, "0B (0%)"], ["Containers", "1", "1", "1MB", "0B (0%)"], ["Local Volumes", "2", "1", "3MB", "0B (0%)"]]);
  const verbose = world.ok("system", "df", "-v");
  expect(verbose).toMatch(/^kept +1 +3MB$/m);
  expect(verbose).toMatch(/^spare +0 +0B$/m);
  expect(verbose).toMatch(/writes$/m);
  world.ok("stop", "-t", "0", "writes");
  const total = Number(/Total on disk: .* \((\d+) bytes/.exec(world.ok("system", "df", "-v"))![1]);
  const du = Number(run("du", "-s", "--block-size=1", world.root).split("\t")[0]);
  // Opening the database may lengthen its log.
  expect(Math.abs(du - total)).toBeLessThanOrEqual(1 << 16);
  world.ok("rm", "-f", "writes");
  expect(rows().slice(1, 3)).toEqual([["Containers", "0", "0", "0B", "0B"], ["Local Volumes", "2", "0", "3MB", "3MB (100%)"]]);
  world.ok("volume", "rm", "kept", "spare");
});

test("the table, and what is no field of it", () => {
  expect(world.ok("system", "df").split("\n")[0]!.split(/ {2,}/)).toEqual(["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]);
  expect(world.mdk(["system", "df", "--format", "{{.Nothing}}"])).toMatchObject({ status: 1, stderr: expect.stringContaining("can't evaluate field Nothing") });
});

test("system prune and image prune remove what nobody needs, and ask before", () => {
  world.ok("run", "-d", "--name", "runs", "--network", "none", busybox, "sleep", "1000");
  const gone = world.ok("create", "--name", "gone", "-v", "/anonymous", busybox);
  const volume = world.inspect("gone", "(index .Mounts 0).Name");
  world.ok("volume", "create", "named");
  expect(world.mdk(["system", "prune", "--volumes"], { stdin: "n\n" })).toEqual({ status: 0, stderr: "", stdout: "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  - all anonymous volumes not used by at least one container\n  - all dangling images\n  - unused build cache\n\nAre you sure you want to continue? [y/N] " });
  expect(world.ok("system", "prune", "-f", "--volumes")).toBe(`Deleted Containers:\n${gone}\n\nDeleted Volumes:\n${volume}\n\nTotal reclaimed space: 0B`);
  expect(world.ok("volume", "ls", "-q")).toBe("named");
  expect(world.ok("image", "prune", "-f", "-a")).toBe("Total reclaimed space: 0B"); // it is used
  world.ok("rm", "-f", "runs");
  expect(world.ok("image", "prune", "-f")).toBe("Total reclaimed space: 0B"); // it has a name
  expect(world.ok("image", "prune", "-f", "-a", "--filter", "until=2001-01-01")).toBe("Total reclaimed space: 0B");
  const id = world.ok("images", "-q", "--no-trunc");
  expect(world.ok("system", "prune", "-af")).toMatch(new RegExp(`^Deleted Images:\\nuntagged: ${busybox}:latest\\n(untagged: .*\\n)*deleted: ${id}\\ndeleted: sha256:[0-9a-f]{64}\\n\\nTotal reclaimed space: [\\d.]+MB$`));
  expect(world.ok("images", "-q")).toBe("");
  world.ok("volume", "rm", "named");
});
