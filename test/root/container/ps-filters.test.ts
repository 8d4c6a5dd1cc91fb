/** `mdk ps`: which containers its filters and -n choose, and how it shows their commands. Removals that the kernel refuses. */
import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";

const rootTest = testIf(isRoot, "needs root");

let stage: Stage;
let image: string;
beforeAll(async () => {
  if (!isRoot) return;
  stage = openStage();
  image = await stage.image([baseLayer()], { Env: ["PATH=/bin", "GIVEN=by the image"] });
  await stage.mdk("create", "--name", "web", "--label", "query=a=b", image, "sh", "-c", "echo 'one two'", "plain");
  await stage.mdk("create", "--name", "web-db", "--label", "query=a", image);
  await stage.mdk("create", "--name", "other", image);
});
afterAll(() => stage?.end());

const names = async (...args: readonly string[]): Promise<string[]> => (await stage.mdk("ps", "--format", "{{.Names}}", ...args)).out.split("\n").filter((name) => name !== "").sort();

rootTest("names and ids are regular expressions, as Docker's are", async () => {
  expect(await names("-a", "--filter", "name=web")).toEqual(["web", "web-db"]);
  expect(await names("-a", "--filter", "name=^web$")).toEqual(["web"]);
  expect(await names("-a", "--filter", "name=^/web$")).toEqual(["web"]);
  expect(await names("-a", "--filter", "name=^/?(other|web)$")).toEqual(["other", "web"]);
  expect(await names("-a", "--filter", "name=(")).toEqual([]);
  const id = (await stage.mdk("inspect", "-f", "{{.Id}}", "other")).out.trim();
  expect(await names("-a", "--filter", `id=^${id.slice(0, 12)}`)).toEqual(["other"]);
});

rootTest("a label's value may hold an equals sign", async () => {
  expect(await names("-a", "--filter", "label=query=a=b")).toEqual(["web"]);
  expect(await names("-a", "--filter", "label=query=a")).toEqual(["web-db"]);
  expect(await names("-a", "--filter", "label=query")).toEqual(["web", "web-db"]);
});

rootTest("before and since go by the order in which containers were made; ancestor by the image", async () => {
  expect(await names("-a", "--filter", "before=other")).toEqual(["web", "web-db"]);
  expect(await names("-a", "--filter", "since=web")).toEqual(["other", "web-db"]);
  expect(await names("-a", "--filter", "since=web", "--filter", "before=other")).toEqual(["web-db"]);
  const id = (await stage.mdk("inspect", "-f", "{{.Image}}", "web")).out.trim();
  for (const word of [image, id, id.slice(0, 20), id.slice(7, 15)]) expect(await names("-a", "--filter", `ancestor=${word}`)).toHaveLength(3);
  expect(await names("-a", "--filter", "ancestor=nothing")).toEqual([]);
});

rootTest("publish goes by the host's port, expose by the container's; health and tasks are what mdk has", async () => {
  await stage.mdk("create", "--name", "ports", "-p", "8080:80", "-p", "5353:53/udp", image);
  expect(await names("-a", "--filter", "publish=8080")).toEqual(["ports"]);
  expect(await names("-a", "--filter", "publish=8000-9000/tcp")).toEqual(["ports"]);
  expect(await names("-a", "--filter", "publish=80")).toEqual([]);
  expect(await names("-a", "--filter", "publish=5353/udp")).toEqual(["ports"]);
  expect(await names("-a", "--filter", "expose=53/udp")).toEqual(["ports"]);
  expect(await names("-a", "--filter", "expose=1-100")).toEqual(["ports"]);
  await stage.mdk("rm", "ports");
  expect(await names("-a", "--filter", "health=none")).toHaveLength(3);
  expect(await names("-a", "--filter", "health=healthy")).toEqual([]);
  expect(await names("-a", "--filter", "is-task=true")).toEqual([]);
  expect(await names("-a", "--filter", "is-task=false", "--filter", "isolation=x", "--filter", "")).toHaveLength(3);
});

