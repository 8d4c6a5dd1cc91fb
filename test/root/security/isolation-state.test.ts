/** What the engine shows and keeps, against other users of the host, hostile words of images and numbers without end. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmodSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { file } from "../../helpers/archive.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && existsSync("dist/mdk") && hasTool("setpriv");
const rootTest = testIf(able, "needs root, a built dist/mdk and setpriv");

let stage: Stage;
let image = "";
let id = "";

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
  const { out, err } = await stage.mdk("run", "-d", "-e", "PASSWORD=secret", image, "sh", "-c", "echo secret; sleep 600");
  if (out === "") throw new Error(err);
  id = out.trim();
});
afterAll(async () => await stage?.end());

describe("other users of the host", () => {
  rootTest("read no log, environment, lock, socket, layer or record, and run no setuid program of an image (CVE-2021-41091)", async () => {
    chmodSync(stage.folder, 0o755);
    await stage.mdk("exec", id, "sh", "-c", "dd if=/suid of=/mine; busybox chmod 4755 /mine");
    const [layer] = readdirSync(join(stage.root, "layers"));
    const paths = [
      "mdk.db", "mdk.db-wal", "blobs", "layers", "containers", "tmp", `layers/${layer}/d`, `layers/${layer}/d/suid`, `containers/${id}`, `containers/${id}/config.json`,
      `containers/${id}/${id}-json.log`, `containers/${id}/upper`, `containers/${id}/upper/mine`,
    ].map((path) => join(stage.root, path));
    const ran = [`${id}`, `${id}/attach`, `${id}/state.json`, `${id}/run.lock`].map((path) => join(stage.runRoot, path));
    for (const path of [...paths, ...ran, stage.root, stage.runRoot]) {
      const { code } = await stage.inside(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", '[ -d "$1" ] && ls "$1" || cat "$1" || "$1"', "sh", path]);
      expect([path, code === 0]).toEqual([path, false]);
    }
    const { out } = await stage.inside(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", `find ${stage.root} ${stage.runRoot} 2>/dev/null; true`]);
    expect(out.trim().split("\n").sort()).toEqual([stage.root, stage.runRoot].sort());
  });

  rootTest("the processes of the engine are closed to them, and to the container (non-dumpable)", async () => {
    const { out } = await stage.mdk("inspect", "-f", "{{.State.Pid}}", id);
    const cage = /PPid:\s*(\d+)/.exec(await Bun.file(`/proc/${out.trim()}/status`).text())![1]!;
    for (const name of ["environ", "maps", "fd/0", "mem"]) {
      const { code } = await stage.inside(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "cat", `/proc/${cage}/${name}`]);
      expect([name, code === 0]).toEqual([name, false]);
    }
    expect(await Bun.file(`/proc/${cage}/environ`).text()).toBe("");
  });
});

describe("control sockets (CVE-2020-15257)", () => {
  rootTest("none is abstract, none is a port, and a container on the host's network reaches none", async () => {
    const { out } = await stage.mdk("run", "--rm", "--network", "host", image, "sh", "-c", "cat /proc/net/unix; cat /proc/net/tcp /proc/net/tcp6 /proc/net/raw");
    const names = out.split("\n").flatMap((line) => /^[0-9a-f]{16}: .*? (\S+)$/.exec(line)?.[1] ?? []).filter((name) => /^[@/]/.test(name));
    expect(names.filter((name) => name.startsWith("@"))).toEqual([]);
    expect(out.split("\n").filter((line) => / 0A /.test(line))).toEqual([]);
    for (const name of names) expect(existsSync(name) || !name.includes(stage.folder) || name.length > 90).toBe(true);
  });
});

describe("words of an image", () => {
  const EVIL = "\x1b]0;owned\x07\x1b[2J\r\u009b31m\u202e";
  // A terminal must not see a byte of these that the user has not asked for in raw form.
  const CONTROL = /[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]/;

  rootTest("with escape sequences are never shown raw by ps, images, inspect or errors", async () => {
    const evil = await stage.image([baseLayer(), [file("x")]], { Cmd: [`/bin/${EVIL}`], Labels: { [EVIL]: EVIL }, Env: [`A=${EVIL}`, "PATH=/bin"], WorkingDir: `/${EVIL}`, User: "" });
    const created = await stage.mdk("create", evil);
    expect(created.err).toBe("");
    const bad = await stage.image([baseLayer(), [file("y")]], { User: EVIL });
    for (const args of [
      ["ps", "-a"], ["ps", "-a", "--no-trunc"], ["images"], ["inspect", created.out.trim()], ["image", "inspect", evil], ["run", "--rm", evil], ["start", created.out.trim()], ["run", "--rm", bad],
      ["exec", id, EVIL], ["exec", "-w", `/${EVIL}`, id, "true"], ["exec", "-u", EVIL, id, "true"], ["run", "--rm", EVIL], ["inspect", EVIL], ["rm", EVIL], ["run", "--name", EVIL, image], ["run", "-v", `/x:${EVIL}`, image],
      ["run", `--${EVIL}`], [EVIL], ["run", "--cap-add", EVIL, image], ["run", "-p", EVIL, image],
    ]) {
      const { out, err } = await stage.mdk(...args);
      const shown = out + err;
      expect([args, CONTROL.exec(shown.replaceAll("\n", ""))?.[0] ?? null]).toEqual([args, null]);
    }
  });
});

describe("numbers that exhaust the engine (CVE-2018-20699, moby#11185)", () => {
  rootTest("are refused at once, with one line, and leave no container", async () => {
    const before = (await stage.mdk("ps", "-aq")).out;
    for (const flags of [
      ["--cpuset-cpus", "0-2147483647"], ["--cpuset-cpus", "0-99999"], ["--cpuset-mems", "1-2147483647"], ["--cpuset-cpus", "5-1"], ["--pids-limit", "-9000000000000000000"], ["--pids-limit", "9e18"], ["--memory", "1"], ["--memory", "99999999999999999999"],
      ["--memory", "8e"], ["--memory", "-5"], ["--memory-swap", "1"], ["--cpus", "0.000001"], ["--cpus", "1e9"], ["--cpus", "99999999"], ["--cpu-shares", "-1"], ["-p", "1-65535:1-65536"], ["-p", "70000:80"], ["-p", "1-100000:80"], ["-p", "0-65535:0-65535"],
      ["--shm-size", "-1"], ["-h", "x".repeat(300)], ["--name", "/"],
    ]) {
      const started = performance.now();
      const { code, out, err } = await stage.mdk("run", "--rm", ...flags, image);
      expect([flags, code, out]).toEqual([flags, 125, ""]);
      expect([flags, err.split("\n").length < 8, /\n\s+at |undefined|NaN|null/.test(err)]).toEqual([flags, true, false]);
      expect(performance.now() - started).toBeLessThan(10_000);
    }
    expect((await stage.mdk("ps", "-aq")).out).toBe(before);
  });

  rootTest("a request of many and long words is carried out or refused in a sentence", async () => {
    const long = "x".repeat(100_000);
    expect((await stage.mdk("run", "--rm", "-e", `A=${long}`, image, "sh", "-c", "echo ${#A}")).out).toBe("100000\n");
    const many = Array.from({ length: 20_000 }, (_, index) => String(index));
    expect((await stage.mdk("run", "--rm", image, "sh", "-c", "echo $#", "sh", ...many)).out).toBe("20000\n");
    const binds = Array.from({ length: 300 }, (_, index) => ["-v", `${stage.folder}:/mnt/${index}`]).flat();
    expect((await stage.mdk("run", "--rm", ...binds, image, "sh", "-c", "ls /mnt | wc -l || ls -d /mnt/*")).err).not.toContain("at ");
  });
});
