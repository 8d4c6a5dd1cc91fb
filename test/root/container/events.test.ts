/** Events: what happened is told, in order, once, whoever did it; what did not happen is not. */
import { expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";

useBusyboxWorld();

const past = (...args: string[]): string[] => world.ok("events", "--since", "1h", "--until", "0s", ...args).split("\n").filter((line) => line !== "");
const actions = (name: string): string[] => past("-f", `container=${name}`, "--format", "{{.Action}}{{with .Actor.Attributes.exitCode}}:{{.}}{{end}}{{with .Actor.Attributes.signal}}:{{.}}{{end}}");

test("each command's events, in Docker's order", async () => {
  world.ok("run", "-d", "--name", "life", "-l", "kind=x", busybox, "sleep", "1000");
  world.ok("pause", "life");
  world.ok("unpause", "life");
  world.ok("update", "--pids-limit", "50", "life");
  world.ok("stop", "-t", "0", "life");
  world.ok("start", "life");
  world.ok("restart", "-t", "0", "life");
  world.ok("kill", "life");
  // Its monitor has its end noted.
  await until(() => actions("life").at(-1) === "die:137", "its end is noted");
  world.ok("rename", "life", "lived");
  world.ok("rm", "lived");
  const id = past("--format", "{{.ID}}", "-f", "event=rename")[0]!;
  expect(actions(id)).toEqual([
    "create", "start", "pause", "unpause", "update", "kill:15", "die:137", "stop", "start", "kill:15", "die:137", "stop", "start", "restart", "kill:9", "die:137", "rename", "destroy",
  ]);
  expect(past("-f", `container=${id}`, "-f", "event=rename", "--format", "json").map((line) => JSON.parse(line) as unknown)).toEqual([{
    status: "rename", id, from: busybox, Type: "container", Action: "rename", Actor: { ID: id, Attributes: { image: busybox, kind: "x", name: "lived", oldName: "/life" } },
    scope: "local", time: expect.any(Number), timeNano: expect.any(Number),
  }]);
});

test("of a foreground run with --rm, of one that fails to start, and of nothing else", () => {
  world.mdk(["run", "--rm", "--name", "once", busybox, "sh", "-c", "exit 4"]);
  expect(actions("once")).toEqual(["create", "start", "die:4", "destroy"]);
  world.mdk(["run", "--rm", "--name", "fails", busybox, "/not/there"]);
  expect(actions("fails")).toEqual(["create", "start", "die:127", "destroy"]);
  world.mdk(["run", "--name", "refused", "-m", "1m", busybox, "true"]);
  world.mdk(["stop", "nobody"]);
  expect(actions("refused")).toEqual([]);
});

test("the line of the command line, filters, images", () => {
  const id = world.ok("create", "--name", "shown", "-l", "z=1", "-l", "a=2", busybox);
  world.ok("rm", "shown");
  expect(past("-f", "container=shown")).toEqual([
    expect.stringMatching(new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:]+\\.\\d{9}(Z|[+-]\\d\\d:\\d\\d) container create ${id} \\(a=2, image=.*, name=shown, z=1\\)$`)), expect.stringContaining(`container destroy ${id} (`),
  ]);
  const names = (...filters: string[]): string => past("--format", "{{.Action}}", "-f", "container=shown", ...filters.flatMap((filter) => ["-f", filter])).join(" ");
  expect(names("event=create")).toBe("create");
  expect(names("event=create", "event=destroy")).toBe("create destroy");
  expect(names("label=z=1", "label=a")).toBe("create destroy");
  expect(names("label=z=2")).toBe("");
  expect(names(`image=${busybox}`)).toBe("create destroy");
  expect(names("type=image")).toBe("");
  expect(past("-f", "type=image", "--format", "{{.Action}} {{.Actor.ID}}")).toEqual([`pull ${busybox}:latest`]);
  expect(world.mdk(["events", "--until", "0s", "-f", "colour=red"])).toMatchObject({ status: 1, stderr: expect.stringContaining("invalid filter 'colour'") });
  expect(world.mdk(["events", "--until", "0s", "--format", "{{"])).toMatchObject({ status: 64, stderr: expect.stringContaining("Error parsing format: ") });
  expect(world.mdk(["events", "--since", "yesterday"])).toMatchObject({ status: 1 });
});

test("what happens while it is waited for is told at once, and an end ends it", async () => {
  const watching = world.spawn(["events", "--format", "{{.Action}} {{.Actor.Attributes.name}}", "-f", "type=container"]);
  let text = "";
  void (async () => { for await (const part of watching.stdout) text += new TextDecoder().decode(part); })();
  await Bun.sleep(200);
  for (let round = 0; round < 3; round++) world.ok("run", "--rm", "--name", `now${round}`, busybox, "true");
  const each = (name: string): string => ["create", "start", "die", "destroy"].map((action) => `${action} ${name}\n`).join("");
  await until(() => text === ["now0", "now1", "now2"].map(each).join(""), "all were told");
  // A clock that has been set back makes nothing unseen.
  const rows = new Database(join(world.root, "mdk.db"));
  rows.run("INSERT INTO events (time, type, action, actor, attributes) VALUES (1, 'container', 'start', 'x', '{\"name\":\"early\"}')");
  await until(() => text.endsWith("start early\n"), "it was told");
  rows.run("DELETE FROM events WHERE time = 1");
  rows.close();
  watching.kill("SIGTERM");
  await watching.exited;
  const begun = performance.now();
  expect(world.ok("events", "--since", "0s", "--until", "-1s")).toBe("");
  expect(performance.now() - begun).toBeGreaterThan(900);
});

test("a hundred containers at once: each event once, and none is missing", async () => {
  const runs = Array.from({ length: 100 }, (_, index) => index);
  const worker = async (): Promise<void> => {
    for (let next = runs.shift(); next !== undefined; next = runs.shift()) {
      const run = world.spawn(["run", "--rm", "--network", "none", "--name", `many${next}`, busybox, "true"], "ignore");
      expect(await run.exited).toBe(0);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  const told = new Map<string, string[]>();
  for (const line of past("--format", "{{.Actor.Attributes.name}} {{.Action}}")) {
    const [name = "", action = ""] = line.split(" ");
    if (name.startsWith("many")) told.set(name, [...(told.get(name) ?? []), action]);
  }
  expect(told.size).toBe(100);
  for (const list of told.values()) expect(list).toEqual(["create", "start", "die", "destroy"]);
});
