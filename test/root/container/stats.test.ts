/** Stats: what a load uses is what the kernel counts, beside the cgroup's own files. */
import { expect, test } from "bun:test";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";

useBusyboxWorld();

interface Row { readonly Name: string; readonly CPUPerc: string; readonly MemUsage: string; readonly MemPerc: string; readonly NetIO: string; readonly BlockIO: string; readonly PIDs: string; readonly ID: string }
const stats = (...args: string[]): Row[] => world.ok("stats", "--no-stream", "--format", "json", ...args).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Row);

test("processor, memory, processes and network of a load, within what it was given", async () => {
  world.ok("run", "-d", "--name", "burns", "--cpus", "0.5", "-m", "64m", busybox, "sh", "-c", "dd if=/dev/zero of=/dev/shm/full bs=1M count=20 2>/dev/null; sleep 1000 & while :; do :; done");
  world.ok("run", "-d", "--name", "idle", busybox, "sleep", "1000");
  await until(() => world.mdk(["exec", "burns", "sh", "-c", "test $(stat -c %s /dev/shm/full) = 20971520"]).status === 0, "it has written");
  world.ok("run", "-d", "--name", "host", "--network", "host", busybox, "sleep", "1000");
  expect(stats("host")[0]!.NetIO).toBe("0B / 0B");
  world.ok("rm", "-f", "host");
  const rows = stats();
  expect(rows.map(({ Name }) => Name)).toEqual(["idle", "burns"]);
  const [idle, burns] = rows as [Row, Row];
  expect(Number.parseFloat(burns.CPUPerc)).toBeGreaterThan(35);
  expect(Number.parseFloat(burns.CPUPerc)).toBeLessThan(60);
  expect(Number.parseFloat(idle.CPUPerc)).toBeLessThan(5);
  const [used = "", limit = ""] = burns.MemUsage.split(" / ");
  expect(limit).toBe("64MiB");
  expect(used).toEndWith("MiB");
  expect(Number.parseFloat(used)).toBeGreaterThan(20);
  expect(Number.parseFloat(used)).toBeLessThan(40);
  expect(burns.PIDs).toBe("2");
  expect(idle.PIDs).toBe("1");
  const address = world.inspect("idle", ".NetworkSettings.IPAddress");
  world.ok("exec", "burns", "ping", "-c", "3", "-s", "1000", address);
  const after = stats("idle")[0]!.NetIO.split(" / ").map((text) => Number.parseFloat(text) * (text.endsWith("kB") ? 1000 : 1));
  expect(after[0]!).toBeGreaterThan(3_000);
  expect(after[1]!).toBeGreaterThan(3_000);
  world.removeAll();
});

test("the table, those that do not run, templates", () => {
  const id = world.ok("create", "--name", "made", busybox);
  expect(world.ok("stats", "--no-stream")).toBe("CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS");
  expect(world.ok("stats", "-a", "--no-stream").split("\n")[1]).toBe(`${id.slice(0, 12)}   made      0.00%     0B / 0B             0.00%     0B / 0B   0B / 0B     0`);
  expect(world.ok("container", "stats", "--no-stream", "--no-trunc", "--format", "{{.Name}} {{.ID}} {{.PIDs}}", "made")).toBe(`made ${id} 0`);
  expect(world.mdk(["stats", "--no-stream", "nobody"])).toMatchObject({ status: 1, stderr: expect.stringContaining("No such container: nobody") });
  world.ok("rm", "made");
});
