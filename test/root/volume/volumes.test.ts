/** `mdk volume` and the life of volumes: who makes them, who keeps them, with whom they go; what a killed command leaves. */
import { expect } from "bun:test";
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBusyboxWorld();

const at = (...parts: readonly string[]): string => join(world.root, "volumes", ...parts);
const names = (...flags: readonly string[]): string[] => world.ok("volume", "ls", "-q", ...flags).split("\n").filter((name) => name !== "");
const answer = (...args: readonly string[]): string => {
  const { status, stdout, stderr } = world.mdk(args);
  return `${status} ${stdout}${stderr.replace(/^mdk: /gm, "")}`.trim();
};
/** The volume that a container has at a target. */
const volumeAt = (container: string, target: string): string => world.inspect(container, `range .Mounts}}{{if eq .Destination "${target}"}}{{.Name}}{{end}}{{end`);

rootTest("create, ls, inspect, rm: labels, filters, formats", () => {
  expect(world.ok("volume", "create", "--label", "a=b", "--label", "c", "alpha")).toBe("alpha");
  expect(world.ok("volume", "create", "beta")).toBe("beta");
  const anonymous = world.ok("volume", "create");
  expect(anonymous).toMatch(/^[0-9a-f]{64}$/);
  expect(names()).toEqual([anonymous, "alpha", "beta"].sort());
  expect([names("-f", "name=alp"), names("-f", "label=a=b"), names("-f", "label=a", "-f", "name=beta"), names("-f", "driver=local", "-f", "name=beta")]).toEqual([["alpha"], ["alpha"], [], ["beta"]]);
  expect(world.ok("volume", "ls", "-f", "name=alpha")).toBe("DRIVER    VOLUME NAME\nlocal     alpha");
  expect(world.ok("volume", "ls", "-f", "name=alpha", "--format", "{{.Name}} {{.Labels}} {{.Mountpoint}} {{.Label \"a\"}}")).toBe(`alpha a=b,c= ${at("alpha/_data")} b`);
  const [told] = JSON.parse(world.ok("volume", "inspect", "alpha")) as Record<string, unknown>[];
  expect(told).toEqual({ CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/), Driver: "local", Labels: { a: "b", c: "" }, Mountpoint: at("alpha/_data"), Name: "alpha", Options: null, Scope: "local" });
  expect(JSON.parse(world.ok("volume", "inspect", "-f", "{{json .Labels}}", anonymous))).toEqual({ "com.docker.volume.anonymous": "" });
  expect(answer("volume", "rm", "alpha", "nothing", "beta")).toBe("1 alpha\nbeta\nget nothing: no such volume");
  expect(names()).toEqual([anonymous]);
  expect(readdirSync(at())).toEqual([anonymous]);
  expect(answer("volume", "rm", "-f", "nothing")).toBe("0 nothing");
  world.ok("volume", "rm", anonymous);
});

rootTest("their directories are open to those whom the image says, and reached by nobody of the host but root", () => {
  Bun.spawnSync(["sh", "-c", `umask 077; exec "$@"`, "sh", ...world.words("volume", "create", "modes")]);
  expect(["", "modes", "modes/_data"].map((path) => (statSync(at(path)).mode & 0o777).toString(8))).toEqual(["711", "700", "755"]);
  world.ok("volume", "rm", "modes");
});

rootTest("one that a container has is kept, whether it runs or not; the names of those who have it are told", () => {
  const id = world.ok("create", "-v", "used:/u", busybox, "true");
  expect(answer("volume", "rm", "used")).toBe(`1 remove used: volume is in use - [${id}]`);
  expect(answer("volume", "rm", "-f", "used")).toBe(`1 remove used: volume is in use - [${id}]`);
  expect([names("-f", "dangling=true"), names("-f", "dangling=false")]).toEqual([[], ["used"]]);
  expect(world.ok("ps", "-aq", "--no-trunc", "-f", "volume=used")).toBe(id);
  world.ok("rm", "-v", id);
  expect(names()).toEqual(["used"]);
  expect(answer("volume", "rm", "used")).toBe("0 used");
});

rootTest("anonymous ones go with --rm, with `rm -v`, with a run that failed whole; named ones and those of `rm` stay", () => {
  world.ok("run", "--rm", "-v", "/a", "-v", "stays:/b", "--mount", "target=/c", busybox, "sh", "-c", "touch /a/x /b/x /c/x");
  expect([names(), readdirSync(at())]).toEqual([["stays"], ["stays"]]);
  world.ok("run", "-d", "--rm", "--name", "detached", "-v", "/a", busybox, "sleep", "1000");
  expect(names()).toHaveLength(2);
  world.ok("stop", "-t", "0", "detached");
  expect(names()).toEqual(["stays"]);
  for (const [flags, left] of [[["-v"], 1], [[], 2], [["-f", "-v"], 2]] as const) {
    world.ok("run", "--name", "ended", "-v", "/a", "-v", "stays:/b", busybox, "true");
    world.ok("rm", ...flags, "ended");
    expect([flags, names().length]).toEqual([flags, left]);
  }
  expect(world.mdk(["run", "-v", "/a", "--mount", `type=bind,source=${world.folder},target=/etc/passwd`, busybox, "true"]).status).toBe(125);
  world.removeAll();
  const [anonymous] = names().filter((name) => name !== "stays");
  // By its name it is somebody's, and does not go with them.
  world.ok("run", "--rm", "-v", `${anonymous}:/again`, busybox, "true");
  expect(names()).toContain(anonymous!);
  expect(world.ok("volume", "prune", "-f")).toContain(anonymous!);
  expect(names()).toEqual(["stays"]);
  world.ok("volume", "rm", "stays");
});

