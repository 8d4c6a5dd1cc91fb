/** The network of real containers, seen from inside, from the host, from a neighbour and from one another. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { imageLayout } from "../../helpers/fixtures.ts";
import { push, run, startRegistry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync("dist/mdk") && ["docker-registry", "skopeo", "ip", "nft", "curl", "ss"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk and docker-registry, skopeo, iproute2, nft, curl");

let stage: Stage;
let image = "";
let debian = "";
let neighbour = "";

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
  neighbour = stage.namespace("out");
  const host = stage.host;
  // The stage is a copy of the machine's settings: forwarding is mdk's to switch on.
  run("nsenter", `--net=/run/netns/${host}`, "sysctl", "-qw", "net.ipv4.ip_forward=0");
  run("ip", "-n", host, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", neighbour);
  for (const [name, link, address] of [[host, "up0", "10.99.0.1/24"], [neighbour, "eth0", "10.99.0.2/24"]] as const) {
    run("ip", "-n", name, "addr", "add", address, "dev", link);
    run("ip", "-n", name, "link", "set", link, "up");
  }
});
beforeAll(async () => {
  if (!able) return;
  const registry = await startRegistry();
  debian = `${registry.host}/debian`;
  try {
    push(`${imageLayout("debian")}:latest`, debian);
    run(...stage.command("pull", "-q", debian));
  } finally {
    await registry.stop();
  }
});
afterAll(async () => await stage?.end());

/** Starts web-NAME, which serves NAME on TCP 80; returns its address. */
async function serve(name: string, ...flags: readonly string[]): Promise<string> {
  const script = `mkdir -p /www; echo ${name} >/www/index.html; exec httpd -f -p 80 -h /www`;
  const { code, err } = await stage.mdk("run", "-d", "--name", `web-${name}`, ...flags, image, "sh", "-c", script);
  if (code !== 0) throw new Error(err);
  const { out } = await stage.mdk("inspect", "-f", "{{.NetworkSettings.IPAddress}}", `web-${name}`);
  return out.trim();
}
/** What curl gets, or "curl N". Tries again for a while where nobody listens yet. */
async function page(where: string, address: string, path = ""): Promise<string> {
  for (let tries = 0; ; tries++) {
    const { code, out } = await stage.inside(["curl", "-s", "-m", "2", `http://${address}/${path}`], where);
    if (code === 0) return out.trim();
    if (code !== 7 || tries > 8) return `curl ${code}`;
    await Bun.sleep(50);
  }
}
const remove = async (...names: readonly string[]): Promise<unknown> => await stage.mdk("rm", "-f", ...names.map((name) => `web-${name}`));

describe("the bridge", () => {
  rootTest("two containers reach it, one another by address, and what is outside; the outside does not reach them", async () => {
    const [a, b] = [await serve("a"), await serve("b")];
    expect(a).not.toBe(b);
    expect(await page(stage.host, b)).toBe("b");
    const inside = async (script: string): Promise<string> => (await stage.mdk("exec", "web-a", "sh", "-c", script)).out.trim();
    expect(await inside(`wget -q -O - http://${b}/`)).toBe("b");
    const gateway = (await stage.mdk("inspect", "-f", "{{.NetworkSettings.Gateway}}", "web-a")).out.trim();
    expect(await inside(`ping -c 1 -W 2 ${gateway} >/dev/null && echo up`)).toBe("up");
    expect(await inside("ping -c 1 -W 2 10.99.0.2 >/dev/null && echo up")).toBe("up");
    run("ip", "-n", neighbour, "route", "replace", `${a}/32`, "via", "10.99.0.1");
    expect(await page(neighbour, a)).toBe("curl 28");
    expect(await inside("cat /etc/hosts")).toContain(a);
    expect(await inside("ip -o addr show eth0")).toContain(`inet ${a}/16`);
    await remove("a", "b");
  });

  rootTest("a container that ends leaves no link, no lease and no element; the next ones get addresses of their own", async () => {
    const links = async (): Promise<number> => (JSON.parse((await stage.inside(["ip", "-j", "link"])).out) as { ifname: string }[]).filter(({ ifname }) => ifname.startsWith("veth")).length;
    const addresses = await Promise.all([1, 2, 3, 4, 5].map(async () => (await stage.mdk("run", "--rm", "-p", "80", image, "hostname", "-i")).out.trim()));
    expect(new Set(addresses).size).toBe(5);
    for (let tries = 0; tries < 40 && (await links()) > 0; tries++) await Bun.sleep(50);
    expect(await links()).toBe(0);
    expect((await stage.inside(["nft", "list", "ruleset"])).out).not.toMatch(/172\.\d+\.\d+\.\d+ \. 80/);
    expect((await stage.inside(["ss", "-Hltnu"])).out).toBe("");
  });
});

