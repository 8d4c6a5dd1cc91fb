/** Who reaches whom, tried from where each could: real containers on networks of every kind, by IPv4 and IPv6. */
import { beforeAll, describe, expect } from "bun:test";
import { isRoot } from "../../helpers/requires.ts";
import { HOST, HOST6, net, OUTSIDE, OUTSIDE6, tellPeer, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage();

/** By name: the address on its network. */
const at: Record<string, string> = {};

async function place(network: string, name: string, ...flags: string[]): Promise<void> {
  await net.serve(name, ["--network", network, ...flags]);
  at[name] = await net.field(name, network, "IPAddress");
  at[`${name}6`] = await net.field(name, network, "GlobalIPv6Address");
}

beforeAll(async () => {
  if (!isRoot) return;
  await net.ok("network", "create", "--ipv6", "red");
  await net.ok("network", "create", "--ipv6", "--subnet", "10.70.0.0/24", "--subnet", "fd70::/64", "blue");
  await net.ok("network", "create", "--ipv6", "--internal", "inner");
  await net.ok("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "apart");
  await place("red", "red1", "-p", "8080:80");
  await place("red", "red2", "-p", "127.0.0.1:8081:80", "-p", "[::1]:8081:80");
  await place("blue", "blue1", "-p", `${HOST}:8082:80`);
  await place("inner", "inner1", "-p", "8083:80");
  await place("inner", "inner2");
  await place("apart", "apart1", "-p", "8084:80");
  await place("apart", "apart2");
  await place("bridge", "plain");
  await net.background(net.outside, tellPeer(8000));
  // The outside knows the way to every container, and to 127.0.0.1, by the host.
  for (const route of ["172.16.0.0/12", "10.70.0.0/24"]) await net.inside(["ip", "route", "add", route, "via", HOST], net.outside);
  for (const route of ["fc00::/8", "fd00::/8"]) await net.inside(["ip", "-6", "route", "add", route, "via", HOST6], net.outside);
  await net.inside(["sh", "-c", `sysctl -qw net.ipv4.conf.eth0.route_localnet=1; ip route add table local 127.0.0.0/8 via ${HOST} dev eth0; ip route del table local 127.0.0.0/8 dev lo; ip addr del 127.0.0.1/8 dev lo`], net.outside);
});

const CLOSED = expect.stringMatching(/^curl (7|28)$/) as unknown as string;
const allClosed = (pages: readonly string[]): void => expect(pages).toEqual(pages.map(() => CLOSED));

describe("from outside", () => {
  rootTest("published ports answer, by IPv4 and IPv6, and on the address that was named", async () => {
    expect(await Promise.all([`${HOST}:8080`, `[${HOST6}]:8080`, `${HOST}:8082`, `${HOST}:8084`, `[${HOST6}]:8084`].map((address) => net.page(net.outside, address)))).toEqual(["red1", "red1", "blue1", "apart1", "apart1"]);
  });

  rootTest("containers do not, published elsewhere or not at all, nor does a port of the loopback address", async () => {
    const containers = ["red1", "red2", "blue1", "inner1", "apart2", "plain"].map((name) => at[name]!);
    const sixes = ["red1", "red2", "blue1", "inner1"].map((name) => `[${at[`${name}6`]}]`);
    allClosed(await Promise.all([...containers, ...sixes, `${HOST}:8081`, `[${HOST6}]:8081`, `[${HOST6}]:8082`, "127.0.0.1:8081", "127.0.0.1:8080", `${HOST}:8083`].map((address) => net.page(net.outside, address))));
  });
});

describe("from the host", () => {
  rootTest("by 127.0.0.1, its addresses, the bridges' and the containers' own", async () => {
    const asked = ["127.0.0.1:8080", "127.0.0.1:8081", "[::1]:8080", "[::1]:8081", "[::1]:8084", `${HOST}:8080`, `[${HOST6}]:8080`, at["red1"]!, `[${at["red16"]}]`, at["inner1"]!, at["apart2"]!];
    expect(await Promise.all(asked.map((address) => net.page(net.host, address)))).toEqual(["red1", "red2", "red1", "red2", "apart1", "red1", "red1", "red1", "red1", "inner1", "apart2"]);
    allClosed([await net.page(net.host, "127.0.0.1:8082"), await net.page(net.host, "[::1]:8082")]);
  });
});

describe("from a container", () => {
  const from = async (name: string, ...addresses: string[]): Promise<string[]> => await Promise.all(addresses.map((address) => net.pageIn(name, address)));

  rootTest("its own network by either family, and no other, by no way", async () => {
    expect(await from("red1", at["red2"]!, `[${at["red26"]}]`, "red2")).toEqual(["red2", "red2", "red2"]);
    expect(await from("red1", at["blue1"]!, `[${at["blue16"]}]`, at["inner1"]!, at["apart1"]!, at["plain"]!, "blue1", "plain")).toEqual(Array(7).fill(""));
    expect(await from("plain", at["red1"]!, at["blue1"]!, at["inner1"]!)).toEqual(["", "", ""]);
  });

  rootTest("its own published port and another network's, which is as much as the outside has", async () => {
    expect(await from("red1", `${HOST}:8080`, `[${HOST6}]:8080`, `${HOST}:8082`, `${HOST}:8084`)).toEqual(["red1", "red1", "blue1", "apart1"]);
    expect(await from("red2", `${HOST}:8080`, `${HOST}:8081`)).toEqual(["red1", ""]);
    expect(await from("plain", `${HOST}:8080`)).toEqual(["red1"]);
  });

  rootTest("a network without communication between containers lets each out and in by its ports, and to no other", async () => {
    expect(await from("apart1", at["apart2"]!, "apart2", `${OUTSIDE}:8000`)).toEqual(["", "", HOST]);
    expect(await from("apart2", `${HOST}:8084`)).toEqual(["apart1"]);
  });

  rootTest("an internal network has its own containers and nothing else, not even names or the host's other addresses", async () => {
    expect(await from("inner1", at["inner2"]!, "inner2", `[${at["inner26"]}]`)).toEqual(["inner2", "inner2", "inner2"]);
    expect(await from("inner1", `${OUTSIDE}:8000`, `[${OUTSIDE6}]:8000`, `${HOST}:8080`, at["red1"]!)).toEqual(["", "", "", ""]);
    expect(await net.sh("inner1", "ip route; ip -6 route | grep default")).not.toContain("default");
    // Also for who adds the route that is missing.
    await net.ok("run", "-d", "--name", "escapes", "--network", "inner", "--cap-add", "NET_ADMIN", net.busybox);
    const gateway = (await net.ok("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "inner"));
    expect(await net.sh("escapes", `ip route add default via ${gateway}; ip -6 route add default via fe80::1 dev eth0`)).toBe("");
    expect(await from("escapes", `${OUTSIDE}:8000`, `[${OUTSIDE6}]:8000`, at["red1"]!)).toEqual(["", "", ""]);
    // Nor is there a way by what a monitor serves: on the bridge's own addresses, or the host's others.
    const gateway6 = await net.field("inner1", "inner", "IPv6Gateway");
    await net.ok("run", "-d", "--name", "apart3", "--network", "apart", "-p", `[${HOST6}]:8085:80`, net.busybox, "sh", "-c", "mkdir /www; echo apart3 >/www/index.html; exec httpd -f -p 80 -h /www");
    for (let tries = 0; tries < 50 && (await net.page(net.outside, `[${HOST6}]:8085`)) !== "apart3"; tries++) await Bun.sleep(20);
    expect(await net.page(net.outside, `[${HOST6}]:8085`)).toBe("apart3");
    expect(await from("red1", `[${HOST6}]:8084`, `[${HOST6}]:8085`)).toEqual(["apart1", "apart3"]);
    expect(await from("escapes", `[${gateway6}]:8084`, `[fe80::1%eth0]:8084`, `[${HOST6}]:8084`, `[${HOST6}]:8085`)).toEqual(["", "", "", ""]);
    await net.ok("rm", "-f", "apart3");
  });
});

describe("outwards", () => {
  rootTest("the outside sees the host's address, of either family; nobody's router advertisement is taken", async () => {
    expect([await net.pageIn("red1", `${OUTSIDE}:8000`), await net.pageIn("red1", `[${OUTSIDE6}]:8000`), await net.pageIn("blue1", `[${OUTSIDE6}]:8000`)]).toEqual([HOST, HOST6, HOST6]);
    expect(await net.sh("red1", "cat /proc/sys/net/ipv6/conf/eth0/accept_ra")).toBe("0");
    expect(at["red16"]).toMatch(/^fd[0-9a-f]{2}:/);
    expect(at["blue16"]).toBe("fd70::2");
  });

  rootTest("a service sees who asks: outside, host, container", async () => {
    await net.ok("run", "-d", "--name", "tells", "-p", "8090:80", "--network", "red", net.busybox, "sh", "-c",
      "mkdir -p /www/cgi-bin; printf '#!/bin/sh\\necho; echo $REMOTE_ADDR\\n' >/www/cgi-bin/who; chmod +x /www/cgi-bin/who; exec httpd -f -p 80 -h /www");
    const bare = (text: string): string => text.trim().replace(/^\[?(::ffff:)?/, "").replace(/\]$/, "");
    const who = async (where: string, address: string): Promise<string> => bare((await net.inside(["curl", "-gs", "-m", "1", "--retry", "5", "--retry-connrefused", "--retry-delay", "0", `http://${address}:8090/cgi-bin/who`], where)).out);
    expect([await who(net.outside, HOST), await who(net.outside, `[${HOST6}]`)]).toEqual([OUTSIDE, OUTSIDE6]);
    const tells = await net.field("tells", "red", "IPAddress");
    expect(bare(await net.sh("red2", `timeout 1 wget -q -O - http://${tells}/cgi-bin/who`))).toBe(at["red2"]!);
  });
});
