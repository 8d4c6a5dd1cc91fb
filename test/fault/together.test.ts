/** Many commands at once: what must be unique is, nobody fails for being one of many, and nothing is left. */
import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";
import { pushLayered } from "./scenarios.ts";
import { leftovers, openWorld, strayLayers, type Output, type World } from "./world.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci", "nft"].every(hasTool);
const together = testIf(able, "needs root and docker-registry, skopeo, umoci, nft");

let world: World;
beforeAll(async () => {
  if (able) world = await openWorld(pushLayered);
});
afterAll(async () => {
  await world?.close();
});

async function start(...words: string[]): Promise<Output> {
  const child = Bun.spawn(world.argv(...words), { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 100_000, killSignal: "SIGKILL" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const atOnce = (count: number, words: (index: number) => string[]): Promise<Output[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => start(...words(index))));

const good = (out: string): Output => ({ code: 0, out, err: "" });

together("eight pulls of one image at once all succeed and leave one copy of each layer", async () => {
  for (const image of [world.layered, world.image]) {
    expect(await atOnce(8, () => ["pull", "-q", image])).toEqual(Array(8).fill(good(`${image.includes(":1") ? image : `${image}:latest`}\n`)));
  }
  expect(strayLayers(world)).toEqual([]);
  expect(readdirSync(join(world.root, "layers")).length).toBe(3);
  expect(leftovers(world, [])).toEqual([]);
});

together("of two runs with one name, one gets it and the other is told who has it", async () => {
  for (let round = 0; round < 10; round++) {
    const [first, second] = await atOnce(2, () => ["run", "--name", "twin", world.image, "true"]);
    const [winner, loser] = first!.code === 0 ? [first!, second!] : [second!, first!];
    expect(winner).toEqual(good(""));
    expect(loser.code).toBe(125);
    expect(loser.err).toMatch(/^mdk: Conflict\. The container name "\/twin" is already in use by container "[0-9a-f]{64}"\./);
    expect(world.mdk("ps", "-a", "--format", "{{.Names}}")).toEqual(good("twin\n"));
    expect(world.mdk("rm", "twin")).toEqual(good("twin\n"));
    expect(leftovers(world, [])).toEqual([]);
  }
});

together("of two runs with one port, one gets it and the other is told", async () => {
  for (let round = 0; round < 5; round++) {
    const both = await atOnce(2, () => ["run", "-d", "-p", `${world.port}:80`, world.image, "sleep", "600"]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 125]);
    expect(both.find(({ code }) => code === 125)!.err).toContain("port is already allocated");
    const id = both.find(({ code }) => code === 0)!.out.trim();
    expect(world.mdk("ps", "-aq", "--no-trunc")).toEqual(good(`${id}\n`));
    expect(world.mdk("rm", "-f", id).code).toBe(0);
    expect(leftovers(world, [])).toEqual([]);
  }
});

together("a hundred runs at once each have their own address and their own status", async () => {
  const all = await atOnce(100, (index) => ["run", "--rm", world.image, "sh", "-c", `ip -4 -o addr show eth0 | awk '{print $4}'; exit ${index}`]);
  expect(all.map(({ code }) => code)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(all.filter(({ err }) => err !== "")).toEqual([]);
  expect(leftovers(world, [])).toEqual([]);
});

together("forty containers that run at once have forty addresses, and end together", async () => {
  const all = await atOnce(40, () => ["run", "-d", world.image, "sleep", "600"]);
  expect(all.filter(({ code, err }) => code !== 0 || err !== "")).toEqual([]);
  const ids = all.map(({ out }) => out.trim());
  const addresses = world.mdk("inspect", "-f", "{{.NetworkSettings.IPAddress}}", ...ids).out.trim().split("\n");
  expect(new Set(addresses).size).toBe(40);
  const removed = await atOnce(40, (index) => ["rm", "-f", ids[index]!]);
  expect(removed.filter(({ code, err }) => code !== 0 || err !== "")).toEqual([]);
  expect(leftovers(world, [])).toEqual([]);
});
