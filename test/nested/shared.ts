/** Two jobs of one engine that share what a job has to itself elsewhere: the network namespace, or the volume that is the data root. */
import { expect } from "bun:test";
import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { Bed, BedEnded } from "../helpers/beds.ts";
import { until } from "../helpers/mdk.ts";

/** mdk in a job. */
type Mdk = (...args: readonly string[]) => Promise<BedEnded>;
const mdkIn = (bed: Bed, id: string): Mdk => (...args) => bed.cli("exec", id, "mdk", ...args);

/** Serves its own host name at that port of the loopback address, which the jobs share. */
async function serve(bed: Bed, mdk: Mdk, name: string, port: number): Promise<string> {
  const { status, out, err } = await mdk("run", "-d", "--name", name, "--hostname", name, "-p", `127.0.0.1:${port}:80`, `${bed.registry.host}/busybox`, "httpd", "-f", "-p", "80", "-h", "/etc");
  expect([status, err.includes("WARNING")]).toEqual([0, false]);
  return out.trim();
}

/** "" where nobody answers. Tried again as long as the server may be about to begin. */
async function served(bed: Bed, port: number): Promise<string> {
  const get = `printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 1 127.0.0.1 ${port} | tail -n 1`;
  return (await bed.run(["sh", "-c", `for try in 1 2 3 4 5 6 7 8; do answer=$(${get} 2>/dev/null); [ -z "$answer" ] || break; sleep 0.1; done; echo $answer`])).out.trim();
}

const links = async (bed: Bed): Promise<string[]> => [...(await bed.run(["ip", "-o", "link"])).out.matchAll(/^\d+: (mdk[^:@]+)/gm)].map(([, name = ""]) => name);

/** Each with a data root of its own: bridges, addresses and rules keep apart, and the one's clean leaves the other's alone. */
export async function runSharedNetwork(bed: Bed): Promise<void> {
  const before = await links(bed);
  const jobs = [await bed.begin({ root: "overlay" }), await bed.begin({ root: "volume" })] as const;
  try {
    const [one, other] = [mdkIn(bed, jobs[0]), mdkIn(bed, jobs[1])];
    await Promise.all([serve(bed, one, "one", 18081), serve(bed, other, "other", 18082)]);
    expect([await served(bed, 18081), await served(bed, 18082)]).toEqual(["one", "other"]);
    const address = async (mdk: Mdk, name: string): Promise<string> => (await mdk("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name)).out;
    expect(await address(one, "one")).not.toBe(await address(other, "other"));
    expect(await one("run", "--rm", "-p", "127.0.0.1:18082:80", `${bed.registry.host}/busybox`, "true")).toMatchObject({ status: 125, err: expect.stringContaining("Bind for 127.0.0.1:18082 failed: port is already allocated") });
    expect(await one("clean", "-f")).toMatchObject({ status: 0, err: "" });
    expect([await served(bed, 18081), await served(bed, 18082)]).toEqual(["", "other"]);
    expect((await bed.run(["cat", "/proc/sys/net/ipv4/ip_forward"])).out).toBe("1\n");
    expect(await other("clean", "-f")).toMatchObject({ status: 0, err: "" });
    await until(async () => Bun.deepEquals(await links(bed), before), "a container's link goes with its namespace, which the kernel ends in its own time");
  } finally {
    for (const id of jobs) await bed.end(id);
  }
}

/**
 * Both have the volume as data root, directly or by way of the one loop store in it: images are both's, containers run side by side, and what
 * runs in the one job cannot be touched from the other.
 */
export async function runSharedVolume(bed: Bed, on: "disk" | "overlay"): Promise<void> {
  const volume = mkdtempSync(join(bed.folder, "shared-"));
  if (on === "overlay") {
    const below = mkdtempSync(join(bed.folder, "below-"));
    for (const name of ["lower", "upper", "work"]) mkdirSync(join(below, name));
    await bed.done(["mount", "-t", "overlay", "shared", "-o", `lowerdir=${below}/lower,upperdir=${below}/upper,workdir=${below}/work`, volume]);
  }
  const more = ["-v", `${volume}:/var/lib/mdk`];
  const jobs = [await bed.begin({ root: "overlay", more }), await bed.begin({ root: "overlay", more })] as const;
  try {
    const [one, other] = [mdkIn(bed, jobs[0]), mdkIn(bed, jobs[1])];
    const id = await serve(bed, one, "one", 18081);
    const store = async (mdk: Mdk): Promise<string> => /Root Store: (.*)/.exec((await mdk("info")).out)?.[1] ?? "";
    expect(await store(other)).toBe(await store(one));
    expect(await store(one)).toMatch(on === "disk" ? /^$/ : /^loop: /);
    expect((await other("images", "--format", "{{.Repository}}")).out).toBe(`${bed.registry.host}/busybox\n`);
    const second = await serve(bed, other, "other", 18082);
    expect([await served(bed, 18081), await served(bed, 18082)]).toEqual(["one", "other"]);
    const elsewhere = (container: string): string => `mdk: container ${container} runs in another job, or with another --run-root, that has the data root /var/lib/mdk too\n`;
    for (const words of [["rm", "-f", "one"], ["start", "one"]]) {
      expect(await other(...words)).toMatchObject({ status: 1, out: "", err: expect.stringContaining(`${elsewhere(id)}stop it there; or choose another --root here\n`) });
    }
    expect(await other("clean", "-f")).toMatchObject({ status: 1, out: `${second}\n`, err: elsewhere(id) });
    expect([await served(bed, 18081), await served(bed, 18082)]).toEqual(["one", ""]);
    expect(await one("exec", "one", "sh", "-c", "echo kept >/new && cat /new")).toMatchObject({ status: 0, out: "kept\n" });
    // A job that ends with its container leaves it to the other.
    await bed.end(jobs[0]);
    expect(await other("ps", "-a", "--format", "{{.Names}} {{.State}}")).toMatchObject({ status: 0, out: "one exited\n" });
    expect(await other("start", "one")).toMatchObject({ status: 0 });
    expect(await other("exec", "one", "cat", "/new")).toMatchObject({ status: 0, out: "kept\n" });
    expect(await other("rm", "-f", "one")).toMatchObject({ status: 0, out: "one\n" });
    expect(await other("clean", "-f")).toMatchObject({ status: 0, err: "" });
  } finally {
    for (const job of jobs) await bed.end(job);
    if (on === "overlay") await bed.done(["umount", volume]);
  }
}