rootTest("what is no filter is refused in Docker's words", async () => {
  const refused = async (filter: string): Promise<readonly [number, string]> => {
    const { code, err } = await stage.mdk("ps", "--filter", filter);
    return [code, err.split("\n")[0]!];
  };
  expect(await refused("x")).toEqual([125, 'invalid argument "x" for "-f, --filter" flag: bad format of filter (expected name=value)']);
  expect(await refused("nope=1")).toEqual([1, "mdk: invalid filter 'nope'"]);
  expect(await refused("status=foo")).toEqual([1, "mdk: invalid filter 'status=foo'"]);
  expect(await refused("since=nope")).toEqual([1, "mdk: No such container: nope"]);
  expect(await refused("publish=x")).toEqual([1, 'mdk: error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax']);
  expect(await refused("publish=a:b")).toEqual([1, "mdk: filter for 'publish' should not contain ':': a:b"]);
  expect(await refused("expose=90-80")).toEqual([1, "mdk: error while looking up for expose 90-80: invalid range specified for the Port: 90-80"]);
  expect(await refused("health=x")).toEqual([1, "mdk: unrecognized filter value for health: x"]);
  expect(await refused("is-task=x")).toEqual([1, "mdk: invalid filter 'is-task=[x]'"]);
  expect(await refused("exited=x")).toEqual([1, 'mdk: strconv.Atoi: parsing "x": invalid syntax']);
});

rootTest("formats: raw, json with Docker's members, a table's heads, and a word where -q makes a format idle", async () => {
  const raw = (await stage.mdk("ps", "-a", "--format", "raw", "--filter", "name=^web$")).out;
  expect(raw).toMatch(/^container_id: [0-9a-f]{12}\nimage: .*\ncommand: ".*"\ncreated_at: .* UTC\nstate: created\nstatus: Created\nnames: web\nlabels: query=a=b\nports:\n\n$/);
  const [row = ""] = (await stage.mdk("ps", "-a", "--format", "json", "--filter", "name=^web$")).out.split("\n");
  expect(Object.keys(JSON.parse(row))).toEqual(["Command", "CreatedAt", "ID", "Image", "Labels", "LocalVolumes", "Mounts", "Names", "Networks", "Platform", "Ports", "RunningFor", "Size", "State", "Status"]);
  expect((await stage.mdk("ps", "-a", "--format", 'table {{upper .Names}} x\\t{{.Label "query"}}', "--filter", "name=^web$")).out).toBe("NAMES x   query\nWEB x     a=b\n");
  expect(await stage.mdk("ps", "-q", "--format", "{{.Names}}")).toEqual({ code: 0, out: "", err: "WARNING: Ignoring custom format, because both --format and --quiet are set.\n" });
});

rootTest("kill and image inspect of what is not there say so as Docker does", async () => {
  expect(await stage.mdk("kill", "nope")).toEqual({ code: 1, out: "", err: "mdk: cannot kill container: nope: No such container: nope\n" });
  expect(await stage.mdk("image", "inspect", "nope")).toEqual({ code: 1, out: "[]\n", err: "mdk: No such image: nope:latest\n" });
});

rootTest("start tells which containers it could not start", async () => {
  expect(await stage.mdk("start", "nope", "nada")).toEqual({ code: 1, out: "", err: "mdk: No such container: nope\nmdk: No such container: nada\nmdk: failed to start containers: nope, nada\n" });
});

rootTest("-n wins over -l, and 0 is no limit and no state", async () => {
  expect(await names("-l")).toEqual(["other"]);
  expect(await names("-l", "-n", "2")).toEqual(["other", "web-db"]);
  expect(await names("-n", "0")).toEqual([]);
  expect(await names("-a", "-n", "0")).toHaveLength(3);
});

rootTest("arguments with blanks are shown in quotes", async () => {
  expect((await stage.mdk("ps", "-a", "--no-trunc", "--format", "{{.Command}}", "--filter", "name=^web$")).out).toBe(`"sh -c 'echo 'one two'' plain"\n`);
});

rootTest("-e with a name that the caller lacks takes the image's variable away, for run and exec", async () => {
  expect((await stage.mdk("run", "--rm", image, "env")).out).toContain("GIVEN=by the image\n");
  expect((await stage.mdk("run", "--rm", "-e", "GIVEN", image, "env")).out).not.toContain("GIVEN");
  await stage.mdk("run", "-d", "--name", "runs", image, "sleep", "1000");
  expect((await stage.mdk("exec", "-e", "GIVEN", "runs", "env")).out).not.toContain("GIVEN");
  await stage.mdk("rm", "-f", "runs");
});

rootTest("a container whose files cannot be removed does not keep the next one from going", async () => {
  await stage.mdk("run", "--name", "stuck", image, "dd", "if=/dev/zero", "of=/file", "count=1");
  const id = (await stage.mdk("inspect", "-f", "{{.Id}}", "stuck")).out.trim();
  const file = join(stage.root, "containers", id, "upper/file");
  if (Bun.spawnSync(["chattr", "+i", file]).exitCode !== 0) return; // a file system without the flag
  try {
    expect(await stage.mdk("rm", "stuck", "other")).toEqual({ code: 1, out: "other\n", err: `mdk: unlinkat ${file}: operation not permitted\n` });
  } finally {
    Bun.spawnSync(["chattr", "-i", file]);
  }
});
