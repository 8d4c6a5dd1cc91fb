/** Whose network it is: several network namespaces with one store, several stores in one network namespace. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Ended, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync("dist/mdk") && ["ip", "nft", "curl", "unshare", "setpriv"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk and iproute2, nft, curl, util-linux");

let stage: Stage;
let image = "";
let second = "";

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
  second = stage.namespace("second");
});
afterAll(async () => await stage?.end());

type Mdk = (...args: string[]) => Promise<Ended>;
const here: Mdk = (...args) => stage.mdk(...args);
const there: Mdk = (...args) => stage.inside(stage.command(...args), second);

async function serve(mdk: Mdk, name: string, ...flags: string[]): Promise<string> {
  const script = `mkdir -p /www; echo ${name} >/www/index.html; exec httpd -f -p 80 -h /www`;
  const { code, err } = await mdk("run", "-d", "--name", name, ...flags, image, "sh", "-c", script);
  if (code !== 0 || err !== "") throw new Error(err);
  return (await mdk("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name)).out.trim();
}
async function page(address: string, namespace = stage.host): Promise<string> {
  for (let tries = 0; ; tries++) {
    const { code, out } = await stage.inside(["curl", "-s", "-m", "2", `http://${address}/`], namespace);
    if (code !== 7 || tries > 8) return code === 0 ? out.trim() : `curl ${code}`;
    await Bun.sleep(50);
  }
}
const elements = async (namespace = stage.host): Promise<string[]> => (await stage.inside(["nft", "list", "ruleset"], namespace)).out.match(/(tcp|udp) \. \d+ : [\d.]+/g) ?? [];
const bridges = async (): Promise<string[]> => (await stage.inside(["ip", "-o", "link", "show", "type", "bridge"])).out.match(/mdk-[0-9a-f]{6}/g) ?? [];

describe("one store, two network namespaces of the host", () => {
  rootTest("who removes a container from the other one takes away that one's elements, not those of the living one here", async () => {
    const [a] = [await serve(here, "aa", "-p", "8080:80", "-p", "8081:80"), await serve(there, "bb", "-p", "8080:80")];
    expect([await page("127.0.0.1:8080"), await page("127.0.0.1:8080", second)]).toEqual(["aa", "bb"]);
    expect(await elements()).toEqual([`tcp . 8080 : ${a}`, `tcp . 8081 : ${a}`]);
    expect((await there("rm", "-f", "aa")).err).toBe("");
    expect(await elements()).toEqual([]);
    expect(await page("127.0.0.1:8080", second)).toBe("bb");
    // Nor does the end that a monitor sees.
    expect((await here("kill", "bb")).code).toBe(0);
    expect((await here("wait", "bb")).code).toBe(0);
    for (let tries = 0; tries < 40 && (await elements(second)).length > 0; tries++) await Bun.sleep(50);
    expect(await elements(second)).toEqual([]);
    expect((await here("rm", "bb")).err).toBe("");
  });

  rootTest("a namespace that is gone takes its elements along, and nothing here is touched", async () => {
    const gone = stage.namespace("gone");
    const inGone: Mdk = (...args) => stage.inside(stage.command(...args), gone);
    await serve(inGone, "gg", "-p", "8080:80");
    await serve(here, "hh", "-p", "8080:80");
    expect((await stage.inside(["ip", "netns", "del", gone])).code).toBe(0);
    expect((await here("rm", "-f", "gg")).err).toBe("");
    expect(await page("127.0.0.1:8080")).toBe("hh");
    expect((await here("rm", "-f", "hh")).err).toBe("");
  });

  rootTest("a bridge that is gone comes with another subnet where the host has come to route the old one elsewhere", async () => {
    const old = await serve(here, "old");
    expect((await here("rm", "-f", "old")).err).toBe("");
    const [bridge = ""] = await bridges();
    expect(old).toMatch(/^172\.17\./);
    for (const words of [["del", bridge], ["add", "other0", "type", "bridge"], ["set", "other0", "up"]]) expect((await stage.inside(["ip", "link", ...words])).err).toBe("");
    expect((await stage.inside(["ip", "route", "add", "172.17.0.0/16", "dev", "other0"])).err).toBe("");
    expect(await serve(here, "new", "-p", "8080:80")).toMatch(/^172\.18\.0\.2$/);
    expect(await page("127.0.0.1:8080")).toBe("new");
    expect((await here("rm", "-f", "new")).err).toBe("");
  });
});

describe("stores at one path, in mount namespaces of their own", () => {
  rootTest("have names and addresses of their own in one network namespace, one a copy of the other and both begun at once", async () => {
    const [root, runRoot] = [join(stage.folder, "shared"), join(stage.folder, "shared-run")];
    const storeOf = (name: string, from: string): Mdk => {
      const own = join(stage.folder, name);
      for (const path of [root, runRoot, `${own}-run`]) mkdirSync(path, { recursive: true });
      cpSync(from, own, { recursive: true, verbatimSymlinks: true });
      return (...args) => {
        const words = stage.command(...args).map((word) => (word === stage.root ? root : word === stage.runRoot ? runRoot : word));
        return stage.inside(["unshare", "-m", "sh", "-ec", `mount --bind ${own} ${root}; mount --bind ${own}-run ${runRoot}; exec "$@"`, "sh", ...words], fresh);
      };
    };
    const fresh = stage.namespace("fresh");
    // As two CI containers of an image with pulled images in it.
    const [one, two] = [storeOf("one", stage.root), storeOf("two", stage.root)];
    const addresses = await Promise.all([serve(one, "one", "-p", "8081:80"), serve(two, "two", "-p", "8082:80")]);
    expect(new Set(addresses.map((address) => address.split(".").slice(0, 2).join("."))).size).toBe(2);
    expect([await page("127.0.0.1:8081", fresh), await page("127.0.0.1:8082", fresh)]).toEqual(["one", "two"]);
    expect(await Promise.all(addresses.map((address) => page(address, fresh)))).toEqual(["one", "two"]);
    expect((await two("rm", "-f", "two")).err).toBe("");
    expect([await page("127.0.0.1:8081", fresh), await page("127.0.0.1:8082", fresh)]).toEqual(["one", "curl 7"]);
    const { err } = await two("run", "-d", "-p", "8081:80", image, "sleep", "1000");
    expect(err).toContain("port is already allocated");
    expect((await one("rm", "-f", "one")).err).toBe("");
    // What a copy's rows say of the network is the original's.
    const three = storeOf("three", join(stage.folder, "one"));
    const [again, copied] = [await serve(one, "again", "-p", "8081:80"), await serve(three, "copied", "-p", "8083:80")];
    expect(again.split(".")[1]).not.toBe(copied.split(".")[1]);
    expect([await page("127.0.0.1:8081", fresh), await page("127.0.0.1:8083", fresh)]).toEqual(["again", "copied"]);
    expect((await three("rm", "-f", "copied")).err).toBe("");
    expect(await page("127.0.0.1:8081", fresh)).toBe("again");
    expect((await one("rm", "-f", "again")).err).toBe("");
    for (const store of [three, two, one]) expect((await store("clean", "-f")).code).toBe(0);
  });
});

describe("bridges that nobody needs", () => {
  rootTest("one of a store that is gone goes when the next store comes; one of a living store stays", async () => {
    const host = stage.namespace("lonely");
    const root = join(stage.folder, "lonely");
    const there: Mdk = (...args) => stage.inside(stage.command(...args).map((word) => (word === stage.root ? root : word)), host);
    const run = async (): Promise<string> => {
      cpSync(stage.root, root, { recursive: true, verbatimSymlinks: true });
      return (await there("run", "--rm", image, "hostname", "-i")).out.trim();
    };
    const names = async (): Promise<string[]> => (await stage.inside(["ip", "-o", "link", "show", "type", "bridge"], host)).out.match(/mdk-[0-9a-f]{6}/g) ?? [];
    expect(await run()).toBe("172.17.0.2");
    expect((await stage.inside(stage.command("run", "--rm", image, "hostname", "-i"), host)).out).toBe("172.18.0.2\n");
    const [lonely, living] = await names();
    rmSync(root, { recursive: true });
    // A dying namespace takes its link along late, and the bridge counts as used until then.
    for (let tries = 0; tries < 100 && (await stage.inside(["ip", "-o", "link", "show", "type", "veth"], host)).out !== ""; tries++) await Bun.sleep(20);
    expect(await run()).toBe("172.17.0.2");
    const left = await names();
    expect(left).toContain(living!);
    expect(left).toHaveLength(2);
    expect((await stage.inside(["nft", "list", "tables"], host)).out.match(/mdk-/g)).toHaveLength(2);
    expect(lonely).not.toBe(living!);
    expect((await there("clean", "-f")).code).toBe(0);
  });

  rootTest("where all pools are taken those of idle networks are used, whosever they are; those in use are not", async () => {
    const host = stage.namespace("full");
    const pools = [...Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.1/16`), ...Array.from({ length: 16 }, (_, index) => `192.168.${index * 16}.1/20`)];
    const nameOf = (index: number): string => (index === 3 ? "other0" : `mdk-0000${index.toString(16).padStart(2, "0")}`);
    const batch = pools.flatMap((address, index) => [`link add ${nameOf(index)} type bridge`, `addr add ${address} dev ${nameOf(index)}`, `link set ${nameOf(index)} up`]);
    batch.push("link add a0 type veth peer name b0", `link set a0 master ${nameOf(0)}`);
    expect(Bun.spawnSync(["ip", "-n", host, "-batch", "-"], { stdin: Buffer.from(batch.join("\n")) }).stderr.toString()).toBe("");
    const ended = await stage.inside(stage.command("run", "--rm", image, "hostname", "-i"), host);
    expect(ended).toEqual({ code: 0, out: "172.18.0.2\n", err: "" });
    const links = (await stage.inside(["ip", "-o", "link", "show", "type", "bridge"], host)).out;
    expect([nameOf(0), nameOf(3), nameOf(1)].map((name) => links.includes(`${name}:`))).toEqual([true, true, false]);
  });
});

describe("umask 077", () => {
  rootTest("hosts, hostname, resolv.conf and a made source of -v are for everybody in the container", async () => {
    const source = join(stage.folder, "made", "deep");
    const command = stage.command("run", "--rm", "-u", "1000", "-v", `${source}:/data`, image, "stat", "-c", "%a %n", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/data");
    const { out, err } = await stage.inside(["sh", "-c", 'umask 077; exec "$@"', "sh", ...command]);
    expect([err, out]).toEqual(["", "644 /etc/hosts\n644 /etc/hostname\n644 /etc/resolv.conf\n755 /data\n"]);
    expect((await stage.inside(["stat", "-c", "%a", join(stage.folder, "made")])).out).toBe("755\n");
  });
});

describe("without CAP_NET_ADMIN", () => {
  rootTest("the bridge is refused in a sentence, and the host's network works", async () => {
    const bare = stage.namespace("bare");
    const without = (...args: string[]): Promise<Ended> => stage.inside(["setpriv", "--bounding-set=-net_admin", ...stage.command("run", "--rm", ...args, image, "echo", "on")], bare);
    const refused = await without();
    expect([refused.code, refused.err]).toEqual([125, expect.stringMatching(/set up the network: .*operation not permitted[^]*CAP_NET_ADMIN/)]);
    expect((await without("--network", "host")).out).toBe("on\n");
  });
});
