/** The life of networks beside containers that run: events, lists, removal, and firewalls that others flush and load. */
import { expect } from "bun:test";
import { HOST, net, OUTSIDE, tellPeer, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage("iptables-nft", "iptables-nft-restore");

rootTest("events tell of networks and who comes and goes, in Docker's order, with Docker's attributes", async () => {
  const begin = String(Date.now() / 1000);
  const network = await net.ok("network", "create", "told");
  const one = await net.ok("run", "-d", "--name", "one", "--network", "told", net.busybox);
  const two = await net.ok("create", "--name", "two", net.busybox);
  await net.ok("network", "connect", "told", "two");
  await net.ok("start", "two");
  await net.ok("network", "disconnect", "told", "two");
  await net.ok("network", "connect", "told", "two");
  await net.ok("kill", "one");
  await net.ok("wait", "one");
  await net.ok("rm", "-f", "one", "two");
  await net.ok("network", "rm", "told");
  const told = (await net.ok("events", "--since", begin, "--until", String(Date.now() / 1000), "--format", "json")).split("\n").map((line) => JSON.parse(line) as { Type: string; Action: string; Actor: { ID: string; Attributes: Record<string, string> } });
  const ofNetwork = told.filter(({ Type, Actor }) => Type === "network" && Actor.ID === network);
  const who = new Map([[one, "one"], [two, "two"]]);
  expect(ofNetwork.map(({ Action, Actor: { Attributes: { container, ...rest } } }) => [Action, who.get(container ?? "") ?? "", rest])).toEqual([
    ["create", ""], ["connect", "one"], ["connect", "two"], ["disconnect", "two"], ["connect", "two"], ["disconnect", "one"], ["disconnect", "two"], ["destroy", ""],
  ].map((words) => [...words, { name: "told", type: "bridge" }]));
  const ofOne = told.filter(({ Actor }) => Actor.ID === one || Actor.Attributes["container"] === one).map(({ Type, Action }) => `${Type} ${Action}`);
  expect(ofOne).toEqual(["container create", "network connect", "container start", "container kill", "container die", "network disconnect", "container destroy"]);
});

rootTest("prune takes what nobody uses; rm of several goes on after one that cannot be; inspect tells who is there", async () => {
  for (const name of ["n1", "n2", "n3"]) await net.ok("network", "create", "--label", `l=${name}`, name);
  await net.sleep("user", "--network", "n2");
  const { code, out, err } = await net.mdk("network", "rm", "n1", "n2", "nowhere", "n3");
  expect([code, out, err.split("\n").filter((line) => line.startsWith("mdk: ")).length]).toEqual([1, "n1\nn3\n", 2]);
  await net.ok("network", "create", "n4");
  expect(await net.ok("network", "inspect", "-f", "{{.Name}} {{len .Containers}} {{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}", "n2", "n4")).toBe(`n2 1 user ${await net.field("user", "n2", "IPAddress")}/16\nn4 0`);
  expect(await net.ok("network", "prune", "-f")).toBe("Deleted Networks:\nn4");
  await net.ok("rm", "-f", "user");
  expect(await net.ok("network", "prune", "-f")).toBe("Deleted Networks:\nn2");
  const bridges = JSON.parse((await net.inside(["ip", "-j", "link", "show", "type", "bridge"])).out) as { ifname?: string }[];
  expect(bridges.filter(({ ifname }) => ifname !== undefined && /^mdk-[0-9a-f]{6}.+/.test(ifname))).toEqual([]);
});

/** What must hold of "web", published on 8080, and of "asker" on its network, before and after others change the firewall. */
const state = async (): Promise<string[]> => await Promise.all([net.page(net.outside, `${HOST}:8080`), net.page(net.host, "127.0.0.1:8080"), net.pageIn("asker", "web"), net.pageIn("asker", `${OUTSIDE}:8000`), net.pageIn("asker", `${HOST}:8080`)]);
const WELL = ["web", "web", "web", HOST, "web"];

/** As ufw has it after `ufw enable`. */
const UFW = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:ufw-before-forward - [0:0]\n-A FORWARD -j ufw-before-forward\n-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n";
/** The shape of firewalld's: a chain that accepts by policy and refuses in its last rule. */
const FIREWALLD = "table inet firewalld { chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state { established, related } accept; ct status dnat accept; iifname \"lo\" accept; ct state invalid drop; reject with icmpx admin-prohibited; }; }";

rootTest("reload puts right what others flushed or closed while containers run; what they made stays", async () => {
  await net.background(net.outside, tellPeer(8000));
  await net.ok("network", "create", "kept");
  await net.serve("web", ["--network", "kept", "-p", "8080:80"]);
  await net.sleep("asker", "--network", "kept");
  expect(await state()).toEqual(WELL);
  const inHost = async (script: string): Promise<void> => expect(await net.inside(["sh", "-c", script])).toMatchObject({ code: 0, err: "" });
  await inHost("nft flush ruleset");
  expect(await net.page(net.outside, `${HOST}:8080`)).not.toBe("web");
  await net.ok("network", "reload");
  expect(await state()).toEqual(WELL);
  await inHost(`printf '${UFW.replaceAll("\n", "\\n")}' | iptables-nft-restore`);
  await net.ok("network", "reload");
  expect(await state()).toEqual(WELL);
  expect((await net.inside(["iptables-nft", "-S", "FORWARD"])).out).toMatch(/^-P FORWARD DROP\n[^]*-j ufw-before-forward/);
  await inHost("nft flush ruleset");
  await inHost(`nft '${FIREWALLD}'`);
  await net.ok("network", "reload");
  expect(await state()).toEqual(WELL);
  // Once is enough.
  await net.ok("network", "reload");
  expect((await net.inside(["nft", "list", "table", "inet", "firewalld"])).out.match(/accept comment "mdk/g) ?? []).toHaveLength(2);
  await net.ok("rm", "-f", "web", "asker");
  expect((await net.inside(["nft", "list", "ruleset"])).out).not.toMatch(/8080/);
  await net.ok("clean", "-f");
  expect((await net.inside(["nft", "list", "ruleset"])).out).not.toContain("mdk");
});