describe("published ports", () => {
  rootTest("one container port of two containers on two host ports: from a neighbour, from the host by 127.0.0.1 and by its address, and from one another", async () => {
    const a = await serve("a", "-p", "8080:80");
    const b = await serve("b", "-p", "8081:80");
    for (const [port, name, own] of [[8080, "a", a], [8081, "b", b]] as const) {
      expect([await page(neighbour, `10.99.0.1:${port}`), await page(stage.host, `127.0.0.1:${port}`), await page(stage.host, `10.99.0.1:${port}`), await page(stage.host, own)]).toEqual([name, name, name, name]);
      const from = async (container: string): Promise<string> => (await stage.mdk("exec", `web-${container}`, "wget", "-q", "-O", "-", `http://10.99.0.1:${port}/`)).out.trim();
      expect([await from("a"), await from("b")]).toEqual([name, name]);
    }
    expect((await stage.mdk("ps", "--format", "{{.Names}} {{.Ports}}")).out.trim().split("\n").sort()).toEqual(["web-a 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp", "web-b 0.0.0.0:8081->80/tcp, [::]:8081->80/tcp"]);
    const taken = await stage.mdk("run", "--name", "web-c", "-p", "8080:80", image);
    expect([taken.code, taken.err]).toEqual([125, expect.stringContaining("Bind for 0.0.0.0:8080 failed: port is already allocated")]);
    await remove("a", "b", "c");
    expect(await page(stage.host, "127.0.0.1:8080")).toBe("curl 7");
  });

  rootTest("-p ADDRESS: is reached there and nowhere else; a port of the kernel's choice is told", async () => {
    await serve("a", "-p", "127.0.0.1:8080:80", "-p", "80");
    expect([await page(stage.host, "127.0.0.1:8080"), await page(neighbour, "10.99.0.1:8080"), await page(stage.host, "10.99.0.1:8080")]).toEqual(["a", "curl 7", "curl 7"]);
    const ports = (await stage.mdk("ps", "--format", "{{.Ports}}")).out;
    const chosen = /0\.0\.0\.0:(\d+)->80/.exec(ports)?.[1];
    expect(Number(chosen)).toBeGreaterThan(1023);
    expect(await page(neighbour, `10.99.0.1:${chosen}`)).toBe("a");
    await remove("a");
  });

  rootTest("a port that another process has is refused, and nothing is left of the container that wanted it", async () => {
    const listen = 'Bun.serve({hostname:"127.0.0.1",port:9000,fetch:()=>new Response("other")});console.log("up")';
    const other = Bun.spawn(["nsenter", `--net=/run/netns/${stage.host}`, process.execPath, "-e", listen], { stdout: "pipe", stdin: "ignore", stderr: "ignore" });
    try {
      await other.stdout.getReader().read();
      const { code, err } = await stage.mdk("run", "--rm", "-p", "9001:80", "-p", "9000:80", image);
      expect([code, err]).toEqual([125, expect.stringMatching(/9000.*(address already in use|port is already allocated)/)]);
      expect(await page(stage.host, "127.0.0.1:9000")).toBe("other");
      expect((await stage.mdk("ps", "-aq")).out).toBe("");
      await serve("a", "-p", "9001:80");
      expect(await page(stage.host, "127.0.0.1:9001")).toBe("a");
    } finally {
      other.kill();
      await other.exited;
      await remove("a");
    }
  });

  rootTest("UDP, and beside it TCP of the same number", async () => {
    const echo = 'use IO::Socket::INET; $s = IO::Socket::INET->new(Proto => "udp", LocalPort => 53); while ($s->recv($m, 99)) { $s->send("got $m") }';
    await serve("u", "-p", "5353:53/udp", "-p", "5353:80/tcp");
    expect(await page(stage.host, "127.0.0.1:5353")).toBe("u");
    const started = await stage.mdk("run", "-d", "--name", "web-p", "-p", "5354:53/udp", debian, "perl", "-e", echo);
    expect(started.err).toBe("");
    for (const [where, address] of [[neighbour, "10.99.0.1"], [stage.host, "127.0.0.1"]] as const) {
      const script = `const s=await Bun.udpSocket({socket:{data(_,d){console.log(d.toString());process.exit()}}});setInterval(()=>s.send("ping",5354,"${address}"),100);setTimeout(()=>process.exit(1),4000)`;
      expect((await stage.inside([process.execPath, "-e", script], where)).out.trim()).toBe("got ping");
    }
    expect((await stage.inside(["ss", "-Hlun", "sport = :5354"])).out).toContain("0.0.0.0:5354");
    await remove("u", "p");
  });
});

