/** What each key of daemon.json does to containers, networks and the store, seen by the container or by the kernel. */
import { afterAll, afterEach, beforeAll, expect } from "bun:test";
import { existsSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../../src/cgroup/detect.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Ended, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync("dist/mdk") && ["ip", "nft"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk, iproute2 and nft");

/** Its administrator's: mdk leaves it. */
const PARENT = `/mdk-config-test-${process.pid}`;

let stage: Stage;
let image = "";
let file = "";

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()], { Cmd: ["sleep", "1000"] });
  file = join(mkdtempSync(join(stage.folder, "etc-")), "daemon.json");
});
afterEach(async () => {
  const ids = (await stage.mdk("ps", "-aq")).out.split("\n").filter((id) => id !== "");
  if (ids.length > 0) await stage.mdk("rm", "-f", ...ids);
});
afterAll(async () => {
  if (!able) return;
  await stage.end();
  for (const path of detectCgroups().hierarchies.map(({ mountpoint }) => join(mountpoint, PARENT))) if (existsSync(path)) rmdirSync(path);
});

const write = (settings: object): void => writeFileSync(file, JSON.stringify(settings));
const mdk = (...args: readonly string[]): Promise<Ended> => stage.mdk("--config-file", file, ...args);
const out = async (...args: readonly string[]): Promise<string> => {
  const { code, out: text, err } = await mdk(...args);
  if (code !== 0) throw new Error(`mdk ${args.join(" ")}: ${err}`);
  return text.trimEnd();
};

rootTest("containers get what nobody asked for otherwise, and flags count before it", async () => {
  const profile = join(stage.folder, "profile.json");
  writeFileSync(profile, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }] }));
  write({
    "log-driver": "local", "log-opts": { "max-file": "2" }, dns: ["192.0.2.53"], "dns-search": ["example.test"], "dns-opts": ["ndots:3"], "default-shm-size": "8M",
    "default-ulimits": { nofile: { Name: "nofile", Soft: 64, Hard: 128 } }, "default-ipc-mode": "shareable", "default-cgroupns-mode": "host", "cgroup-parent": PARENT,
    init: true, "no-new-privileges": true, "seccomp-profile": profile,
  });
  const script = "ulimit -n; ulimit -Hn; cat /etc/resolv.conf; grep -o 'size=[0-9]*k' /proc/mounts | tail -n 1; cat /proc/1/comm; grep NoNewPrivs /proc/self/status; mkdir /x || true";
  const seen = await mdk("run", "--rm", image, "sh", "-c", `${script}; cat /proc/self/cgroup`);
  expect(seen.out).toContain("64\n128\nsearch example.test\nnameserver 192.0.2.53\noptions ndots:3\n");
  expect(seen.out).toContain("NoNewPrivs:\t1");
  expect(seen.out).toContain(`${PARENT}/`);
  expect(seen.out).not.toContain("\nsh\n");
  expect(seen.err).toContain("can't create directory '/x': Operation not permitted");
  await out("create", "--name", "c1", image);
  const format = "{{json .HostConfig.LogConfig}} {{.HostConfig.IpcMode}} {{.HostConfig.CgroupnsMode}} {{.HostConfig.ShmSize}} {{.HostConfig.CgroupParent}}";
  expect(await out("inspect", "-f", format, "c1")).toBe(`{"Type":"local","Config":{"max-file":"2"}} shareable host 8388608 ${PARENT}`);

  const flags = ["--dns", "192.0.2.54", "--ulimit", "nofile=32:32", "--init=false", "--security-opt", "no-new-privileges=false", "--security-opt", "seccomp=builtin", "--shm-size", "1M", "--cgroupns", "private"];
  const asked = await mdk("run", "--rm", ...flags, image, "sh", "-c", `${script}; cat /proc/self/cgroup`);
  expect(asked.out).toContain("32\n32\nsearch example.test\nnameserver 192.0.2.54\n");
  expect(asked.out).toContain("\nsh\nNoNewPrivs:\t0");
  expect(asked.out).not.toContain(`${PARENT}/`);
  expect(asked.err).toBe("");
  await out("create", "--name", "c2", "--log-opt", "max-size=1m", "--ipc", "private", image);
  await out("create", "--name", "c3", "--log-driver", "json-file", "--cgroup-parent", "/other", image);
  expect(await out("inspect", "-f", format, "c2", "c3")).toBe(
    `{"Type":"local","Config":{"max-file":"2","max-size":"1m"}} private host 8388608 ${PARENT}\n{"Type":"json-file","Config":{}} shareable host 8388608 /other`);
});

