/** Which ports are published: all that are exposed, the next free one of a range, ranges of any length, none on the host's network. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Ended, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync("dist/mdk") && ["ip", "nft", "ss", "python3"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk and iproute2, nft, python3");

let stage: Stage;
let image = "";

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()], { Cmd: ["sleep", "1000"], ExposedPorts: { "80/tcp": {}, "53/udp": {}, "443": {} } });
});
afterAll(async () => await stage?.end());

const start = (name: string, ...flags: string[]): Promise<Ended> => stage.mdk("run", "-d", "--name", name, ...flags, image);
const ports = async (name: string): Promise<string[]> => (await stage.mdk("ps", "-a", "--filter", `name=^${name}$`, "--format", "{{.Ports}}")).out.trim().split(", ").sort();
const remove = async (...names: string[]): Promise<void> => expect((await stage.mdk("rm", "-f", ...names)).err).toBe("");
/** What mdk took of memory at most, in MiB. By way of a small program: what starts another by vfork(2) lends it its own size (getrusage(2), ru_maxrss). */
const peak = async (...args: string[]): Promise<number> => {
  const script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)";
  const { out, err, code } = await stage.inside(["python3", "-c", script, ...stage.command(...args)]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return Number(out);
};
const elements = async (): Promise<number> => (await stage.inside(["nft", "list", "ruleset"])).out.match(/(tcp|udp) \. \d+ : /g)?.length ?? 0;

describe("-P", () => {
  rootTest("publishes what the image and the user expose on free ports of the host, and leaves alone what -p has", async () => {
    expect(await start("all", "-P", "-p", "8443:443", "--expose", "9000-9001")).toMatchObject({ code: 0, err: "" });
    const { HostConfig, NetworkSettings } = (JSON.parse((await stage.mdk("inspect", "all")).out) as [{ HostConfig: { PublishAllPorts: boolean }; NetworkSettings: { Ports: Record<string, { HostIp: string; HostPort: string }[]> } }])[0];
    expect(HostConfig.PublishAllPorts).toBe(true);
    const published = NetworkSettings.Ports;
    expect(Object.keys(published).filter((key) => published[key] !== null).sort()).toEqual(["443/tcp", "53/udp", "80/tcp", "9000/tcp", "9001/tcp"]);
    expect(published["443/tcp"]).toEqual([{ HostIp: "0.0.0.0", HostPort: "8443" }, { HostIp: "::", HostPort: "8443" }]);
    const shown = await ports("all");
    for (const key of ["53/udp", "80/tcp", "9000/tcp", "9001/tcp"]) {
      const host = published[key]?.[0]?.HostPort ?? "";
      expect(Number(host)).toBeGreaterThan(1023);
      for (const address of ["0.0.0.0", "[::]"]) expect(shown).toContain(`${address}:${host}->${key}`);
      expect((await stage.inside(["ss", "-Hln", key.endsWith("udp") ? "-u" : "-t", `sport = :${host}`])).out).toContain(`:${host} `);
    }
    await remove("all");
    expect(await start("none")).toMatchObject({ code: 0 });
    expect((await stage.mdk("inspect", "-f", "{{.HostConfig.PublishAllPorts}}", "none")).out).toBe("false\n");
    expect(await elements()).toBe(0);
    await remove("none");
  });
});

