/** What mdk refuses: Docker's words and statuses, before anything is done. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { startWorld } from "../helpers/mdk.ts";
import { hasTool, testIf } from "../helpers/requires.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
beforeAll(async () => {
  world = await startWorld("busybox");
  busybox = world.image("busybox");
});
afterAll(() => {
  try {
    const left = existsSync(join(world.root, "containers")) ? readdirSync(join(world.root, "containers")) : [];
    expect(left).toEqual([]);
  } finally {
    world?.close();
  }
});

/** Status and the first line of standard error. */
const refused = (...args: string[]): [number, string] => {
  const { status, stdout, stderr } = world.mdk(args);
  expect(stdout.replace("[]\n", "")).toBe("");
  return [status, stderr.split("\n")[0]!];
};

test("flags whose values make no sense", () => {
  const run = (...flags: string[]): string => {
    const [status, text] = refused("run", "--rm", ...flags, busybox, "true");
    expect({ flags, status }).toEqual({ flags, status: 125 });
    return text.replace(/^mdk: /, "");
  };
  expect(run("--memory", "5M")).toContain("Minimum memory limit allowed is 6MB");
  expect(run("--memory", "20M", "--memory-swap", "10M")).toContain("Minimum memoryswap limit should be larger than memory limit, see usage");
  expect(run("--memory-swap", "10M")).toContain("You should always set the Memory limit when using Memoryswap limit, see usage");
  expect(run("--cpus", "10000")).toContain("Range of CPUs is from 0.01 to");
  expect(run("--cpuset-cpus", "99999")).toMatch(/99999/);
  expect(run("-p", "70000:80")).toBe("invalid hostPort: 70000");
  expect(run("-p", "80:80/abc")).toBe("invalid proto: abc");
  expect(run("-p", "1-3:5-6")).toContain("invalid ranges specified for container and host Ports");
  expect(run("-w", "relative")).toBe("the working directory 'relative' is invalid, it needs to be an absolute path");
  expect(run("-v", "a:b:c:d")).toContain("invalid volume specification: 'a:b:c:d'");
  expect(run("-v", "/tmp:relative")).toContain("invalid mount path: 'relative' mount path must be absolute");
  expect(run("--name", "bad name")).toBe("Invalid container name (bad name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
  expect(run("--cap-add", "NONSENSE")).toContain('unknown capability: "NONSENSE"');
  expect(run("--network", "nowhere")).toBe("network nowhere not found");
  expect(run("--pull", "sometimes")).toBe(`invalid pull option: 'sometimes': must be one of "always", "missing" or "never"`);
  expect(run("--env-file", "/no/such/file")).toBe("open /no/such/file: no such file or directory");
  expect(run("--stop-signal", "NONSENSE")).toContain("NONSENSE");
  expect(run("--init=perhaps")).toContain('invalid argument "perhaps" for "--init" flag');
  expect(run("--gpus", "all")).toContain("--gpus is not supported by this version of mdk");
  expect(refused("run", "--rm", "UPPER")).toEqual([125, "mdk: invalid reference format: repository name (library/UPPER) must be lowercase"]);
  expect(world.ok("ps", "-aq")).toBe("");
});

test("unknown flags and commands name the near one", () => {
  expect(world.mdk(["run", "--port", "80:80", busybox])).toMatchObject({ status: 125, stderr: expect.stringMatching(/^unknown flag: --port\n.*--publish/) });
  expect(world.mdk(["run", "--detatch", busybox])).toMatchObject({ status: 125, stderr: expect.stringMatching(/^unknown flag: --detatch\n.*--detach\?/) });
  expect(world.mdk(["rnu"])).toMatchObject({ status: 1, stderr: expect.stringMatching(/unknown command: mdk rnu[^]*mdk run/) });
  expect(world.mdk(["swarm"])).toMatchObject({ status: 1, stderr: expect.stringContaining("not supported by this version of mdk") });
  expect(world.mdk(["container", "frob"]).status).toBe(1);
});

test("names and ports that are taken", () => {
  const id = world.ok("run", "-d", "--name", "taken", "-p", "127.0.0.1::80", busybox, "sleep", "1000");
  const port = world.inspect("taken", '(index .NetworkSettings.Ports "80/tcp")'.replace(/^.*$/, ".NetworkSettings.Ports"));
  const number = /HostPort:(\d+)/.exec(port)?.[1] ?? "";
  expect(refused("run", "-d", "--name", "taken", busybox, "true")).toEqual([125, `mdk: Conflict. The container name "/taken" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`]);
  const [status, text] = refused("run", "-d", "-p", `127.0.0.1:${number}:80`, busybox, "true");
  expect(status).toBe(125);
  expect(text).toContain(`Bind for 127.0.0.1:${number} failed: port is already allocated`);
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  expect(refused("run", "-d", "-p", `127.0.0.1:${listener.port}:80`, busybox, "true")).toMatchObject([125, expect.stringContaining(String(listener.port))]);
  listener.stop();
  expect(world.ok("ps", "-aq")).toBe(id.slice(0, 12));
  world.ok("rm", "-f", "taken");
});

test("DOCKER_HOST is refused, and whoever is not root is told so", () => {
  expect(world.mdk(["ps"], { environment: { DOCKER_HOST: "tcp://127.0.0.1:1" } })).toMatchObject({ status: 1, stderr: expect.stringContaining("DOCKER_HOST is set (tcp://127.0.0.1:1)") });
  expect(world.mdk(["run", busybox], { environment: { DOCKER_HOST: "unix:///x" } }).status).not.toBe(0);
  for (const command of [["ps"], ["run", busybox, "true"]]) {
    const { status, stderr } = world.mdk(command, { prefix: ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] });
    expect([status > 0, stderr.split("\n")[0]]).toEqual([true, "mdk: mdk must run as root"]);
  }
});

