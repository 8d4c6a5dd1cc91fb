/** The monitor as its container's resolver: its own names, those of name servers, and whoever wants to wear it out. dig, getent and dnsmasq are the witnesses. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, symlinkSync } from "node:fs";
import { addNames, removeNames, writeView, type EndpointNames, type NameView } from "../../../src/runtime/names.ts";
import { offerResolver } from "../../../src/runtime/resolver.ts";
import { enterNamespace } from "../../../src/runtime/netlink.ts";
import { leadToResolver } from "../../../src/network/resolver.ts";
import { portOf } from "../../../src/sys/inet.ts";
import { NetlinkSocket } from "../../../src/sys/netlink.ts";
import { connectUnix } from "../../../src/sys/socket.ts";
import { buildLookup, createResolverWorld, openNetworkOf, type ResolverWorld } from "../../helpers/resolver-world.ts";
import { closeContainers, container, kill, logged, shell } from "../../helpers/shim-container.ts";
import { alive, CLONE, exited, until } from "../../helpers/shim.ts";

let world: ResolverWorld;
const SERVER = "127.0.0.53";
const SECOND = "127.0.0.54";
const FAILING = "127.0.0.55";
const MUTE = "127.0.0.56";
const view = (changes: Partial<NameView> = {}): NameView => ({ networks: ["aaa"], links: new Map(), upstream: [], ...changes });
const endpoint = (id: string, names: string[], addresses: string[], network = "aaa"): EndpointNames => ({ network, endpoint: id, names, addresses, reverse: `${names[0]}.testnet` });

beforeAll(async () => {
  world = createResolverWorld();
  await world.serve(SERVER, "--host-record=upstream.test,192.0.2.7,2001:db8::7", "--address=/flood.test/192.0.2.9", ...Array.from({ length: 40 }, (_, index) => `--txt-record=big.test,${String(index).padStart(200, "x")}`));
  await world.serve(SECOND, "--host-record=second.test,192.0.2.8");
  await world.serve(FAILING, "--host-record=other.test,192.0.2.1"); // REFUSED for all else
  await world.serve("::1", "--host-record=sixth.test,192.0.2.66");
  await world.mute(MUTE);
  addNames(world.runRoot, endpoint("web1", ["web", "web.testnet", "both"], ["172.18.0.2", "fd00::2"]));
  addNames(world.runRoot, endpoint("db1", ["db", "both", "Mixed_Case"], ["172.18.0.3"]));
  addNames(world.runRoot, endpoint("db2", ["db", "elsewhere"], ["10.0.0.3"], "bbb"));
  addNames(world.runRoot, endpoint("v6", ["six"], ["fd00::6"]));
});
afterEach(closeContainers);
afterAll(() => world?.destroy());

test("names of the container's networks, by every kind of question that concerns them", () => {
  const made = world.start(view({ networks: ["aaa", "bbb"], upstream: [SERVER] }));
  const dig = (...words: string[]): string[] => world.dig(made, ...words);
  expect(dig("web")).toEqual(["172.18.0.2"]);
  expect(dig("WEB.testNET.")).toEqual(["172.18.0.2"]);
  expect(dig("mixed_case")).toEqual(["172.18.0.3"]);
  expect(dig("web", "AAAA")).toEqual(["fd00::2"]);
  expect(dig("six", "AAAA")).toEqual(["fd00::6"]);
  expect(dig("web", "ANY", "+notcp")).toEqual(["172.18.0.2", "fd00::2"]);
  expect(dig("both")).toEqual(["172.18.0.2", "172.18.0.3"]);
  expect(dig("both", "+tcp")).toEqual(["172.18.0.2", "172.18.0.3"]);
  expect(dig("-x", "172.18.0.2")).toEqual(["web.testnet."]);
  expect(dig("-x", "fd00::6")).toEqual(["six.testnet."]);
  // The first network that knows it answers alone.
  expect(dig("db")).toEqual(["172.18.0.3"]);
  expect(dig("elsewhere")).toEqual(["10.0.0.3"]);
  // A name that is there has nothing of what nobody said, and is there all the same.
  for (const kind of ["AAAA", "MX", "TXT", "HTTPS", "SRV"]) {
    const whole = world.inside(made, "dig", "@127.0.0.11", "db", kind);
    expect(whole).toContain("status: NOERROR");
    expect(whole).toContain("ANSWER: 0");
    expect(whole).toMatch(/flags: qr rd ra;/);
  }
  expect(world.inside(made, "dig", "@127.0.0.11", "web", "+noall", "+answer")).toMatch(/^web\.\s+0\s+IN\s+A\s+172\.18\.0\.2$/);
  expect(world.inside(made, "dig", "@127.0.0.11", "web", "+edns=7", "+noednsneg")).toContain("status: BADVERS");
  expect(world.inside(made, "dig", "@127.0.0.11", "web", "+opcode=NOTIFY")).toContain("status: NOTIMP");
  expect(dig("+tcp", "+keepopen", "web", "db", "upstream.test")).toEqual(["172.18.0.2", "172.18.0.3", "192.0.2.7"]);
  // What could lead out of the network's directory leads nowhere.
  symlinkSync("10.6.6.6", `${world.runRoot}/names/leak`);
  for (const name of ["\\.\\.", "\\.", "\\.\\./names", "..\\/aaa\\/web", "web\\/", "web\\000", "a\\032b"]) expect([name, dig(name)]).toEqual([name, []]);
  const order = new Set(Array.from({ length: 40 }, () => world.inside(made, "dig", "@127.0.0.11", "both", "+short").split("\n")[0]));
  expect(order.size).toBe(2);
});

test("C libraries find them: busybox, glibc and musl", () => {
  const made = world.start(view({ upstream: [SERVER] }));
  mkdirSync(`/proc/${made.init}/root/etc`);
  copyFileSync(`${world.runRoot}/resolv.conf`, `/proc/${made.init}/root/etc/resolv.conf`);
  const inRoot = (...command: string[]): string => world.inside(made, "nsenter", "-t", String(made.init), "-m", ...command);
  expect(inRoot("/bin/busybox", "nslookup", "web")).toContain("172.18.0.2");
  expect(inRoot("/bin/busybox", "nslookup", "172.18.0.2")).toContain("web.testnet");
  expect(inRoot("/bin/busybox", "nslookup", "upstream.test")).toContain("192.0.2.7");
  const glibc = (name: string): string => world.withResolv(made, `getent ahosts ${name}`);
  expect(glibc("web")).toContain("172.18.0.2");
  expect(glibc("db")).toContain("172.18.0.3");
  expect(glibc("upstream.test")).toContain("192.0.2.7");
  expect(world.withResolv(made, "getent hosts 172.18.0.2")).toContain("web.testnet");
  const lookup = buildLookup();
  copyFileSync(lookup, `/proc/${made.init}/root/lookup`);
  expect(inRoot("/lookup", "web").split("\n").sort()).toEqual(["172.18.0.2", "fd00::2"]);
  expect(inRoot("/lookup", "db")).toBe("172.18.0.3");
  expect(inRoot("/lookup", "upstream.test").split("\n").sort()).toEqual(["192.0.2.7", "2001:db8::7"]);
});

test("links come first, and a change is seen at once", () => {
  const made = world.start(view({ links: new Map([["web", "db"], ["Short", "web.testnet"], ["dangling", "nobody"]]) }));
  expect(world.dig(made, "web")).toEqual(["172.18.0.3"]);
  expect(world.dig(made, "short")).toEqual(["172.18.0.2"]);
  writeView(world.runRoot, made.id, view({ networks: ["bbb"] }));
  expect(world.dig(made, "db")).toEqual(["10.0.0.3"]);
  expect(world.dig(made, "web")).toEqual([]);
  const late = endpoint("late", ["late"], ["10.0.0.9"], "bbb");
  addNames(world.runRoot, late);
  expect(world.dig(made, "late")).toEqual(["10.0.0.9"]);
  addNames(world.runRoot, { ...late, addresses: ["10.0.0.10"] });
  expect(world.dig(made, "late")).toEqual(["10.0.0.10"]);
  removeNames(world.runRoot, { ...late, addresses: ["10.0.0.10"] });
  expect(world.dig(made, "late")).toEqual([]);
});

test("what is nobody's goes to the name servers, in their order; what is too long comes by TCP", () => {
  const made = world.start(view({ upstream: [SERVER, SECOND] }));
  const status = (...words: string[]): string => /status: (\w+)/.exec(world.inside(made, "dig", "@127.0.0.11", "+tries=1", ...words))?.[1] ?? "none";
  expect(world.dig(made, "upstream.test")).toEqual(["192.0.2.7"]);
  expect(world.dig(made, "upstream.test", "AAAA", "+tcp")).toEqual(["2001:db8::7"]);
  // The first one refuses what it does not know.
  expect(world.dig(made, "second.test")).toEqual(["192.0.2.8"]);
  expect(world.dig(made, "second.test", "+tcp")).toEqual(["192.0.2.8"]);
  expect(world.inside(made, "dig", "@127.0.0.11", "+ignore", "+bufsize=512", "big.test", "TXT")).toMatch(/flags: qr[ a-z]* tc/);
  expect(world.dig(made, "big.test", "TXT")).toHaveLength(40); // dig comes again by TCP
  expect(status("nowhere.test")).toBe("REFUSED");
  writeView(world.runRoot, made.id, view({ upstream: ["127.0.0.1", FAILING, `${SECOND}#53`] })); // nobody listens on the first
  expect(world.dig(made, "second.test")).toEqual(["192.0.2.8"]);
  expect(world.dig(made, "second.test", "+tcp")).toEqual(["192.0.2.8"]);
  writeView(world.runRoot, made.id, view({ upstream: ["::1"] }));
  expect([world.dig(made, "sixth.test"), world.dig(made, "sixth.test", "+tcp")]).toEqual([["192.0.2.66"], ["192.0.2.66"]]);
  writeView(world.runRoot, made.id, view());
  expect([status("upstream.test"), status("upstream.test", "+tcp"), status("web")]).toEqual(["SERVFAIL", "SERVFAIL", "NOERROR"]);
});

test("more endpoints than a datagram has room for: some, and all of them by TCP", () => {
  for (let index = 0; index < 300; index++) addNames(world.runRoot, endpoint(`many${index}`, ["many"], [`10.1.${index >> 8}.${index & 255}`], "ccc"));
  const made = world.start(view({ networks: ["ccc"] }));
  const small = world.inside(made, "dig", "@127.0.0.11", "+ignore", "+noedns", "many");
  expect(small).toMatch(/flags: qr tc rd ra/);
  expect(Number(/MSG SIZE {2}rcvd: (\d+)/.exec(small)?.[1])).toBeLessThanOrEqual(512);
  expect(world.dig(made, "many")).toHaveLength(300);
});

test("a server that says nothing costs two seconds, and nothing to names that are known", async () => {
  const made = world.start(view({ upstream: [MUTE, SERVER] }));
  const start = Bun.nanoseconds();
  const slow = world.ask(made, "burst", "*.flood.test", "100", "6");
  await Bun.sleep(300);
  expect(await world.ask(made, "burst", "web", "20", "5")).toMatchObject({ answered: 20, codes: { 0: 20 } });
  expect((Bun.nanoseconds() - start) / 1e6).toBeLessThan(2000);
  expect(await slow).toMatchObject({ answered: 100, codes: { 0: 100 } });
  // More than find room: those that do are answered, the others are told, and no query of our own waits for them.
  const flood = world.ask(made, "burst", "*.flood.test", "1000", "8");
  await Bun.sleep(1500);
  expect(await world.ask(made, "burst", "web", "20", "5")).toMatchObject({ answered: 20, codes: { 0: 20 } });
  expect(await flood).toMatchObject({ answered: 1000, codes: { 0: expect.any(Number), 2: expect.any(Number) } });
  writeView(world.runRoot, made.id, view({ upstream: [MUTE] }));
  expect(world.inside(made, "dig", "@127.0.0.11", "+tries=1", "+tcp", "upstream.test")).toContain("status: SERVFAIL"); // refused there
  expect(await world.ask(made, "burst", "*.flood.test", "10", "4")).toMatchObject({ answered: 10, codes: { 2: 10 } });
});

test("a thousand queries at once are answered", async () => {
  const made = world.start(view({ upstream: [SERVER] }));
  const burst = await world.ask(made, "burst", "*.flood.test", "1000", "10");
  const own = await world.ask(made, "burst", "web", "1000", "10");
  console.log(`1000 queries at once: ${burst["ms"]} ms passed on, ${own["ms"]} ms of our own`);
  expect([burst, own]).toMatchObject([{ answered: 1000, codes: { 0: 1000 } }, { answered: 1000, codes: { 0: 1000 } }]);
});

test("noise, and connections that say nothing, wear nobody out", async () => {
  const made = world.start(view({ upstream: [SERVER] }), shell("while :; do echo here; sleep 0.02; done"));
  const lines = (): number => logged(made).length;
  const before = lines();
  const noise = world.ask(made, "noise", "20000");
  await until(() => lines() > before + 5, "the program's output while it lasts");
  await noise;
  expect(world.dig(made, "web")).toEqual(["172.18.0.2"]);
  const held = world.ask(made, "hold", "40", "3");
  await Bun.sleep(500);
  expect(world.dig(made, "web")).toEqual(["172.18.0.2"]);
  expect(await held).toEqual({ held: 40 });
  expect(world.dig(made, "web", "+tcp", "+time=5")).toEqual(["172.18.0.2"]);
  expect(alive(made.monitor)).toBe(true);
});

test("a program of the container binds port 53 itself, of every address", async () => {
  const made = world.start(view());
  const server = Bun.spawn(["nsenter", `--net=/proc/${made.init}/ns/net`, "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--host-record=mine.test,192.0.2.3"], { stderr: "inherit" });
  await until(() => world.inside(made, "dig", "@127.0.0.1", "+short", "+time=1", "+tries=1", "mine.test") === "192.0.2.3", "the program's own answer");
  expect(world.inside(made, "ss", "-lnu")).toContain("0.0.0.0:53");
  const rules = world.inside(made, "nft", "list", "chain", "ip", "mdk-resolver", "output").split("\n").map((line) => line.trim().replace(/\d+$/, "N"));
  expect(rules).toEqual(expect.arrayContaining(["type nat hook output priority -100; policy accept;", "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:N", "ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:N"]));
  expect(world.dig(made, "web")).toEqual(["172.18.0.2"]);
  expect(world.dig(made, "web", "+tcp")).toEqual(["172.18.0.2"]);
  server.kill();
  await server.exited;
});

test("the sockets go with the container: nothing keeps its network alive", async () => {
  for (const victim of ["monitor", "init"] as const) {
    const made = world.start(view({ upstream: [MUTE] }));
    const isLinked = world.link(made);
    const held = world.ask(made, "hold", "3", "1");
    const waiting = world.ask(made, "burst", "*.flood.test", "5", "1");
    await Bun.sleep(400);
    expect(isLinked()).toBe(true);
    kill(made[victim]);
    // Of init only: its monitor stays, since nobody has said that the end is dealt with.
    if (victim === "init") expect(exited(made).code).toBe(137);
    await until(() => !alive(made.init), "its end");
    await Promise.all([held, waiting]);
    expect(alive(made.monitor)).toBe(victim === "init");
    await until(() => !isLinked(), "the network namespace's end");
  }
});

test("a running container gets one by its attach socket, once", () => {
  const made = world.start(null, { listen: true });
  const directory = openSync(made.directory, "r");
  const network = openNetworkOf(made);
  try {
    const offer = (): boolean | null => {
      const [udp, tcp, netfilter] = enterNamespace(world.runRoot, network, [{ resolverPort: 0 }, "netfilter"]) as [number, number, number];
      const socket = connectUnix(directory, "attach", 2000);
      expect(leadToResolver(new NetlinkSocket(netfilter), { udp: portOf(udp), tcp: portOf(tcp) })).toBe("led");
      const taken = offerResolver(socket, world.runRoot, made.id, { udp, tcp });
      for (const fd of [udp, tcp, netfilter, socket]) closeSync(fd);
      return taken;
    };
    writeView(world.runRoot, made.id, view());
    expect(offer()).toBe(true);
    expect(world.dig(made, "web")).toEqual(["172.18.0.2"]);
    expect(offer()).toBe(false);
  } finally {
    closeSync(directory);
    closeSync(network);
  }
});

test("a kernel without nf_tables gives no socket for it, and all else", () => {
  const made = container({
    under: ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e", "inject=socket:error=EPROTONOSUPPORT:when=4"], // route, UDP, TCP, then this one
    plan: (plan) => ({ ...plan, namespaces: plan.namespaces | CLONE.NEWNET }),
    steps: (steps) => steps.map((step) => ("created" in step ? { created: { network: true, resolver_port: 0 } } : step)),
  });
  const { descriptors } = made.next();
  expect(descriptors).toHaveLength(4);
  expect(portOf(descriptors[2]!)).toBeGreaterThan(0);
  for (const fd of descriptors) closeSync(fd);
});

test("without nf_tables it is on port 53 itself", () => {
  const made = world.start(view(), { port: 53 });
  expect(world.dig(made, "web")).toEqual(["172.18.0.2"]);
  expect(world.dig(made, "web", "+tcp")).toEqual(["172.18.0.2"]);
});

test("sockets and settings of a namespace that we are not in, and which of them failed", () => {
  const made = world.start(view(), { port: 53 });
  const network = openNetworkOf(made);
  try {
    const sockets = enterNamespace(world.runRoot, network, ["route", { sysctl: "net.ipv4.ip_forward", value: "1" }, "netfilter", { sysctl: "net.ipv4.conf.lo.rp_filter", value: "2" }])!;
    expect(sockets).toHaveLength(2);
    for (const fd of sockets) closeSync(fd);
    expect(world.inside(made, "cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/lo/rp_filter")).toBe("1\n2");
    expect(() => enterNamespace(world.runRoot, network, ["route", { resolverPort: 53 }])).toThrow("bind 127.0.0.11:53: address already in use");
    expect(() => enterNamespace(world.runRoot, network, [{ sysctl: "net.ipv4.no_such", value: "1" }])).toThrow("no such file or directory");
    expect(() => enterNamespace(world.runRoot, network, [{ sysctl: "kernel.hostname", value: "x" }])).toThrow("invalid argument");
  } finally {
    closeSync(network);
  }
});

test("what it costs: time of a local answer, time to set it up, private memory", async () => {
  const sum = (pid: number): number => [...readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce((total, match) => total + Number(match[1]), 0);
  const [plain, made] = [world.start(null), world.start(view({ upstream: [SERVER] }))];
  const set = Array.from({ length: 15 }, () => world.start(view())).map(({ ms }) => ms).sort((left, right) => left - right)[7]!;
  const idle = sum(made.monitor);
  const loop = await world.ask(made, "loop", "web", "10000");
  await world.ask(made, "burst", "*.flood.test", "1000", "10");
  world.dig(made, "big.test", "TXT");
  await Bun.sleep(3500); // what was used is given back
  console.error(`a local answer: ${JSON.stringify(loop)} µs; set up in ${set.toFixed(2)} ms; private memory: ${sum(plain.monitor)} KiB without, ${idle} before the first query, ${sum(made.monitor)} after thousands`);
  expect(sum(made.monitor)).toBeLessThanOrEqual(64);
});