describe("other networks", () => {
  rootTest("none has a loopback and nothing else; host has the host's links and listens there", async () => {
    const names = async (network: string): Promise<string[]> => (await stage.mdk("run", "--rm", "--network", network, image, "ls", "/sys/class/net")).out.trim().split("\n");
    expect(await names("none")).toEqual(["lo"]);
    expect((await stage.mdk("run", "--rm", "--network", "none", image, "sh", "-c", "ping -c 1 127.0.0.1 >/dev/null && echo up")).out).toBe("up\n");
    expect(await names("host")).toContain("up0");
    await serve("h", "--network", "host");
    expect(await page(neighbour, "10.99.0.1")).toBe("h");
    await remove("h");
  });
});

describe("a firewall that drops what is forwarded", () => {
  rootTest("is opened for the bridge, whether iptables made it or nft, before and after containers are there", async () => {
    await serve("before", "-p", "8090:80");
    expect((await stage.inside(["iptables-nft", "-P", "FORWARD", "DROP"])).code).toBe(0);
    const { err } = await stage.mdk("run", "--rm", image, "ping", "-c", "1", "-W", "2", "10.99.0.2");
    expect(err).toBe("");
    expect(await page(neighbour, "10.99.0.1:8090")).toBe("before");
    await serve("after", "-p", "8091:80");
    expect(await page(neighbour, "10.99.0.1:8091")).toBe("after");
    await remove("before", "after");
  });
});

describe("nginx of Debian", () => {
  rootTest("is published and fetched, from the host and from a neighbour, and its log is the container's", async () => {
    const started = await stage.mdk("run", "-d", "--name", "web-nginx", "-p", "8080:80", debian, "sh", "-c", "sed -i 's,access_log .*,access_log /dev/stdout;,' /etc/nginx/nginx.conf; exec nginx -g 'daemon off;'");
    expect(started.err).toBe("");
    for (const [where, address] of [[stage.host, "127.0.0.1:8080"], [neighbour, "10.99.0.1:8080"]] as const) expect(await page(where, address)).toContain("Served by nginx in a container of mdk.");
    const { out: upper } = await stage.mdk("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "web-nginx");
    await stage.mdk("exec", "web-nginx", "sh", "-c", "echo new >/var/www/html/new");
    expect(readFileSync(join(upper.trim(), "var/www/html/new"), "utf8")).toBe("new\n");
    expect(await page(neighbour, "10.99.0.1:8080", "new")).toBe("new");
    // It answers first and logs then.
    const logged = /^10\.99\.0\.2 - - .*"GET \/new HTTP\/1\.1" 200/m;
    for (let tries = 0; tries < 40 && !logged.test((await stage.mdk("logs", "web-nginx")).out); tries++) await Bun.sleep(25);
    expect((await stage.mdk("logs", "web-nginx")).out).toMatch(logged);
    await remove("nginx");
  });
});
