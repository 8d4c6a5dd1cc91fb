/** search as a user types it: Docker's columns and words, of a registry that answers, and of a docker-registry by its catalog. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archive, directory } from "../../helpers/archive.ts";
import { fakeRegistry } from "../../helpers/fake-registry.ts";
import { World } from "../../helpers/mdk.ts";
import { makeImage, push, startRegistry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const world = new World();
afterAll(() => world.close());

const RESULTS = [
  { name: "busybox", description: "Busybox base image.\nwith a second line and then a text that goes on for longer", star_count: 3300, is_official: true },
  { name: "u/box", description: "\u001b[2Jx", star_count: 0, is_official: false },
];

/** What a search of the registry prints; its host, whose port is another each time, is "HOST". */
async function shown(...args: readonly string[]): Promise<string> {
  const server = fakeRegistry(() => Response.json({ results: RESULTS }));
  try {
    const child = world.spawn(["search", ...args, `${server.host}/box`], "ignore");
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return (out + err).replaceAll(server.host, "HOST").replace(/ {2,}/g, "  ");
  } finally {
    server.stop();
  }
}

test("columns, filters and formats are Docker's", async () => {
  expect(await shown()).toBe("NAME  DESCRIPTION  STARS  OFFICIAL\nHOST/busybox  Busybox base image. with a second line and t…  3300  [OK]\nHOST/u/box  \\x1b[2Jx  0  \n");
  expect(await shown("--no-trunc", "--format", "{{.Description}}", "-f", "stars=3")).toBe("Busybox base image. with a second line and then a text that goes on for longer\n");
  expect(await shown("-f", "is-official=false", "--format", "{{.Name}}|{{.StarCount}}|{{.IsOfficial}}")).toBe("HOST/u/box|0|\n");
  expect(await shown("--limit", "1", "--format", "json")).toBe('{"Description":"Busybox base image. with a second line and t…","IsOfficial":"true","Name":"HOST/busybox","StarCount":"3300"}\n');
  expect(await shown("--format", "{{.Foo}}")).toContain("can't evaluate field Foo in type *registry.searchContext");
  expect(await shown("--limit", "101")).toBe("mdk: limit 101 is outside the range of [1, 100]\n");
  expect(await shown("-f", "is-official=maybe")).toBe("mdk: invalid filter 'is-official=[maybe]'\n");
  for (const term of ["https://host/x", "", "a b:5/x"]) expect(world.mdk(["search", term])).toMatchObject({ status: 1, stderr: expect.stringContaining("TERM must be") as string });
});

testIf(isRoot && hasTool("docker-registry") && hasTool("skopeo") && hasTool("umoci"), "needs root, docker-registry, skopeo and umoci")("a docker-registry is searched by its catalog", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-search-"));
  const registry = await startRegistry();
  try {
    const image = makeImage(folder, [archive([directory("./")])]);
    for (const name of ["team/box", "other"]) push(image, `${registry.host}/${name}:1`);
    expect(world.ok("search", "--format", "{{.Name}}", `${registry.host}/bo`)).toBe(`${registry.host}/team/box`);
    expect(world.ok("search", "--format", "{{.Name}}", `${registry.host}/`).split("\n")).toEqual([`${registry.host}/other`, `${registry.host}/team/box`]);
  } finally {
    await registry.stop();
    rmSync(folder, { recursive: true });
  }
});