rootTest("prune: the anonymous ones that nobody uses, with -a the others too, and by labels", () => {
  world.ok("volume", "create", "--label", "keep=1", "one");
  world.ok("volume", "create", "two");
  const anonymous = world.ok("volume", "create");
  world.ok("run", "--rm", "-v", `${anonymous}:/x`, busybox, "dd", "if=/dev/zero", "of=/x/f", "bs=1M", "count=2");
  world.ok("create", "-v", "/mine", busybox);
  expect(answer("volume", "prune")).toContain("WARNING! This will remove anonymous local volumes not used by at least one container.");
  expect(world.ok("volume", "prune", "-f")).toMatch(new RegExp(`^Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: 2\\.\\d+MB$`));
  expect(names()).toHaveLength(3);
  expect(world.ok("volume", "prune", "-f", "-a", "--filter", "label!=keep")).toBe("Deleted Volumes:\ntwo\n\nTotal reclaimed space: 0B");
  expect(world.ok("volume", "prune", "-f", "--filter", "all=true", "--filter", "label=keep=1")).toContain("\none\n");
  expect(names()).toHaveLength(1);
  expect(world.ok("volume", "prune", "-f", "-a")).toBe("Total reclaimed space: 0B");
});

rootTest("clean keeps named ones with what is in them, and the anonymous ones of the containers that it removes go", () => {
  world.ok("run", "-d", "-v", "kept:/k", "-v", "/a", busybox, "sh", "-c", "echo x >/k/f; exec sleep 1000");
  world.ok("volume", "create");
  while (!existsSync(at("kept/_data/f")));
  world.ok("clean", "-f");
  expect(names()).toEqual(["kept"]);
  expect(readFileSync(at("kept/_data/f"), "utf8")).toBe("x\n");
  expect(world.ok("run", "--rm", "-v", "kept:/k", busybox, "cat", "/k/f")).toBe("x");
  world.ok("volume", "rm", "kept");
});

rootTest("rows without files get new ones, files without rows are nobody's: prune takes them, and half-removed ones", () => {
  world.ok("volume", "create", "lost");
  Bun.spawnSync(["rm", "-rf", at("lost")]);
  expect(world.ok("run", "--rm", "-v", "lost:/l", busybox, "sh", "-c", "touch /l/f; ls /l")).toBe("f");
  for (const name of ["orphan/_data", "orphan2/draft"]) mkdirSync(at(name), { recursive: true });
  mkdirSync(join(world.root, "tmp/dead-volume-1/_data"), { recursive: true });
  writeFileSync(join(world.root, "tmp/dead-volume-1/_data/f"), "");
  world.ok("volume", "prune", "-f");
  expect([readdirSync(at()), readdirSync(join(world.root, "tmp")).filter((name) => name.startsWith("dead-volume"))]).toEqual([["lost"], []]);
  Bun.spawnSync(["rm", "-rf", at("lost")]);
  expect(answer("volume", "rm", "lost")).toBe("0 lost");
});

rootTest("a removal that is killed at any moment is done by the next one; a new volume of the name is never taken for the old one", async () => {
  const seen = new Set<string>();
  for (let round = 0; round < 30; round++) {
    const name = `dying${round}`;
    world.ok("run", "--rm", "-v", `${name}:/d`, busybox, "sh", "-c", "for d in $(seq 40); do mkdir /d/$d; for f in $(seq 10); do : >/d/$d/$f; done; done");
    const child = world.spawn(["volume", "rm", name], "ignore");
    await Bun.sleep(4 + round / 3);
    child.kill("SIGKILL");
    await child.exited;
    const there = names("-f", `name=${name}`).length === 1;
    seen.add(`${there ? "row" : "no row"}, ${existsSync(at(name)) ? "files" : "no files"}`);
    // Whole, or gone: the row never names a part.
    const whole = existsSync(at(name));
    if (whole) expect([there, readdirSync(at(name, "_data")).length]).toEqual([true, 40]);
    expect(world.ok("run", "--rm", "-v", `${name}:/d`, busybox, "sh", "-c", "ls /d | wc -l")).toBe(whole ? "40" : "0");
    expect(answer("volume", "rm", name)).toBe(`0 ${name}`);
  }
  expect([...seen]).toContain("no row, no files");
  world.ok("volume", "prune", "-f");
  expect([readdirSync(at()), readdirSync(join(world.root, "tmp")).filter((name) => name.startsWith("dead-volume"))]).toEqual([[], []]);
}, 60_000);