test("objects that are not there", () => {
  for (const command of ["start", "stop", "kill", "rm", "wait", "logs", "attach", "export"]) {
    expect([command, ...refused(command, "missing")]).toEqual([command, 1, "mdk: No such container: missing"]);
  }
  expect(refused("exec", "missing", "true")).toEqual([1, "mdk: No such container: missing"]);
  expect(refused("inspect", "missing")).toMatchObject([1, expect.stringMatching(/no such object: missing/i)]);
  expect(refused("image", "inspect", "missing")).toMatchObject([1, expect.stringMatching(/no such image: missing/i)]);
  expect(refused("run", "--pull", "never", "missing")).toMatchObject([125, expect.stringContaining("No such image: missing")]);
});

/** Usage errors are the client's own: no daemon is asked. */
const USAGE: readonly (readonly string[])[] = [
  ["run"], ["run", "--memory", "abc", "IMAGE"], ["run", "--cpus", "abc", "IMAGE"], ["run", "--nosuch", "IMAGE"], ["run", "-y", "IMAGE"], ["run", "-p", "abc", "IMAGE"],
  ["run", "-p", "1:99999", "IMAGE"], ["run", "--init=perhaps", "IMAGE"], ["run", "--pids-limit", "x", "IMAGE"], ["run", "--shm-size", "abc", "IMAGE"], ["run", "--add-host", "abc", "image"],
  ["run", "--dns", "abc", "image"], ["run", "-d", "-a", "stdout", "image"], ["run", "-it", "image"], ["run", "--rm", "--restart", "always", "image"], ["run", "--memory"],
  ["stop"], ["kill"], ["rm"], ["start"], ["wait"], ["inspect"], ["ps", "extra"], ["exec"], ["exec", "one"], ["logs"], ["logs", "a", "b"], ["attach"], ["pull"], ["pull", "a", "b"], ["rmi"], ["export"],
  ["start", "-a", "x", "y"], ["stop", "-t", "abc", "x"], ["ps", "-n", "abc"], ["frobnicate"], ["container", "frobnicate"], ["pull", "UPPER"], ["images", "a", "b"],
];

testIf(hasTool("docker"), "the docker client is not installed")("usage errors have the words and the statuses of Docker's client", () => {
  const environment = { ...process.env, DOCKER_HOST: "unix:///nonexistent", DOCKER_CONFIG: world.folder };
  for (const words of USAGE) {
    const docker = Bun.spawnSync(["docker", ...words], { env: environment, stdin: "ignore", timeout: 20_000 });
    const first = (text: string): string => text.split("\n")[0]!.replaceAll("docker", "mdk").replace(/^mdk: /, "");
    const { status, stderr } = world.mdk(words);
    expect({ words, status, text: first(stderr) }).toEqual({ words, status: docker.exitCode, text: first(docker.stderr.toString()) });
  }
});