rootTest("no default is in the way of what a container is asked to be", async () => {
  write({ dns: ["192.0.2.53"], "dns-search": ["example.test"], "default-ipc-mode": "shareable", "log-opts": { "max-size": "1m" }, "no-new-privileges": true, "seccomp-profile": "unconfined", "default-ulimits": { nofile: { Name: "nofile", Soft: 64, Hard: 128 } } });
  await out("run", "-d", "--name", "first", image);
  expect(await out("run", "--rm", "--network", "container:first", "--ipc", "container:first", "--pid", "container:first", image, "cat", "/etc/resolv.conf")).toContain("nameserver 192.0.2.53");
  for (const flags of [["--privileged"], ["--network", "none"], ["--network", "host"], ["--log-driver", "none"], ["--ipc", "host"], ["--uts", "host"]]) expect([flags, await mdk("run", "--rm", ...flags, image, "true")]).toEqual([flags, { code: 0, out: "", err: "" }]);
  expect(await out("run", "--rm", image, "cat", "/proc/self/status")).toContain("Seccomp:\t0\n");
});

rootTest("networks: pools, the default network's subnet, and the options of both", async () => {
  write({ "default-address-pools": [{ base: "10.99.0.0/16", size: 24 }], "default-network-opts": { bridge: { "com.docker.network.driver.mtu": "1300" } }, bip: "10.77.0.9/24", "fixed-cidr": "10.77.0.128/25", mtu: 1350, ip: "127.0.0.1", icc: false });
  const addresses = ["ip", "-4", "-o", "addr", "show", "dev", "eth0"];
  const routes = "ip -4 -o addr show dev eth0; ip route; cat /sys/class/net/eth0/mtu";
  const inside = await out("run", "--rm", image, "sh", "-c", routes);
  expect(inside).toMatch(/inet 10\.77\.0\.1(2[89]|[3-9]\d)\/24/);
  expect(inside).toContain("default via 10.77.0.9 ");
  expect(inside).toEndWith("\n1350");
  await out("run", "-d", "--name", "web", "-p", "8080:80", image);
  expect(await out("port", "web")).toBe("80/tcp -> 127.0.0.1:8080");
  await out("run", "-d", "--name", "other", "-p", "0.0.0.0:8081:80", image);
  expect(await out("port", "other")).toBe("80/tcp -> 0.0.0.0:8081");
  const address = /inet ([\d.]+)/.exec(await out("exec", "web", ...addresses))![1]!;
  expect((await mdk("exec", "other", "ping", "-c", "1", "-W", "1", address)).code).not.toBe(0);

  await out("network", "create", "mine");
  await out("network", "create", "-o", "com.docker.network.driver.mtu=1200", "yours");
  expect(await out("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}} {{json .Options}}", "mine", "yours")).toMatch(/^10\.99\.\d+\.0\/24 \{"com\.docker\.network\.driver\.mtu":"1300"\}\n10\.99\.\d+\.0\/24 \{"com\.docker\.network\.driver\.mtu":"1200"\}$/);
  expect(await out("run", "--rm", "--network", "yours", image, "cat", "/sys/class/net/eth0/mtu")).toBe("1200");
  await out("network", "rm", "mine", "yours");

  // Another subnet counts when nobody is on the network any more.
  write({ bip: "10.78.0.1/24" });
  expect(await out("run", "--rm", image, ...addresses)).toContain("inet 10.77.0.");
  await out("rm", "-f", "web", "other");
  expect(await out("run", "--rm", image, ...addresses)).toContain("inet 10.78.0.2/24");
  expect((await stage.inside(["ip", "-4", "-o", "addr"])).out).not.toContain("10.77.0.");
});

rootTest("networks: IPv6 of the default network and pools of it, when nobody is on it any more", async () => {
  const addresses = ["sh", "-c", "ip -6 -o addr show dev eth0 scope global; ip -6 route show default"];
  write({});
  await out("run", "-d", "--name", "stays", image);
  write({ ipv6: true, "fixed-cidr-v6": "2001:db8:77::/64", "default-address-pools": [{ base: "2001:db8:100::/40", size: 64 }, { base: "10.99.0.0/16", size: 24 }] });
  expect(await out("run", "--rm", image, ...addresses)).toBe("");
  await out("rm", "-f", "stays");
  const inside = await out("run", "--rm", image, ...addresses);
  expect(inside).toMatch(/inet6 2001:db8:77::[0-9a-f:]+\/64 /);
  expect(inside).toMatch(/^default via 2001:db8:77::1 dev eth0/m);
  expect(await out("network", "inspect", "-f", "{{.EnableIPv6}} {{range .IPAM.Config}}{{.Subnet}} {{end}}", "bridge")).toMatch(/^true [0-9./]+ 2001:db8:77::\/64$/);
  await out("network", "create", "--ipv6", "pooled");
  expect(await out("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}", "pooled")).toMatch(/^10\.99\.\d+\.0\/24 2001:db8:100::\/64$/);
  await out("network", "rm", "pooled");
  write({ ipv6: true, bip6: "2001:db8:78::9/64", "fixed-cidr-v6": "2001:db8:78::8000/113" });
  expect(await out("run", "--rm", image, ...addresses)).toMatch(/inet6 2001:db8:78::[89a-f][0-9a-f]{3}\/64 [^]*default via 2001:db8:78::9 /);
  write({});
  expect(await out("run", "--rm", image, ...addresses)).toBe("");
  expect((await stage.inside(["ip", "-6", "-o", "addr"])).out).not.toContain("2001:db8:7");
});

