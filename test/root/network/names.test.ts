/** Names on networks as programs of containers see them: every kind of name, every kind of change, and whom else is asked. */
import { beforeAll, expect } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { imageLayout } from "../../helpers/fixtures.ts";
import { net, useNetworkStage } from "../../helpers/network-stage.ts";
import { push, run, startRegistry } from "../../helpers/registry.ts";
import { isRoot } from "../../helpers/requires.ts";
import { buildLookup } from "../../helpers/resolver-world.ts";

const rootTest = useNetworkStage("dnsmasq", "dig", "docker-registry", "skopeo", "unshare");

let debian = "";
beforeAll(async () => {
  if (!isRoot || net === undefined) return;
  const registry = await startRegistry();
  debian = `${registry.host}/debian`;
  push(`${imageLayout("debian")}:latest`, debian);
  run(...net.command("pull", "-q", debian));
  await registry.stop();
  await net.ok("network", "create", "--ipv6", "front");
  await net.ok("network", "create", "back");
  await Promise.all([serveNames("127.0.0.1"), serveNames("127.0.0.9", "--host-record=only.nine,192.0.2.9")]);
  await net.sleep("asker", "--network", "front", "--network", "back", "--dns", "127.0.0.1");
  copyFileSync(buildLookup(), `/proc/${await net.ok("inspect", "-f", "{{.State.Pid}}", "asker")}/root/lookup`);
});

/** dnsmasq on an address of the host's loopback, which knows these names and that there are no others. */
async function serveNames(at: string, ...more: string[]): Promise<void> {
  const records = ["--local=/#/", "--host-record=up.test,192.0.2.7", "--host-record=word.corp.test,192.0.2.8", ...Array.from({ length: 60 }, (_, index) => `--host-record=many.test,192.0.2.${index + 100}`), ...more];
  const ready = `until dig +short +time=1 +tries=1 @${at} up.test | grep -q 192; do sleep 0.02; done; echo up`;
  const server = `exec dnsmasq --conf-file=/dev/null -k --no-resolv --no-hosts --pid-file= --user=root --bind-interfaces --listen-address=${at} "$@"`;
  await net.background(net.host, ["sh", "-c", `(${ready}) & ${server}`, "sh", ...records]);
}

const address = (name: string, network = "front"): Promise<string> => net.field(name, network, "IPAddress");
/** By musl's getaddrinfo: the addresses of IPv4. */
const ask = async (name: string, from = "asker"): Promise<string[]> => (await net.sh(from, `/lookup ${name}`)).split("\n").filter((line) => /^[\d.]+$/.test(line)).sort();
const reverse = async (of: string): Promise<string> => /name = (\S+)/.exec(await net.sh("asker", `nslookup ${of}`))?.[1] ?? "";

rootTest("name, aliases of several, short id, hostname, name and network, both families, reverse", async () => {
  await net.sleep("api1", "--network", "name=front,alias=api,alias=one", "-h", "apihost");
  await net.sleep("api2", "--network", "name=front,alias=api", "--network", "name=back,alias=deep");
  const [one, two, back] = [await address("api1"), await address("api2"), await address("api2", "back")];
  const id = await net.ok("inspect", "-f", "{{.Id}}", "api1");
  expect(await Promise.all(["api1", "api1.front", "one", id.slice(0, 12), "apihost", "API1", "api1."].map((name) => ask(name)))).toEqual(Array(7).fill([one]));
  expect(await ask("api")).toEqual([one, two].sort());
  expect(await Promise.all([ask("api2.back"), ask("deep"), ask("deep.front"), ask("api2")])).toEqual([[back], [back], [], expect.arrayContaining([two]) as unknown as string[]]);
  expect([await reverse(one), await reverse(back)]).toEqual(["api1.front", "api2.back"]);
  expect(await net.sh("asker", "/lookup api1")).toContain(await net.field("api1", "front", "GlobalIPv6Address"));
  // glibc's.
  await net.ok("run", "-d", "--name", "glibc", "--network", "front", "--dns", "127.0.0.1", debian, "sleep", "1000");
  expect(await net.sh("glibc", "getent ahostsv4 api1 | head -n 1; getent hosts api1.front")).toMatch(new RegExp(`^${one}\\s+STREAM api1\n\\S+\\s+api1.front$`));
  expect(await net.sh("glibc", `getent hosts ${two}`)).toMatch(/api2\.front$/);
  // Who is on no common network.
  expect(await ask("deep", "asker")).toEqual([back]);
  expect(await net.sh("glibc", "getent hosts deep; echo $?")).toBe("2");
  // The next of several comes first, so that load spreads.
  const firsts = new Set<string>();
  for (let turn = 0; turn < 20; turn++) firsts.add(/^Name:.*\nAddress(?: 1)?: (\S+)/m.exec(await net.sh("asker", "nslookup api"))?.[1] ?? "");
  expect([...firsts].filter((first) => first.includes(".")).sort()).toEqual([one, two].sort());
});

