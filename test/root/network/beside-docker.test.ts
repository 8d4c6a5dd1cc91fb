/** A running dockerd of Debian's in the same network namespace, whichever was there first: each goes on as if it were alone. */
import { afterAll, expect } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDockerd, type Dockerd } from "../../helpers/dockerd.ts";
import { HOST, net, OUTSIDE, tellPeer, useNetworkStage } from "../../helpers/network-stage.ts";

const rootTest = useNetworkStage("dockerd", "docker", "iptables");

const folder = mkdtempSync(join(tmpdir(), "mdk-beside-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function docker(peer: Dockerd, ...args: readonly string[]): string {
  const { status, stdout, stderr } = peer.docker(...args);
  expect([args.join(" "), status, status === 0 ? "" : stderr]).toEqual([args.join(" "), 0, ""]);
  return stdout.trim();
}

/** An image "web" of busybox for docker. */
function importWeb(peer: Dockerd): void {
  mkdirSync(join(folder, "root/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(folder, "root/bin/busybox"));
  chmodSync(join(folder, "root/bin/busybox"), 0o755);
  for (const name of ["sh", "httpd", "mkdir", "wget", "timeout"]) symlinkSync("busybox", join(folder, "root/bin", name));
  expect(Bun.spawnSync(["tar", "-C", join(folder, "root"), "-cf", join(folder, "root.tar"), "."]).exitCode).toBe(0);
  docker(peer, "import", join(folder, "root.tar"), "web");
  rmSync(join(folder, "root"), { recursive: true });
}

const begin = (peer: Dockerd, port: number, ...flags: readonly string[]): string =>
  docker(peer, "run", "-d", "--name", `docker${port}`, "-p", `${port}:80`, ...flags, "web", "sh", "-c", "mkdir -p /www; echo docker >/www/index.html; exec httpd -f -p 80 -h /www");
const outwards = (peer: Dockerd, name: string): string => peer.docker("exec", name, "timeout", "1", "wget", "-q", "-O", "-", `http://${OUTSIDE}:8000/`).stdout.trim();

/** Ports of both from outside and from the host, the way out of both, and that theirs do not reach into ours. */
async function check(peer: Dockerd, own: readonly [port: number, name: string], theirs: number): Promise<void> {
  const [port, name] = own;
  expect(await Promise.all([net.page(net.outside, `${HOST}:${port}`), net.page(net.host, `127.0.0.1:${port}`), net.page(net.outside, `${HOST}:${theirs}`), net.page(net.host, `127.0.0.1:${theirs}`), net.pageIn(name, `${OUTSIDE}:8000`)])).toEqual([name, name, "docker", "docker", HOST]);
  expect(outwards(peer, `docker${theirs}`)).toBe(HOST);
  const at = await net.ok("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name);
  expect(peer.docker("exec", `docker${theirs}`, "timeout", "1", "wget", "-q", "-O", "-", `http://${at}/`).stdout).toBe("");
  // Nor ours into theirs, but by what they publish.
  const their = docker(peer, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", `docker${theirs}`);
  expect(await Promise.all([net.pageIn(name, their), net.pageIn(name, `${HOST}:${theirs}`)])).toEqual(["", "docker"]);
}

rootTest("mdk first, dockerd then, and mdk anew: networks of both lead out and publish, and rules and subnets of each are its own", async () => {
  await net.background(net.outside, tellPeer(8000));
  await net.ok("network", "create", "own");
  await net.serve("first", ["-p", "8080:80"]);
  await net.serve("second", ["--network", "own", "-p", "8081:80"]);
  // Where it finds forwarding off Docker closes the chain: with mdk's containers there already, the harder case.
  await net.inside(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  const peer = startDockerd(net.host);
  try {
    importWeb(peer);
    expect((await net.inside(["iptables", "-S", "FORWARD"])).out).toContain("-P FORWARD DROP");
    begin(peer, 9090);
    docker(peer, "network", "create", "theirs");
    begin(peer, 9091, "--network", "theirs");
    docker(peer, "network", "create", "more");
    const forwards = (): Promise<string> => net.inside(["iptables", "-S"]).then(({ out }) => out.replace(/^.*mdk-.*\n/gm, ""));
    const before = await forwards();
    // What runs already is cut off by Docker's policy until the next command that sees to the firewall.
    await net.ok("network", "reload");
    await check(peer, [8080, "first"], 9090);
    await check(peer, [8081, "second"], 9091);
    await net.serve("third", ["--network", "own", "-p", "8082:80"]);
    await check(peer, [8082, "third"], 9090);
    // Theirs are as they were: our two rules are beside them.
    expect(await forwards()).toBe(before);
    // Networks of one do not take subnets of the other.
    await net.ok("network", "create", "more");
    const subnets = [...(await net.inside(["ip", "-4", "route"])).out.matchAll(/^([\d.]+\/\d+) dev/gm)].map(([, subnet]) => subnet);
    expect(new Set(subnets).size).toBe(subnets.length);
    const taken = await net.mdk("run", "--rm", "-p", "9090:80", net.busybox, "true");
    expect([taken.code, taken.err]).toEqual([125, expect.stringMatching(/9090.*(already in use|already allocated)/) as unknown as string]);
    expect(peer.docker("run", "--rm", "-p", "8080:80", "web", "true")).toMatchObject({ status: 125, stderr: expect.stringMatching(/8080.*(already in use|already allocated)/) as unknown as string });
    // mdk goes whole, and theirs goes on.
    await net.ok("clean", "-f");
    expect(await net.page(net.outside, `${HOST}:9090`)).toBe("docker");
    expect(outwards(peer, "docker9091")).toBe(HOST);
    expect((await net.inside(["iptables", "-S"])).out).toBe(before);
    // And comes again, now second.
    await net.serve("again", ["-p", "8080:80"]);
    await check(peer, [8080, "again"], 9091);
  } finally {
    peer.stop();
  }
  // Theirs gone, with the policy that it leaves behind.
  expect(await net.page(net.outside, `${HOST}:8080`)).toBe("again");
}, 60_000);
