/** Networks as somebody meets them first: two containers that call each other, one that publishes a port, one that asks the world, three services. */
import { afterEach, expect } from "bun:test";
import { HOST, HOST6, listening, net, OUTSIDE, tellPeer, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage();
afterEach(async () => {
  if (net === undefined) return;
  const ids = (await net.ok("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (ids.length > 0) await net.ok("rm", "-f", ...ids);
  await net.ok("network", "prune", "-f");
});

const pinged = async (from: string, to: string): Promise<boolean> => (await net.sh(from, `ping -c 1 -W 1 ${to}`)).includes("1 packets received");

rootTest("the default network tells subnet, gateway, bridge and MTU before anybody is on it, and makes nothing for that", async () => {
  const shown = '{{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}} {{index .Options "com.docker.network.bridge.name"}} {{index .Options "com.docker.network.driver.mtu"}}';
  const before = await net.ok("network", "inspect", "-f", shown, "bridge");
  expect(before).toMatch(/^172\.17\.0\.0\/16 172\.17\.0\.1 mdk-[0-9a-f]{6} 1500$/);
  const bridges = async (): Promise<string> => (await net.inside(["ip", "-br", "-4", "addr", "show", "type", "bridge"])).out;
  expect(await bridges()).toBe("");
  await net.sleep("first");
  expect(await net.ok("network", "inspect", "-f", shown, "bridge")).toBe(before);
  expect(await bridges()).toMatch(new RegExp(`^${before.split(" ")[2]} .* 172.17.0.1/16`));
});

rootTest("two containers on a network with a subnet reach each other by name", async () => {
  const id = await net.ok("network", "create", "--driver", "bridge", "--subnet", "192.168.10.1/24", "testbridge");
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  await net.sleep("one", "--network", "testbridge");
  await net.sleep("two", "--network", "testbridge");
  expect(await Promise.all([pinged("one", "two"), pinged("two", "one"), pinged("one", "one"), pinged("one", "two.testbridge"), pinged("one", "three")])).toEqual([true, true, true, true, false]);
  expect(await Promise.all(["one", "two"].map((name) => net.field(name, "testbridge", "IPAddress")))).toEqual(["192.168.10.2", "192.168.10.3"]);
  expect(await net.field("one", "testbridge", "Gateway")).toBe("192.168.10.1");
  const seen = JSON.parse((await net.inside(["nsenter", "-t", await net.ok("inspect", "-f", "{{.State.Pid}}", "one"), "-n", "ip", "-j", "addr", "show", "eth0"])).out) as [{ addr_info: { local: string; prefixlen: number }[] }];
  expect(seen[0].addr_info).toContainEqual(expect.objectContaining({ local: "192.168.10.2", prefixlen: 24 }) as never);
});

rootTest("-p 80:80 answers from outside, from the host and from another container", async () => {
  await net.serve("web", ["-p", "80:80"]);
  await net.sleep("other");
  expect(await Promise.all([net.page(net.outside, HOST), net.page(net.host, "127.0.0.1"), net.page(net.host, HOST), net.pageIn("other", HOST)])).toEqual(["web", "web", "web", "web"]);
  // By IPv6 as well, which the container has not.
  expect(await Promise.all([net.page(net.outside, `[${HOST6}]`), net.page(net.host, "[::1]"), net.page(net.host, `[${HOST6}]`)])).toEqual(["web", "web", "web"]);
  expect(await net.ok("port", "web")).toBe("80/tcp -> 0.0.0.0:80\n80/tcp -> [::]:80");
});

rootTest("one port of two containers is published on two, and each answers with its own text", async () => {
  for (const [index, port] of [50001, 50002].entries()) {
    await net.ok("run", "-d", "--name", `echo${index}`, "-p", `${port}:5678`, net.busybox, "sh", "-c", `mkdir /www; echo text ${index} >/www/index.html; exec httpd -f -p 5678 -h /www`);
    await net.sh(`echo${index}`, listening(5678));
  }
  expect(await Promise.all([50001, 50002].flatMap((port) => [net.page(net.outside, `${HOST}:${port}`), net.page(net.host, `127.0.0.1:${port}`)]))).toEqual(["text 0", "text 0", "text 1", "text 1"]);
});

rootTest("a server outside is reached, and sees the host's address", async () => {
  await net.background(net.outside, tellPeer(8000));
  await net.ok("network", "create", "mine");
  await net.sleep("one");
  await net.sleep("two", "--network", "mine");
  expect(await Promise.all(["one", "two"].map((name) => net.pageIn(name, `${OUTSIDE}:8000`)))).toEqual([HOST, HOST]);
});

rootTest("three services on two networks: the web knows the api, the api knows the database, and the web does not", async () => {
  for (const name of ["front", "back"]) await net.ok("network", "create", name);
  await net.serve("app-db-1", ["--network", "name=back,alias=db"], "rows");
  await net.serve("app-api-1", ["--network", "name=front,alias=api", "--network", "name=back,alias=api"], "json");
  await net.serve("app-web-1", ["--network", "name=front,alias=web", "-p", "8080:80"], "page");
  expect(await Promise.all([net.pageIn("app-web-1", "api"), net.pageIn("app-api-1", "db"), net.pageIn("app-api-1", "web"), net.pageIn("app-db-1", "api"), net.pageIn("app-web-1", "db"), net.pageIn("app-web-1", await net.field("app-db-1", "back", "IPAddress"))]))
    .toEqual(["json", "rows", "page", "json", "", ""]);
  expect(await net.page(net.outside, `${HOST}:8080`)).toBe("page");
  // One more of a service: both have its name.
  await net.serve("app-api-2", ["--network", "name=front,alias=api", "--network", "name=back,alias=api"], "json");
  const addresses = await Promise.all(["app-api-1", "app-api-2"].map((name) => net.field(name, "front", "IPAddress")));
  expect([...(await net.sh("app-web-1", "nslookup api")).matchAll(/^Address(?: \d+)?: ([\d.]+)$/gm)].map(([, address]) => address).sort()).toEqual(addresses.sort());
  await net.ok("rm", "-f", "app-api-1");
  expect(await net.pageIn("app-web-1", "api")).toBe("json");
});
