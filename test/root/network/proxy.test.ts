/**
 * A kernel without nf_tables: networks work as far as they can without a firewall, and the container's monitor serves its published ports.
 * Servers and clients are the machine's own Python, in the container's network namespace and in a neighbour's; ip and ss are the witnesses.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { alive, parentOf } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Ended, type Stage } from "../../helpers/stage.ts";
import { buildStatic } from "../../helpers/static-program.ts";

const able = isRoot && existsSync("dist/mdk") && ["ip", "nft", "ss", "python3"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk, iproute2, nft, python3");
const PEER = resolve(import.meta.dir, "../../helpers/proxy-peer.py");
const PYTHON = Bun.which("python3") ?? "python3";
/** The host's address to its neighbour, and the neighbour's own. */
const [HOST, OUT, HOST6, OUT6] = ["10.99.0.1", "10.99.0.2", "fd99::1", "fd99::2"] as const;
const WARNING = "This kernel has no nf_tables with NAT: containers reach each other and this host, and nothing beyond it unless the host translates addresses itself; published ports are served by a proxy.";

let stage: Stage;
let image = "";
let out = "";
let without: string[] = [];
/** Servers and clients that a test may leave running. */
const children: Bun.Subprocess[] = [];

/** mdk on a kernel without nf_tables. */
const mdk = (...args: readonly string[]): Promise<Ended> => stage.inside([...without, ...stage.command(...args)]);
async function ok(...args: readonly string[]): Promise<string> {
  const { code, out: text, err } = await mdk(...args);
  if (code !== 0) throw new Error(`mdk ${args.join(" ")}: ${err}`);
  return text.trim();
}
/** What a client says of the address, seen from the namespace. */
const peer = async (where: string, ...words: readonly (string | number)[]): Promise<string> => {
  const { out: text, err } = await stage.inside([PYTHON, PEER, ...words.map(String)], where);
  return text.trim() || err.trim().split("\n").at(-1)!;
};
const pidOf = async (name: string): Promise<number> => Number(await ok("inspect", "-f", "{{.State.Pid}}", name));
const monitorOf = async (name: string): Promise<number> => parentOf(parentOf(await pidOf(name)));
const within = (pid: number, ...command: readonly string[]): string => run("nsenter", `--net=/proc/${pid}/ns/net`, ...command);
const entries = (monitor: number): number => readdirSync(`/proc/${monitor}/fd`).length;

function start(command: readonly string[]): { child: Bun.Subprocess<"ignore", "pipe", "inherit">; line: () => Promise<string> } {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  children.push(child);
  const reader = child.stdout.getReader();
  let text = "";
  const line = async (): Promise<string> => {
    for (let done = false; !done && !text.includes("\n"); ) {
      const next = await reader.read();
      text += new TextDecoder().decode(next.value);
      done = next.done;
    }
    const [first = ""] = text.split("\n", 1);
    text = text.slice(first.length + 1);
    return first;
  };
  return { child, line };
}

/** A container whose network the server on port 80 is in. */
async function serve(name: string, ...flags: readonly string[]): Promise<number> {
  await ok("run", "-d", "--name", name, ...flags, image, "sleep", "1000");
  const pid = await pidOf(name);
  const { line } = start(["nsenter", `--net=/proc/${pid}/ns/net`, PYTHON, PEER, "serve", "80"]);
  expect(await line()).toBe("up");
  return pid;
}

async function until(holds: () => boolean | Promise<boolean>, what: string, patienceMs = 5000): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await holds()); await Bun.sleep(20)) if (Date.now() > end) throw new Error(`not in time: ${what}`);
}

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
  out = stage.namespace("out");
  without = [buildStatic("test/probe/without.c"), "netfilter"];
  const { host } = stage;
  run("nsenter", `--net=/run/netns/${host}`, "sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0");
  run("ip", "-n", host, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", out);
  for (const [name, link, ...addresses] of [[host, "up0", `${HOST}/24`, `${HOST6}/64`], [out, "eth0", `${OUT}/24`, `${OUT6}/64`]] as const) {
    for (const address of addresses) run("ip", "-n", name, "addr", "add", address, "dev", link, ...(address.includes(":") ? ["nodad"] : []));
    run("ip", "-n", name, "link", "set", link, "up");
  }
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await stage?.end();
});

