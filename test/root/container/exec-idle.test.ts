/** An exec that does nothing for longer than its monitor asks for a status: what ended at its beginning is not it. */
import { expect, test } from "bun:test";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

test("many execs that begin at once and sleep for three seconds end with their own status", async () => {
  world.ok("run", "-d", "--name", "idle", "--privileged", "--network", "none", busybox, "sleep", "1000");
  const all = Array.from({ length: 24 }, () => world.spawn(["exec", "idle", "sh", "-c", "sleep 3; exit 7"], "ignore"));
  expect(await Promise.all(all.map((child) => child.exited))).toEqual(all.map(() => 7));
});