rootTest("made and removed by several at once, a volume is either there or not", async () => {
  const commands = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? ["volume", "rm", "-f", "both"] : ["run", "--rm", "-v", "both:/b", busybox, "sh", "-c", "echo x >/b/$HOSTNAME && cat /b/$HOSTNAME"]));
  for (let at = 0; at < commands.length; at += 8) {
    const children = commands.slice(at, at + 8).map((command) => ({ command, child: world.spawn(command, "ignore") }));
    for (const { command, child } of children) {
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      const status = await child.exited;
      if (command[0] === "run") expect([status, out, err]).toEqual([0, "x\n", ""]);
      else expect(`${status} ${err}`).toMatch(/^0 $|^1 mdk: remove both: volume is in use/);
    }
  }
  world.ok("volume", "rm", "-f", "both");
  expect(existsSync(at("both"))).toBe(false);
}, 60_000);

rootTest("an `rm -v` that is killed is gone on with: the volumes are not left behind", async () => {
  for (let round = 0; round < 12; round++) {
    world.ok("run", "--name", "going", "-v", "/a", "-v", "/b", busybox, "sh", "-c", "for d in $(seq 300); do : >/a/$d; : >/b/$d; : >/$d; done");
    const child = world.spawn(["rm", "-v", "going"], "ignore");
    await Bun.sleep(6 + round);
    child.kill("SIGKILL");
    await child.exited;
    // What was begun is gone on with by whoever comes; what was not is left to be done.
    world.ok("run", "--rm", busybox, "true");
    if (world.ok("ps", "-aq") !== "") world.ok("rm", "-v", "going");
  }
  expect([world.ok("ps", "-aq"), names()]).toEqual(["", []]);
}, 60_000);

rootTest("events: made, mounted, unmounted, removed, each once and in order", () => {
  const since = String(Date.now() / 1000);
  world.ok("run", "--name", "told", "-v", "told-volume:/v:ro", busybox, "true");
  const id = world.inspect("told", ".Id");
  world.ok("rm", "told");
  world.ok("volume", "rm", "told-volume");
  const events = world.ok("events", "--since", since, "--until", "0s", "--format", "json").split("\n").map((line) => JSON.parse(line) as { Type: string; Action: string; Actor: { ID: string; Attributes: object } });
  expect(events.map(({ Type, Action }) => `${Type} ${Action}`)).toEqual(["volume create", "container create", "network connect", "volume mount", "container start", "container die", "network disconnect", "volume unmount", "container destroy", "volume destroy"]);
  expect(events.filter(({ Type }) => Type === "volume").map(({ Actor }) => [Actor.ID, Actor.Attributes])).toEqual([
    ["told-volume", { driver: "local" }], ["told-volume", { container: id, destination: "/v", driver: "local", propagation: "", "read/write": "false" }],
    ["told-volume", { container: id, driver: "local" }], ["told-volume", { driver: "local" }],
  ]);
});

rootTest("commit keeps what is declared and leaves out what is in volumes; `cp` sees them, whether the container runs or not", () => {
  for (const running of [false, true]) {
    world.ok(...(running ? ["run", "-d"] : ["create"]), "--name", "cc", "-v", "/declared", "-v", "named:/n", "--mount", "type=tmpfs,target=/t", busybox, "sleep", "1000");
    writeFileSync(join(world.folder, "f"), "copied");
    for (const target of ["/declared", "/n"]) world.ok("cp", join(world.folder, "f"), `cc:${target}/f`);
    expect([readFileSync(at(volumeAt("cc", "/declared"), "_data/f"), "utf8"), readFileSync(at("named/_data/f"), "utf8")]).toEqual(["copied", "copied"]);
    expect(Bun.spawnSync(["tar", "-xO"], { stdin: Bun.spawnSync(world.words("cp", "cc:/n/f", "-")).stdout }).stdout.toString()).toBe("copied");
    world.ok("commit", "cc", `committed:${running}`);
    expect(JSON.parse(world.ok("image", "inspect", "-f", "{{json .Config.Volumes}}", `committed:${running}`))).toEqual({ "/declared": {} });
    expect(world.ok("run", "--rm", `committed:${running}`, "sh", "-c", "ls -d /n /declared; ls /n /declared")).toBe("/declared\n/n\n/declared:\n\n/n:");
    world.ok("rm", "-f", "-v", "cc");
  }
  world.ok("volume", "rm", "named");
});

rootTest("a container from before there were volumes starts, is a source of --volumes-from, and goes", () => {
  world.ok("create", "--name", "old", "-v", `${world.folder}:/h:ro`, busybox, "ls", "/h/root");
  const database = new Database(join(world.root, "mdk.db"));
  // As the version before wrote a bind mount.
  database.run("UPDATE containers SET mounts = ?", [JSON.stringify([{ type: "bind", source: world.folder, target: "/h", readonly: true, propagation: "rprivate", recursive: true, mode: "ro" }])]);
  database.close();
  expect(world.ok("start", "-a", "old")).toContain("volumes");
  expect(world.ok("run", "--rm", "--volumes-from", "old", "-v", "new:/n", busybox, "ls", "/h/root")).toContain("containers");
  world.ok("rm", "-v", "old");
  world.ok("volume", "rm", "new");
});
