/** `system df`: what images, containers and volumes take, beside what du(1) and the images' own sizes say. */
import { expect, test } from "bun:test";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

test("images, containers and volumes, in use and not", () => {
  const rows = (): string[][] => world.ok("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}").split("\n").map((line) => line.split("|"));
  const size = world.ok("images", "--format", "{{.Size}}");
  const [image] = rows();
  expect([image!.slice(0, 3), image![4]]).toEqual([["Images", "1", "0"], expect.stringMatching(/^[\d.]+MB \(100%\)$/)]);
  expect(Number.parseFloat(image![3]!)).toBeCloseTo(Number.parseFloat(size), 1);
  expect(rows().slice(1)).toEqual([["Containers", "0", "0", "0B", "0B"], ["Local Volumes", "0", "0", "0B", "0B"], ["Build Cache", "0", "0", "0B", "0B"]]);
  world.ok("run", "-d", "--name", "writes", "-v", "kept:/data", busybox, "sh", "-c", "head -c 3000000 /dev/zero >/data/x; head -c 1000000 /dev/zero >/y; touch /done; sleep 1000");
  while (world.mdk(["exec", "writes", "test", "-e", "/done"]).status !== 0) Bun.sleepSync(20);
  world.ok("volume", "create", "spare");
  expect(rows().slice(0, 3)).toEqual([["Images", "1", "1", image![3]!, "0B (0%)"], ["Containers", "1", "1", "1MB", "0B (0%)"], ["Local Volumes", "2", "1", "3MB", "0B (0%)"]]);
  const verbose = world.ok("system", "df", "-v");
  expect(verbose).toMatch(/^kept +1 +3MB$/m);
  expect(verbose).toMatch(/^spare +0 +0B$/m);
  expect(verbose).toMatch(/writes$/m);
  world.ok("rm", "-f", "writes");
  expect(rows().slice(1, 3)).toEqual([["Containers", "0", "0", "0B", "0B"], ["Local Volumes", "2", "0", "3MB", "3MB (100%)"]]);
  world.ok("volume", "rm", "kept", "spare");
});

test("the table, and what is no field of it", () => {
  expect(world.ok("system", "df").split("\n")[0]!.split(/ {2,}/)).toEqual(["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]);
  expect(world.mdk(["system", "df", "--format", "{{.Nothing}}"])).toMatchObject({ status: 1, stderr: expect.stringContaining("can't evaluate field Nothing") });
});