describe("ranges", () => {
  rootTest("many that start at once with one range for one port each take a port of it; the one too many is told so", async () => {
    const names = Array.from({ length: 9 }, (_, index) => `r${index}`);
    const ended = await Promise.all(names.map((name) => start(name, "-p", "8000-8008:80", "-p", "8100-8120:81")));
    expect(ended.map(({ err }) => err)).toEqual(names.map(() => ""));
    const taken = (await Promise.all(names.map(ports))).flat();
    expect(taken.filter((port) => port.endsWith("->80/tcp")).sort()).toEqual(["0.0.0.0", "[::]"].flatMap((address) => names.map((_, index) => `${address}:${8000 + index}->80/tcp`)));
    expect(new Set(taken.filter((port) => port.endsWith("->81/tcp"))).size).toBe(18);
    const more = await start("more", "-p", "8000-8008:80");
    expect([more.code, more.err]).toEqual([125, expect.stringContaining("Bind for 0.0.0.0:8008 failed: port is already allocated")]);
    await remove(...names);
    expect(await elements()).toBe(0);
  });

  rootTest("more free ports than the host has are refused at once", async () => {
    const begun = performance.now();
    expect(await start("free", "-P", "--expose", "1-65535")).toMatchObject({ code: 125, err: expect.stringMatching(/^mdk: cannot publish \d+ ports on free ports of the host: it has \d+ of them\n/) });
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  rootTest("two requests of one container for one range take two ports", async () => {
    expect(await start("two", "-p", "8000-8001:80", "-p", "8000-8001:81")).toMatchObject({ code: 0, err: "" });
    expect(await ports("two")).toEqual(["0.0.0.0:8000->80/tcp", "0.0.0.0:8001->81/tcp", "443/tcp", "53/udp", "[::]:8000->80/tcp", "[::]:8001->81/tcp"]);
    await remove("two");
  });

  rootTest("of a container without IPv6 as many ports are published by that as its monitor can hold beside the others, or none", async () => {
    expect(await start("most", "-p", "8000-8063:8000-8063")).toMatchObject({ code: 0, err: "" });
    expect(await ports("most")).toEqual(["0.0.0.0:8000-8063->8000-8063/tcp", "443/tcp", "53/udp", "80/tcp", "[::]:8000-8063->8000-8063/tcp"]);
    await remove("most");
    expect(await start("more", "-p", "8000-8063:8000-8063", "-p", "8070:80")).toMatchObject({ code: 0, err: "" });
    expect(await ports("more")).toEqual(["0.0.0.0:8000-8063->8000-8063/tcp", "0.0.0.0:8070->80/tcp", "443/tcp", "53/udp"]);
    await remove("more");
    const named = await start("named", "-p", "[::1]:8000-8199:8000-8199");
    expect([named.code, named.err]).toEqual([125, expect.stringContaining("cannot publish on ::1: the container has no IPv6 address")]);
  });

  rootTest("a port that somebody has by IPv6 alone is taken; a free one is one of both families", async () => {
    await stage.inside(["sysctl", "-qw", "net.ipv4.ip_local_port_range=20000 20031"]);
    // Half of those that bind(2) chooses first: odd, in the lower half (inet_csk_find_open_port).
    const held = [20001, 20003, 20005, 20007];
    const listen = `for (const port of [${held}]) Bun.listen({hostname:"::1",port,ipv6Only:true,socket:{data(){}}});console.log("up")`;
    const other = Bun.spawn(["nsenter", `--net=/run/netns/${stage.host}`, process.execPath, "-e", listen], { stdout: "pipe", stdin: "ignore", stderr: "inherit" });
    try {
      await other.stdout.getReader().read();
      const taken = await start("taken", "-p", "20001:80");
      expect([taken.code, taken.err]).toEqual([125, expect.stringContaining("Bind for :::20001 failed: port is already allocated")]);
      for (let round = 0; round < 3; round++) {
        expect(await start("free", "-p", "80")).toMatchObject({ code: 0, err: "" });
        const [four = "", , , six = ""] = await ports("free");
        expect(six.replace("[::]", "0.0.0.0")).toBe(four);
        expect(held).not.toContain(Number(/:(\d+)->80/.exec(four)?.[1]));
        await remove("free");
      }
    } finally {
      other.kill();
      await other.exited;
      await stage.inside(["sysctl", "-qw", "net.ipv4.ip_local_port_range=32768 60999"]);
    }
  });

  rootTest("every port of the host is published in seconds and bounded memory, told as one range, and given back", async () => {
    const begun = performance.now();
    expect(await peak("run", "-d", "--name", "every", "-p", "1-65535:1-65535", image)).toBeLessThan(215);
    expect(await ports("every")).toContain("0.0.0.0:1-65535->1-65535/tcp");
    expect((await stage.inside(["nft", "list", "ruleset"])).out).toMatch(/tcp \. 1-65535 : [\d.]+/);
    const other = await start("other", "-p", "80");
    expect([other.code, other.err]).toEqual([125, expect.stringContaining("port is already allocated")]);
    expect(await peak("rm", "-f", "every")).toBeLessThan(215);
    expect(performance.now() - begun).toBeLessThan(20_000);
    expect((await stage.inside(["nft", "list", "ruleset"])).out).not.toMatch(/(tcp|udp) \. [\d-]+ : /);
    expect(await start("again", "-p", "80:80")).toMatchObject({ code: 0 });
    await remove("again");
  });
});

describe("--network host", () => {
  rootTest("discards published ports with Docker's warning, and goes on", async () => {
    const warning = "WARNING: Published ports are discarded when using host network mode\n";
    expect(await stage.mdk("run", "--rm", "--network", "host", "-p", "8080:80", image, "echo", "on")).toEqual({ code: 0, out: "on\n", err: warning });
    expect((await stage.mdk("create", "--name", "made", "--network", "host", "-p", "8080:80", image)).err).toBe(warning);
    expect((await stage.mdk("run", "--rm", "--network", "host", "-P", image, "true")).err).toBe("");
    await remove("made");
  });
});