rootTest("where the store is: flag, then environment, then the file", async () => {
  write({ "data-root": join(stage.folder, "file-root"), "exec-root": join(stage.folder, "file-run"), "storage-driver": "overlay2" });
  const info = async (words: readonly string[], environment: readonly string[] = []): Promise<string> =>
    (await stage.inside(["env", ...environment, stage.command()[0]!, ...words, "info", "-f", "{{.DockerRootDir}} {{.RunRoot}} {{.ConfigFile}}"])).out.trim().replaceAll(`${stage.folder}/`, "");
  const name = file.replace(`${stage.folder}/`, "");
  expect(await info(["--config-file", file])).toBe(`file-root file-run ${name}`);
  expect(await info([], [`MDK_CONFIG_FILE=${file}`])).toBe(`file-root file-run ${name}`);
  expect(await info(["--config-file", file], [`MDK_ROOT=${stage.folder}/env-root`])).toBe(`env-root file-run ${name}`);
  expect(await info(["--config-file", file, "--root", `${stage.folder}/flag-root`, "--run-root", `${stage.folder}/flag-run`], [`MDK_ROOT=${stage.folder}/env-root`])).toBe(`flag-root flag-run ${name}`);
  write({ "storage-driver": "tmpfs" });
  expect((await mdk("info")).err).toContain("is on overlay2, not on tmpfs");
});

rootTest("what is wrong stops a command with the place, what means nothing is told by info", async () => {
  writeFileSync(file, '{\n  "dnss": []\n}');
  expect(await mdk("run", "--rm", image, "true")).toEqual({ code: 125, out: "", err: `mdk: ${file}:2:3: unknown key "dnss"; did you mean "dns"?\n` });
  expect(await mdk("ps")).toMatchObject({ code: 1, out: "" });
  expect(await stage.mdk("--config-file", `${file}.not`, "ps")).toMatchObject({ code: 1, err: `mdk: unable to configure mdk with file ${file}.not: open ${file}.not: no such file or directory\n` });
  writeFileSync(file, "{".padEnd((1 << 20) + 1));
  expect((await mdk("ps")).err).toContain("it is larger than 1 MiB");
  write({ "live-restore": true, hosts: ["unix:///x"], "registry-mirrors": { "registry.test": ["https://mirror.test"] }, "insecure-registries": ["other.test:5000", "192.0.2.0/24"], "default-address-pools": [{ base: "10.9.0.0/16", size: 24 }], proxies: { "http-proxy": "http://192.0.2.1:3128" } });
  expect(await mdk("ps", "-q")).toEqual({ code: 0, out: "", err: "" });
  const told = await mdk("info");
  expect(told.err).toContain(`WARNING: ${file}: these keys mean nothing to mdk: hosts, live-restore`);
  expect(told.out).toContain(" Registry Mirrors:\n  https://mirror.test/ (registry.test)\n");
  expect(told.out).toContain(" Insecure Registries:\n  other.test:5000\n  192.0.2.0/24\n  ::1/128\n");
  expect(told.out).toContain(" Default Address Pools:\n   Base: 10.9.0.0/16, Size: 24\n");
  expect(await out("info", "-f", "{{.HttpProxy}}")).toBe("http://192.0.2.1:3128");
});

rootTest("a container that is started again by its monitor is on the network as configured; its cleanup needs no file", async () => {
  write({ bip: "10.79.0.1/24" });
  await out("run", "-d", "--name", "again", "--restart", "on-failure:1", image, "sh", "-c", "ip -4 -o addr show dev eth0; exit 1");
  for (let tries = 0; tries < 100 && (await out("logs", "again")).split("\n").length < 2; tries++) await Bun.sleep(50);
  expect((await out("logs", "again")).match(/inet 10\.79\.0\./g)?.length).toBe(2);
  await out("run", "-d", "--rm", "--name", "gone", image, "sleep", "1000");
  const pid = Number(await out("inspect", "-f", "{{.State.Pid}}", "gone"));
  writeFileSync(file, "{");
  process.kill(pid, "SIGKILL");
  const names = async (): Promise<string> => (await stage.mdk("ps", "-a", "--format", "{{.Names}}")).out;
  for (let tries = 0; tries < 100 && (await names()).includes("gone"); tries++) await Bun.sleep(50);
  expect(await names()).toBe("again\n");
  rmSync(file);
});
