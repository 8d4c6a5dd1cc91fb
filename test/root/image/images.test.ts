/** `mdk images`: patterns, filters, columns. The refusals are docker's. */
import { afterAll, beforeAll, expect } from "bun:test";
import { isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";

const rootTest = testIf(isRoot, "needs root");

let stage: Stage;
let old: string;
let young: string;
beforeAll(async () => {
  if (!isRoot) return;
  stage = openStage();
  old = await stage.image([baseLayer()], { Labels: { role: "web", "a.b": "" } });
  young = await stage.image([baseLayer(), []], { Labels: { role: "db" } });
});
afterAll(() => stage?.end());

/** Repositories, without the registry's host, which differs from run to run. */
const shown = async (...args: readonly string[]): Promise<string[]> => (await stage.mdk("images", "--format", "{{.Repository}}:{{.Tag}}", ...args)).out.split("\n").filter((line) => line !== "").sort();

rootTest("a pattern stops at a slash, and is matched against name and tag", async () => {
  const all = await shown();
  expect(all).toHaveLength(2);
  expect(await shown("*")).toEqual([]);
  expect(await shown("*/*")).toEqual(all);
  expect(await shown("*/*:lat*")).toEqual((await shown("--filter", "reference=*/*:lat*")));
  expect(await shown(old)).toHaveLength(1);
  expect(await shown(old.replace(/:[^:/]+$/, ""))).not.toEqual([]);
  expect(await shown(`${old.slice(0, -1)}[!a]`)).toEqual([]);
  expect(await shown(`${old.slice(0, -1)}?`)).toContain(all.find((name) => old.startsWith(name) || name.startsWith(old))!);
  expect(await shown("B!")).toEqual([]);
  expect(await stage.mdk("images", "--filter", "reference=[")).toEqual({ code: 1, out: "", err: "mdk: syntax error in pattern\n" });
});

rootTest("label, dangling, before and since choose; an empty filter is none", async () => {
  expect(await shown("--filter", "label=role=web")).toHaveLength(1);
  expect(await shown("--filter", "label=role")).toHaveLength(2);
  expect(await shown("--filter", "label=role", "--filter", "label=a.b")).toHaveLength(1);
  expect(await shown("--filter", "dangling=true")).toEqual([]);
  expect(await shown("--filter", "dangling=0", "--filter", "")).toHaveLength(2);
  expect(await shown("--filter", `before=${young}`)).toEqual([]);
  expect(await shown("--filter", `since=${young}`)).toEqual([]);
  expect(await shown("--filter", "until=1h")).toHaveLength(2);
  expect(await shown("--filter", "until=2000-01-01")).toEqual([]);
});

rootTest("before, since and dangling choose among images of several times", async () => {
  const nowhere = "<none>:<none>";
  expect((await stage.mdk("create", "--name", "source", old)).err).toBe("");
  const made: string[] = [];
  // The first loses its name to the second; times are told to the millisecond.
  for (const name of ["made:1", "made:1", "made:2"]) {
    const { out, err } = await stage.mdk("commit", "-m", `for ${name}`, "source", name);
    expect(err).toBe("");
    made.push(out.trim());
    await Bun.sleep(5);
  }
  const pulled = (await shown()).filter((name) => !name.startsWith("made") && name !== nowhere);
  expect(pulled).toHaveLength(2);
  expect(await shown("--filter", "dangling=true")).toEqual([nowhere]);
  expect(await shown("--filter", "dangling=false")).toEqual([...pulled, "made:1", "made:2"].sort());
  expect(await shown("--filter", `since=${young}`)).toEqual([nowhere, "made:1", "made:2"]);
  expect(await shown("--filter", "since=made:1")).toEqual(["made:2"]);
  expect(await shown("--filter", `since=${made[0]}`)).toEqual(["made:1", "made:2"]);
  expect(await shown("--filter", `before=${made[0]}`)).toEqual(pulled);
  expect(await shown("--filter", "before=made:2")).toEqual([...pulled, nowhere, "made:1"].sort());
  expect(await shown("--filter", "before=made:2", "--filter", `since=${young}`, "--filter", "dangling=false")).toEqual(["made:1"]);
  await stage.mdk("rm", "source");
  expect((await stage.mdk("rmi", ...made)).err).toBe("");
});

rootTest("what is no filter is refused in Docker's words", async () => {
  const refused = async (filter: string): Promise<readonly [number, string]> => {
    const { code, err } = await stage.mdk("images", "--filter", filter);
    return [code, err.split("\n")[0]!];
  };
  expect(await refused("x")).toEqual([125, 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)']);
  expect(await refused("nope=1")).toEqual([1, "mdk: invalid filter 'nope'"]);
  expect(await refused("dangling=x")).toEqual([1, "mdk: invalid filter 'dangling=[x]'"]);
  expect(await refused("since=nope")).toEqual([1, "mdk: No such image: nope:latest"]);
});

rootTest("ps tells the id of an image whose name is another's, or nobody's, and the name without its digest", async () => {
  const { out } = await stage.mdk("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}@{{.Digest}}", old);
  const [id = "", named = ""] = out.trim().split(" ");
  await stage.mdk("tag", old, "mine:1");
  for (const [container, image] of [["c1", "docker.io/library/mine:1"], ["c2", named], ["c3", id.slice(7, 19)]] as const) expect((await stage.mdk("create", "--name", container, image, "/x")).err).toBe("");
  const told = async (...args: readonly string[]): Promise<string[]> => (await stage.mdk("ps", "-a", "--format", "{{.Names}} {{.Image}}", ...args)).out.trim().split("\n").sort();
  expect(await told()).toEqual(["c1 mine:1", `c2 ${named.split("@")[0]}`, `c3 ${id.slice(7, 19)}`]);
  expect(await told("--no-trunc")).toEqual(["c1 docker.io/library/mine:1", `c2 ${named}`, `c3 ${id.slice(7, 19)}`]);
  await stage.mdk("tag", young, "mine:1");
  expect(await told()).toContain(`c1 ${id.slice(7, 19)}`);
  await stage.mdk("rmi", "mine:1");
  expect(await told("--no-trunc")).toContain(`c1 ${id}`);
  await stage.mdk("rm", "c1", "c2", "c3");
});

rootTest("columns are as wide as Docker's, and raw and json have its members", async () => {
  const { out } = await stage.mdk("images");
  expect(out.split("\n")[0]).toMatch(/^REPOSITORY +TAG {7,}IMAGE ID {7}CREATED +SIZE$/);
  const [row] = (await stage.mdk("images", "--format", "json")).out.split("\n");
  expect(Object.keys(JSON.parse(row!))).toEqual(["Containers", "CreatedAt", "CreatedSince", "Digest", "ID", "Repository", "SharedSize", "Size", "Tag", "UniqueSize", "VirtualSize"]);
  expect((await stage.mdk("images", "--format", "raw", old)).out).toMatch(/^repository: .*\ntag: .*\nimage_id: [0-9a-f]{12}\ncreated_at: .*\nvirtual_size: .*\n\n$/);
  expect((await stage.mdk("images", "--format", "table {{.ID}}\\t{{upper .Tag}} x")).out).toStartWith("IMAGE ID       TAG x\n");
});

rootTest("a platform that is none is refused before anything is asked", async () => {
  for (const [platform, words] of [["a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'], ["foo", '"foo": unknown operating system or architecture: invalid argument']] as const) {
    const { code, err } = await stage.mdk("pull", "--platform", platform, "nowhere.invalid/x");
    expect([code, err]).toEqual([1, `mdk: ${words}\n`]);
  }
});
