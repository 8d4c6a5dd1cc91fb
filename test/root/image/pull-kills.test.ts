/**
 * Pulls of Debian's six layers that are killed at random moments: a tag that is there runs, and the next pull fetches only what is not on the
 * disk, by what a proxy before the registry counts. MDK_TEST_KILLS: how many; MDK_TEST_SEED: other moments.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createContext } from "../../../src/engine/context.ts";
import { hexOf } from "../../../src/image/digest.ts";
import { parseManifest, type Descriptor, type Manifest } from "../../../src/image/manifest.ts";
import { isKept } from "../../../src/store/layers.ts";
import { chance } from "../../fuzz/random.ts";
import { countingProxy, type CountingProxy, type Fetched } from "../../helpers/counting-proxy.ts";
import { imageLayout } from "../../helpers/fixtures.ts";
import { World } from "../../helpers/mdk.ts";
import { push, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci"].every(hasTool);
const rootTest = testIf(able, "needs root, docker-registry, skopeo and umoci");
const KILLS = Number(process.env["MDK_TEST_KILLS"] ?? 4);
const SEED = Number(process.env["MDK_TEST_SEED"] ?? 1);

let registry: Registry;
let proxy: CountingProxy;
let layers: readonly Descriptor[] = [];
let name = "";
const worlds: World[] = [];
beforeAll(async () => {
  if (!able) return;
  registry = await startRegistry();
  push(`${imageLayout("debian")}:latest`, `${registry.host}/debian:1`);
  proxy = countingProxy(registry.host);
  name = `${proxy.host}/debian:1`;
  const manifest = await (await fetch(`http://${registry.host}/v2/debian/manifests/1`, { headers: { accept: "application/vnd.oci.image.manifest.v1+json" } })).bytes();
  layers = (parseManifest(manifest, "", name) as Manifest).layers;
});
afterAll(async () => {
  for (const world of worlds) world.close();
  proxy?.stop();
  await registry?.stop();
});

function newWorld(): World {
  worlds.push(new World());
  return worlds.at(-1)!;
}

/** A pull that must succeed; what it fetched of layers. */
async function pullWhole(world: World): Promise<Fetched[]> {
  const before = proxy.fetched.length;
  const child = world.spawn(["pull", "-q", name], "ignore");
  const [err, status] = [await new Response(child.stderr).text(), await child.exited];
  expect([status, err]).toEqual([0, ""]);
  return proxy.fetched.slice(before).filter(({ digest }) => layers.some((layer) => layer.digest === digest));
}

/** What the image's own programs see of it. */
const look = (world: World): string => world.ok("run", "--rm", "--network", "none", name, "sh", "-c", "perl -e 'print 6*7'; find / -xdev -path /proc -prune -o -type f -print | sort | xargs -d '\\n' cksum 2>/dev/null | grep -v ' /etc/host\\| /etc/resolv' | md5sum");

/** Bytes of a layer's blob that the next pull need not fetch. */
function there(world: World, { digest, size }: Descriptor): number {
  const database = join(world.root, "mdk.db");
  const context = createContext({ root: world.root, runRoot: world.runRoot, environment: {}, now: () => new Date() });
  if (existsSync(database) && isKept(context.database(), digest)) return size;
  return statSync(join(world.root, "tmp", `part-${hexOf(digest)}`), { throwIfNoEntry: false })?.size ?? 0;
}

/** Until so many more bytes of blobs have gone to clients, or the pull is over. */
async function passed(bytes: number, pull: { readonly exitCode: number | null }): Promise<void> {
  const sent = (): number => proxy.fetched.reduce((sum, one) => sum + one.sent, 0);
  const before = sent();
  while (sent() - before < bytes && pull.exitCode === null) await Bun.sleep(1);
}

rootTest("a pull that is killed leaves no tag that does not run, and the next one goes on from what it got", async () => {
  const random = chance(SEED, 0);
  const measured = newWorld();
  const all = await pullWhole(measured);
  const expected = look(measured);
  expect(expected).toStartWith("42");
  expect(all.map(({ digest, from }) => [digest, from]).toSorted()).toEqual(layers.map(({ digest }) => [digest, 0] as [string, number]).toSorted());
  const whole = layers.reduce((sum, { size }) => sum + size, 0);
  let [kills, saved] = [0, 0];
  for (let round = 0; round < KILLS; round++) {
    const world = newWorld();
    const child = world.spawn(["pull", "-q", name], "ignore");
    await passed(random.next() * 0.95 * whole, child);
    child.kill("SIGKILL");
    await child.exited;
    if (child.signalCode === "SIGKILL") kills++;
    // What it had asked for just before comes to the proxy all the same.
    await Bun.sleep(100);
    if (existsSync(join(world.root, "mdk.db")) && world.ok("images", "-q", name) !== "") expect(look(world)).toBe(expected);
    const kept = new Map(layers.map((layer) => [layer.digest as string, there(world, layer)]));
    const fetched = await pullWhole(world);
    for (const { digest, from } of fetched) expect([round, digest, from]).toEqual([round, digest, kept.get(digest)!]);
    for (const { digest, size } of layers) if (kept.get(digest) === size) expect(fetched.some((one) => one.digest === digest)).toBe(false);
    expect(new Set(fetched.map(({ digest }) => digest)).size).toBe(fetched.length);
    const [bytes, total] = [fetched.reduce((sum, { sent }) => sum + sent, 0), layers.reduce((sum, { size }) => sum + size, 0)];
    const had = [...kept.values()].reduce((sum, size) => sum + size, 0);
    expect(bytes).toBe(total - had);
    saved += had;
    expect(look(world)).toBe(expected);
    expect(readdirSync(join(world.root, "tmp")).filter((entry) => /^(part|blob|dead|spool)-/.test(entry))).toEqual([]);
    world.close();
    rmSync(world.folder, { recursive: true, force: true });
  }
  // The last moments may come too late.
  expect(kills).toBeGreaterThanOrEqual(Math.floor(KILLS * 0.8));
  expect(saved).toBeGreaterThan(0);
  if (KILLS > 4) console.log(`${kills} of ${KILLS} pulls killed; ${saved} bytes were not fetched again`);
}, 60_000 + KILLS * 15_000);

rootTest("eight pulls of it at once fetch each blob once, and all succeed", async () => {
  const world = newWorld();
  const before = proxy.fetched.length;
  const children = Array.from({ length: 8 }, () => world.spawn(["pull", "-q", name], "ignore"));
  for (const child of children) expect([await new Response(child.stderr).text(), await new Response(child.stdout).text(), await child.exited]).toEqual(["", `${name}\n`, 0]);
  const fetched = proxy.fetched.slice(before).filter(({ digest }) => layers.some((layer) => layer.digest === digest));
  expect(fetched.map(({ digest }) => digest).toSorted()).toEqual(layers.map(({ digest }) => digest as string).toSorted());
  expect(fetched.reduce((sum, { sent }) => sum + sent, 0)).toBe(layers.reduce((sum, { size }) => sum + size, 0));
  expect(look(world)).toStartWith("42");
});