describe("a host without nf_tables", () => {
  rootTest("its first start says what is missing, the others do not; nothing of a firewall is there, and forwarding is left off", async () => {
    const first = await mdk("run", "--rm", image, "true");
    expect(first).toEqual({ code: 0, out: "", err: `WARNING: ${WARNING}\n` });
    await serve("web", "-p", "8080:80", "-p", "8080:80/udp");
    expect((await mdk("run", "--rm", image, "true")).err).toBe("");
    const { out: seen } = await stage.inside(["sh", "-c", "nft list tables; sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding; cat /proc/sys/net/ipv4/conf/mdk*/route_localnet | sort -u"]);
    expect(seen).toBe("0\n0\n0\n");
    expect(await ok("port", "web")).toBe("80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n80/udp -> 0.0.0.0:8080\n80/udp -> [::]:8080");
  });

  rootTest("info and doctor tell", async () => {
    expect(await ok("info")).toContain(" Firewall Backend: none\n  Published Ports: userland proxy (the kernel has no nf_tables with NAT)");
    expect(await ok("info", "-f", "{{json .FirewallBackend}}")).toContain('"Driver":"none"');
    expect((await stage.mdk("info", "-f", "{{.FirewallBackend.Driver}}")).out).toBe("nftables\n");
    // Which kernel it is was asked of nf_tables itself, and leaves nothing there.
    expect((await stage.inside(["nft", "list", "ruleset"])).out).toBe("");
    const findings = (await mdk("doctor")).out;
    expect(findings).toContain("no nf_tables with NAT: containers reach this host and each other only; a proxy serves published ports");
    expect(findings).toContain("it is left so: there is no firewall to go with it");
  });

  rootTest("a host that forwards already is warned of more", async () => {
    const name = stage.namespace("forwards");
    run("nsenter", `--net=/run/netns/${name}`, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    // Where nothing was told yet.
    const words = stage.command("run", "--rm", image, "true").map((word) => (word === stage.runRoot ? join(stage.folder, "run2") : word));
    const { code, err } = await stage.inside([...without, ...words], name);
    expect({ code, err }).toEqual({ code: 0, err: `WARNING: ${WARNING} This host forwards packets, and nothing keeps networks apart, or others from containers, internal networks included.\n` });
  });

  rootTest("too many ports are refused with a reason", async () => {
    const { code, err } = await mdk("run", "--rm", "-p", "127.0.0.1:20000-20128:20000-20128", image, "true");
    expect(code).toBe(125);
    expect(err).toContain("more than 128 published ports, counted for each address of the host\nthis kernel has no nf_tables with NAT");
    expect((await mdk("run", "--rm", "-p", "127.0.0.1:20000-20127:20000-20127", image, "true")).err).toBe("");
  });

  rootTest("a port that somebody has is refused in Docker's words", async () => {
    expect((await mdk("run", "--rm", "-p", "8080:80", image, "true")).err).toContain("Bind for 0.0.0.0:8080 failed: port is already allocated");
  });
});

describe("who comes to a published port", () => {
  rootTest("is seen as itself by TCP: from outside, from the host, from a container next to it, from itself", async () => {
    expect(await peer(out, "who", HOST, 8080)).toBe(OUT);
    expect(await peer(stage.host, "who", HOST, 8080)).toBe(HOST);
    const other = await serve("other");
    const client = (pid: number): string => within(pid, PYTHON, PEER, "who", "172.17.0.1", "8080").trim();
    expect(client(other)).toBe(await ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "other"));
    expect(client(await pidOf("web"))).toBe(await ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web"));
    await ok("rm", "-f", "other");
  });

  rootTest("is seen as the bridge from loopback, and by IPv6 where the container has none", async () => {
    for (const [where, address] of [[stage.host, "127.0.0.1"], [stage.host, "::1"], [out, HOST6]] as const) expect(await peer(where, "who", address, 8080)).toBe("172.17.0.1");
  });

  rootTest("is seen as itself by IPv6 on a network that has it, where names are found too", async () => {
    await ok("network", "create", "--ipv6", "--subnet", "fd12::/64", "--subnet", "172.30.0.0/16", "six");
    const pid = await serve("six", "--network", "six", "-p", "8086:80");
    expect(await peer(out, "who", HOST6, 8086)).toBe(OUT6);
    expect(await peer(out, "who", HOST, 8086)).toBe(OUT);
    expect(await peer(stage.host, "who", "::1", 8086)).toBe("fd12::1");
    expect(await ok("run", "--rm", "--network", "six", image, "ping", "-c", "1", "six")).toContain("1 packets received");
    expect(within(pid, "ss", "-lnuH")).toContain("127.0.0.11:53");
    await ok("rm", "-f", "six");
    await ok("network", "rm", "six");
  });

  rootTest("by UDP is seen as the bridge, and answered from the address that it asked", async () => {
    expect(await peer(out, "ask", HOST, 8080, 2)).toBe(`172.17.0.1 word 0 from ${HOST}, 172.17.0.1 word 1 from ${HOST}`);
    expect(await peer(out, "ask", HOST6, 8080, 1)).toBe(`172.17.0.1 word 0 from ${HOST6}`);
    expect(await peer(stage.host, "ask", "127.0.0.1", 8080, 1)).toBe("172.17.0.1 word 0 from 127.0.0.1");
    run("ip", "-n", stage.host, "addr", "add", "10.99.0.77/24", "dev", "up0");
    expect(await peer(out, "ask", "10.99.0.77", 8080, 1)).toBe("172.17.0.1 word 0 from 10.99.0.77");
  });
});

describe("a connection through the proxy", () => {
  rootTest("carries much in either direction and in both, and ends in one direction only", async () => {
    for (const act of ["hash", "blob", "both"]) expect(await peer(out, act, HOST, 8080, 50_000_000)).toBe("same");
    expect(await peer(stage.host, "hash", "127.0.0.1", 8080, 12_345_678)).toBe("same");
    expect(await peer(out, "hash", HOST, 8080, 0)).toBe("same");
  });

  rootTest("is one of 200 at once; what they took is given back", async () => {
    const monitor = await monitorOf("web");
    const before = entries(monitor);
    expect(await peer(out, "many", HOST, 8080, 200)).toBe("200");
    await until(() => entries(monitor) <= before, "descriptors given back");
  });

  rootTest("waits where there are more than 1024", async () => {
    // A terminal's limit of descriptors is just that.
    const { child, line } = start(["nsenter", `--net=/run/netns/${out}`, "prlimit", "--nofile=4096", PYTHON, PEER, "hold", HOST, "8080", "1024"]);
    expect(await line()).toBe("held");
    let said = "";
    const waiting = peer(stage.host, "who", HOST, 8080).then((text) => (said = text));
    await Bun.sleep(400);
    expect(said).toBe("");
    child.kill("SIGKILL");
    expect(await waiting).toBe(HOST);
  });

  rootTest("holds who sends to a program that does not read, in little memory, and hears of it when that one vanishes", async () => {
    const monitor = await monitorOf("web");
    const before = entries(monitor);
    const sum = (): number => [...readFileSync(`/proc/${monitor}/smaps_rollup`, "utf8").matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce((total, match) => total + Number(match[1]), 0);
    const sent = Number(await peer(out, "fill", HOST, 8080));
    expect(sent).toBeGreaterThan(65_536);
    expect(sent).toBeLessThan(64 << 20);
    await until(() => entries(monitor) <= before, "the connection's end");
    await Bun.sleep(1500);
    expect(sum()).toBeLessThan(120);
  });

  rootTest("is reset when the container resets it, or nobody listens there", async () => {
    expect(await peer(out, "reset", HOST, 8080)).toBe("ConnectionResetError");
    await ok("run", "-d", "--name", "deaf", "-p", "8081:81", image, "sleep", "1000");
    expect(await peer(out, "who", HOST, 8081)).toMatch(/ConnectionResetError|BrokenPipeError|^$/);
    await ok("rm", "-f", "deaf");
  });

  rootTest("brings what the container said before its end", async () => {
    writeFileSync(join(stage.folder, "blob"), new Uint8Array(300_000));
    await ok("run", "-d", "--name", "last", "-p", "8082:80", "-v", `${stage.folder}/blob:/blob`, image, "nc", "-l", "-p", "80", "-e", "cat", "/blob");
    const { out: count } = await stage.inside(["sh", "-c", `sleep 0.3; ${PYTHON} -c 'import socket; s = socket.create_connection(("${HOST}", 8082)); n = 0
while part := s.recv(65536): n += len(part)
print(n)'`], out);
    expect(count).toBe("300000\n");
    await ok("rm", "-f", "last");
  });

  rootTest("ends with the container, however that ends; nothing listens any more", async () => {
    for (const end of ["stop", "kill -9 of the monitor"]) {
      await serve("brief", "-p", "8083:80");
      const { child, line } = start(["nsenter", `--net=/run/netns/${out}`, PYTHON, PEER, "hang", HOST, "8083"]);
      expect(await line()).toBe(OUT);
      const monitor = await monitorOf("brief");
      const last = line();
      if (end === "stop") await ok("stop", "-t", "0", "brief");
      else process.kill(monitor, "SIGKILL");
      expect(await last).toMatch(/end|ConnectionResetError/);
      await child.exited;
      await until(() => !alive(monitor), "the monitor's end");
      expect((await stage.inside(["ss", "-lntuH"])).out).not.toContain(":8083");
      await ok("rm", "-f", "brief");
    }
  });
});

describe("datagrams through the proxy", () => {
  rootTest("go both ways for many clients at once, in a bounded number of sockets", async () => {
    const monitor = await monitorOf("web");
    expect(Number(await peer(out, "flood", HOST, 8080, 200))).toBeGreaterThan(190);
    await peer(out, "flood", HOST, 8080, 900);
    await peer(stage.host, "flood", HOST, 8080, 900);
    expect(entries(monitor)).toBeLessThan(1024 + 60);
    expect(await peer(out, "ask", HOST, 8080, 1)).toContain("word 0");
  });

  rootTest("of every size", async () => {
    const script = `import socket
s = socket.socket(2, 2); s.settimeout(2)
for size in (0, 1, 1400, 9000, 65000):
  s.sendto(b"y" * size, ("${HOST}", 8080)); print(len(s.recv(70000)) - len("172.17.0.1 "))`;
    expect((await stage.inside([PYTHON, "-c", script], out)).out.trim().split("\n")).toEqual(["0", "1", "1400", "9000", "65000"]);
  });
});

describe("running containers", () => {
  rootTest("join and leave networks, but not the one that their ports lead to", async () => {
    await ok("network", "create", "late");
    await ok("network", "connect", "late", "web");
    expect(await ok("run", "--rm", "--network", "late", image, "ping", "-c", "1", "web")).toContain("1 packets received");
    expect(await peer(out, "who", HOST, 8080)).toBe(OUT);
    expect((await mdk("network", "disconnect", "bridge", "web")).err).toContain("container web publishes ports by network bridge, and without nf_tables they cannot lead elsewhere while it runs");
    await ok("network", "disconnect", "late", "web");
    await ok("network", "rm", "late");
    expect(await peer(out, "who", HOST, 8080)).toBe(OUT);
  });

  rootTest("are served by the kernel from the moment that it can, beside those that started then", async () => {
    expect((await stage.mdk("run", "-d", "--name", "new", "-p", "8084:80", image, "sleep", "1000")).err).toBe("");
    expect((await stage.inside(["nft", "list", "tables"])).out).toContain("table inet mdk-");
    expect(await peer(out, "who", HOST, 8080)).toBe(OUT);
    expect(await peer(stage.host, "who", "127.0.0.1", 8080)).toBe("172.17.0.1");
    await stage.mdk("rm", "-f", "new", "web");
    expect((await stage.inside(["sh", "-c", "nft list ruleset | grep -c 172.17.0.2; ss -lntuH"])).out).toBe("0\n");
  });
});

rootTest("clean takes the bridges away, and reload finds nothing to do", async () => {
  await stage.mdk("clean", "-f");
  expect(await ok("run", "--rm", image, "true")).toBe("");
  expect(await ok("network", "reload")).toBe("");
  expect((await stage.inside(["sh", "-c", "ip -br link show type bridge"])).out).toMatch(/^mdk-/);
  await ok("clean", "-f");
  expect((await stage.inside(["sh", "-c", "ip -br link show type bridge; nft list tables"])).out).toBe("");
});

test.skipIf(!able)("what a start costs", () => {
  const start = (command: readonly string[]): number => {
    const began = Bun.nanoseconds();
    expect(Bun.spawnSync(["nsenter", `--net=/run/netns/${stage.host}`, ...command], { stdin: "ignore" }).exitCode).toBe(0);
    return (Bun.nanoseconds() - began) / 1e6;
  };
  const words = (port: string): string[] => stage.command("run", "--rm", ...(port === "" ? [] : ["-p", port]), image, "true");
  // In turn, and the quickest of each: other tests run beside this one.
  const rounds = Array.from({ length: 9 }, () => [words("8085:80"), [...without, ...words("8085:80")], [...without, ...words("")]].map(start));
  const [kernel, proxy, none] = [0, 1, 2].map((at) => Math.min(...rounds.map((times) => times[at]!))) as [number, number, number];
  console.log(`a start with a port: nf_tables ${kernel.toFixed(1)} ms, proxy ${proxy.toFixed(1)} ms, neither ${none.toFixed(1)} ms`);
  expect(proxy).toBeLessThan(1.3 * kernel + 15);
});