rootTest("a change is seen at once: end, start, restart, rename, connect, disconnect, and a monitor that is killed", async () => {
  await net.sleep("moves", "--network", "name=front,alias=mv");
  const first = await address("moves");
  expect(await ask("mv")).toEqual([first]);
  await net.ok("stop", "-t", "0", "moves");
  expect([await ask("mv"), await ask("moves"), await reverse(first)]).toEqual([[], [], ""]);
  await net.ok("start", "moves");
  expect(await ask("mv")).toEqual([await address("moves")]);
  await net.ok("restart", "-t", "0", "moves");
  expect(await ask("mv")).toEqual([await address("moves")]);
  await net.ok("rename", "moves", "moved");
  expect([await ask("moves"), await ask("moved"), await ask("mv"), await ask("moved.front")]).toEqual([[], ...Array<string[]>(3).fill([await address("moved")])]);
  expect(await reverse(await address("moved"))).toBe("moved.front");
  await net.ok("network", "connect", "--alias", "rear", "back", "moved");
  expect(await ask("rear")).toEqual([await address("moved", "back")]);
  await net.ok("network", "disconnect", "front", "moved");
  expect([await ask("mv"), await ask("moved")]).toEqual([[], [await address("moved", "back")]]);
  await net.ok("network", "disconnect", "back", "asker");
  expect(await ask("moved")).toEqual([]);
  await net.ok("network", "connect", "back", "asker");
  expect(await ask("moved")).toEqual([await address("moved", "back")]);
  const pid = await net.ok("inspect", "-f", "{{.State.Pid}}", "moved");
  await net.inside(["sh", "-c", `kill -9 $(ps -o ppid= -p $(ps -o ppid= -p ${pid}))`]);
  await net.ok("ps", "-a");
  expect([await ask("moved"), await ask("rear")]).toEqual([[], []]);
  await net.ok("rm", "moved");
});

rootTest("--link: a name on a network that its user made, a line of /etc/hosts on the default bridge", async () => {
  await net.sleep("target", "--network", "front");
  await net.sleep("linker", "--network", "front", "--link", "target:short");
  await net.sleep("old");
  await net.sleep("older", "--link", "old:ancient");
  expect(await net.sh("linker", "ping -4 -c 1 -W 1 short")).toContain(`(${await address("target")})`);
  expect(await ask("short")).toEqual([]);
  const at = await address("old", "bridge");
  expect(await net.sh("older", "cat /etc/hosts; ping -c 1 -W 1 ancient")).toMatch(new RegExp(`${at}\tancient [0-9a-f]{12} old\n[^]*PING ancient \\(${at}\\)`));
});

rootTest("what is nobody's is asked of the host's name servers or of --dns, with --dns-search and --dns-option, also by TCP; not from an internal network", async () => {
  writeFileSync(`${net.folder}/resolv.conf`, "nameserver 127.0.0.1\nsearch host.test\n");
  const there = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await net.inside(["unshare", "--mount", "sh", "-c", `mount --bind ${net.folder}/resolv.conf /etc/resolv.conf; exec "$@"`, "sh", ...net.command(...words)]);
    return code === 0 && err === "" ? out : `${code} ${out}${err}`;
  };
  const brief = (...words: string[]): Promise<string> => there("run", "--rm", "--network", "front", ...words.slice(0, -1), "-v", `${buildLookup()}:/lookup`, net.busybox, "sh", "-c", words.at(-1)!);
  expect(await brief("cat /etc/resolv.conf; /lookup up.test")).toMatch(/^search host.test\nnameserver 127.0.0.11\noptions ndots:0\n192.0.2.7$/m);
  expect(await brief("--dns", "127.0.0.9", "/lookup only.nine")).toBe("192.0.2.9\n");
  // glibc's: musl takes no search list for a name with as many dots as ndots says, in Docker's containers as well.
  expect(await there("run", "--rm", "--network", "front", "--dns-search", "corp.test", "--dns-option", "timeout:3", debian, "sh", "-c", "grep -v name /etc/resolv.conf; getent hosts word")).toMatch(/^search corp.test\noptions timeout:3 ndots:0\n192.0.2.8\s+word.corp.test\n$/);
  expect((await there("run", "--rm", "--network", "front", debian, "sh", "-c", "getent ahostsv4 many.test | grep -c STREAM"))).toBe("60\n");
  await net.ok("network", "create", "--internal", "closed");
  expect(await there("run", "--rm", "--network", "closed", net.busybox, "sh", "-c", "nslookup up.test 2>&1 | grep -c 192.0.2; ping -c 1 -W 1 up.test 2>&1")).toMatch(/^1 0\nping: bad address 'up.test'/);
});
