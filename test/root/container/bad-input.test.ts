/** What mdk refuses: Docker's words and statuses, before anything is done. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MDK, startWorld } from "../../helpers/mdk.ts";
import { hasTool } from "../../helpers/requires.ts";

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
  expect(run("--cap-add", "NONSENSE")).toContain('unknown capability: "CAP_NONSENSE"');
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
  expect(world.mdk(["checkpoint"])).toMatchObject({ status: 1, stderr: expect.stringContaining("not supported by this version of mdk") });
  expect(world.mdk(["container", "frob"]).status).toBe(1);
  expect(world.mdk(["manifest", "create"])).toMatchObject({ status: 1, stderr: "mdk: 'mdk manifest create' is not supported by this version of mdk\n" });
  expect(world.mdk(["constructor"])).toMatchObject({ status: 1, stderr: expect.stringContaining("unknown command: mdk constructor") });
});

test("names and ports that are taken", () => {
  const id = world.ok("run", "-d", "--name", "taken", "-p", "127.0.0.1::80", busybox, "sleep", "1000");
  const number = world.inspect("taken", '(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort');
  expect(refused("run", "-d", "--name", "taken", busybox, "true")).toEqual([125, `mdk: Conflict. The container name "/taken" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`]);
  const line = ["run", "-d", "--name", "twice", "-p", "127.0.0.1:18233:80", busybox, "sleep", "1000"];
  const twice = world.ok(...line);
  expect(refused(...line)).toEqual([125, expect.stringContaining(`The container name "/twice" is already in use by container "${twice}"`)]);
  world.ok("rm", "-f", "twice");
  const [status, text] = refused("run", "-d", "-p", `127.0.0.1:${number}:80`, busybox, "true");
  expect(status).toBe(125);
  expect(text).toMatch(new RegExp(`on endpoint [a-z]+_[a-z]+ \\([0-9a-f]{64}\\): Bind for 127\\.0\\.0\\.1:${number} failed: port is already allocated`));
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  expect(refused("run", "-d", "-p", `127.0.0.1:${listener.port}:80`, busybox, "true")).toMatchObject([125, expect.stringContaining(String(listener.port))]);
  listener.stop();
  expect(world.ok("ps", "-aq")).toBe(id.slice(0, 12));
  world.ok("rm", "-f", "taken");
});

test("DOCKER_HOST is refused, and whoever is not root is told so", () => {
  expect(world.mdk(["ps"], { environment: { DOCKER_HOST: "tcp://127.0.0.1:1" } })).toMatchObject({ status: 1, stderr: expect.stringContaining("DOCKER_HOST is set (tcp://127.0.0.1:1)") });
  expect(world.mdk(["run", busybox], { environment: { DOCKER_HOST: "unix:///x" } }).status).not.toBe(0);
  // A copy: nobody may not look into /root, where a clone may be.
  const folder = mkdtempSync("/tmp/mdk-cli-nobody-");
  try {
    chmodSync(folder, 0o755);
    copyFileSync(MDK, join(folder, "mdk"));
    for (const command of [["ps"], ["run", busybox, "true"]]) {
      const done = Bun.spawnSync(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", join(folder, "mdk"), ...command], { cwd: "/", env: {} });
      expect([done.exitCode > 0, done.stderr.toString().split("\n")[0]]).toEqual([true, "mdk: mdk must run as root"]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("objects that are not there", () => {
  for (const command of ["start", "stop", "kill", "rm", "wait", "logs", "attach", "export"]) {
    expect([command, ...refused(command, "missing")]).toEqual([command, 1, `mdk: ${command === "kill" ? "cannot kill container: missing: " : ""}No such container: missing`]);
  }
  expect(refused("exec", "missing", "true")).toEqual([1, "mdk: No such container: missing"]);
  expect(refused("inspect", "missing")).toMatchObject([1, expect.stringMatching(/no such object: missing/i)]);
  expect(refused("image", "inspect", "missing")).toMatchObject([1, expect.stringMatching(/no such image: missing/i)]);
  expect(refused("run", "--pull", "never", "missing")).toMatchObject([125, expect.stringContaining("No such image: missing")]);
});

/** Usage errors of Docker's client 28, its name replaced by ours: words, exit status, first line without "mdk: ". */
const USAGE: readonly (readonly [words: readonly string[], status: number, text: string])[] = [
  [["run"], 1, "'mdk run' requires at least 1 argument"],
  [["run", "--memory", "abc", "IMAGE"], 125, "invalid argument \"abc\" for \"-m, --memory\" flag: invalid size: 'abc'"],
  [["run", "--cpus", "abc", "IMAGE"], 125, "invalid argument \"abc\" for \"--cpus\" flag: failed to parse abc as a rational number"],
  [["run", "--nosuch", "IMAGE"], 125, "unknown flag: --nosuch"],
  [["run", "-y", "IMAGE"], 125, "unknown shorthand flag: 'y' in -y"],
  [["run", "-p", "abc", "IMAGE"], 125, "invalid containerPort: abc"],
  [["run", "-p", "1:99999", "IMAGE"], 125, "invalid containerPort: 99999"],
  [["run", "--init=perhaps", "IMAGE"], 125, "invalid argument \"perhaps\" for \"--init\" flag: strconv.ParseBool: parsing \"perhaps\": invalid syntax"],
  [["run", "--pids-limit", "x", "IMAGE"], 125, "invalid argument \"x\" for \"--pids-limit\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"],
  [["run", "--shm-size", "abc", "IMAGE"], 125, "invalid argument \"abc\" for \"--shm-size\" flag: invalid size: 'abc'"],
  [["run", "--add-host", "abc", "image"], 125, "invalid argument \"abc\" for \"--add-host\" flag: bad format for add-host: \"abc\""],
  [["run", "--dns", "abc", "image"], 125, "invalid argument \"abc\" for \"--dns\" flag: IP address is not correctly formatted: abc"],
  [["run", "-d", "-a", "stdout", "image"], 1, "conflicting options: cannot specify both --attach and --detach"],
  [["run", "-it", "image"], 1, "the input device is not a TTY"],
  [["run", "--rm", "--restart", "always", "image"], 125, "conflicting options: cannot specify both --restart and --rm"],
  [["run", "--memory"], 125, "flag needs an argument: --memory"],
  [["stop"], 1, "'mdk stop' requires at least 1 argument"],
  [["kill"], 1, "'mdk kill' requires at least 1 argument"],
  [["rm"], 1, "'mdk rm' requires at least 1 argument"],
  [["start"], 1, "'mdk start' requires at least 1 argument"],
  [["wait"], 1, "'mdk wait' requires at least 1 argument"],
  [["inspect"], 1, "'mdk inspect' requires at least 1 argument"],
  [["ps", "extra"], 1, "'mdk ps' accepts no arguments"],
  [["exec"], 1, "'mdk exec' requires at least 2 arguments"],
  [["exec", "one"], 1, "'mdk exec' requires at least 2 arguments"],
  [["logs"], 1, "'mdk logs' requires 1 argument"],
  [["logs", "a", "b"], 1, "'mdk logs' requires 1 argument"],
  [["attach"], 1, "'mdk attach' requires 1 argument"],
  [["pull"], 1, "'mdk pull' requires 1 argument"],
  [["pull", "a", "b"], 1, "'mdk pull' requires 1 argument"],
  [["rmi"], 1, "'mdk rmi' requires at least 1 argument"],
  [["export"], 1, "'mdk export' requires 1 argument"],
  [["start", "-a", "x", "y"], 1, "you cannot start and attach multiple containers at once"],
  [["stop", "-t", "abc", "x"], 125, "invalid argument \"abc\" for \"-t, --timeout\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax"],
  [["ps", "-n", "abc"], 125, "invalid argument \"abc\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax"],
  [["frobnicate"], 1, "unknown command: mdk frobnicate"],
  [["container", "frobnicate"], 1, "unknown command: mdk container frobnicate"],
  [["pull", "UPPER"], 1, "invalid reference format: repository name (library/UPPER) must be lowercase"],
  [["images", "a", "b"], 1, "'mdk images' requires at most 1 argument"],
  [["commit"], 1, "'mdk commit' requires at least 1 and at most 2 arguments"],
  [["commit", "a", "b", "c"], 1, "'mdk commit' requires at least 1 and at most 2 arguments"],
  [["port"], 1, "'mdk port' requires at least 1 and at most 2 arguments"],
];

const firstLine = (text: string): string => text.split("\n")[0]!.replaceAll("docker", "mdk").replace(/^mdk: /, "");

test("usage errors have the words and the statuses of Docker's client", () => {
  for (const [words, status, text] of USAGE) {
    const done = world.mdk(words);
    expect([words, done.status, firstLine(done.stderr)]).toEqual([words, status, text]);
  }
});

/** Older clients have other words: where 28 is installed, the table is compared with it. */
const client = hasTool("docker") ? Bun.spawnSync(["docker", "--version"]).stdout.toString() : "";
if (client.startsWith("Docker version 28.")) {
  test("the table of usage errors is what the installed client says", () => {
    const environment = { ...process.env, DOCKER_HOST: "unix:///nonexistent", DOCKER_CONFIG: world.folder };
    for (const [words, status, text] of USAGE) {
      const done = Bun.spawnSync(["docker", ...words], { env: environment, stdin: "ignore", timeout: 20_000 });
      expect([words, done.exitCode, firstLine(done.stderr.toString())]).toEqual([words, status, text]);
    }
  });
}

test("a file that is not there is told in Go's words, not in JavaScript's", () => {
  expect(refused("run", "--rm", "--cidfile", "/no/such/cid", busybox, "true")).toEqual([125, "mdk: failed to create the container ID file: open /no/such/cid: no such file or directory"]);
  world.ok("create", "--name", "out", busybox);
  expect(refused("export", "-o", "/no/such/tar", "out")).toEqual([1, "mdk: failed to export container: invalid output path: stat /no/such: no such file or directory"]);
  expect(refused("export", "-o", `${MDK}/tar`, "out")).toEqual([1, `mdk: failed to export container: invalid output path: stat ${MDK}: not a directory`]);
  expect(refused("save", "-o", world.folder, busybox)).toEqual([1, "mdk: failed to save image: cannot write to a directory"]);
  expect(refused("save", "-o", "/proc/tar", busybox)).toEqual([1, "mdk: open /proc/tar: no such file or directory"]);
  expect(refused("export", "-o", "/proc/tar", "out")).toEqual([1, "mdk: open /proc/tar: no such file or directory"]);
  world.ok("rm", "out");
});

test("what the kernel refuses a start is told in Go's words, too", () => {
  const run = (...flags: string[]): [number, string] => refused("run", "--rm", "--network", "none", ...flags, busybox, "true");
  expect(run("-v", "/proc/source:/x")).toEqual([125, "mdk: error while creating mount source path '/proc/source': mkdir /proc/source: no such file or directory"]);
  expect(run("--pids-limit", "99999999999")).toEqual([125, "mdk: --pids-limit cannot be set: write 99999999999 to pids.max: invalid argument"]);
  const elsewhere = world.words("run", "--rm", busybox, "true").map((word) => (word === world.runRoot ? "/proc/run" : word));
  const done = Bun.spawnSync(elsewhere, { stdin: "ignore", timeout: 5000 });
  expect([done.exitCode, done.stderr.toString().split("\n")[0]]).toEqual([125, "mdk: cannot write to the run root: mkdir /proc/run: no such file or directory"]);
});

test("what JavaScript says of an error, where it stood and what caused it, is shown to -D only", () => {
  const FRAME = /^ +at /m;
  world.ok("create", "--name", "broken", busybox);
  const database = new Database(join(world.root, "mdk.db"));
  try {
    database.run("UPDATE containers SET config = '{' || config");
    expect(world.mdk(["inspect", "broken"])).toMatchObject({ status: 1, stderr: "mdk: internal error: this is a mistake in mdk, and -D shows where\n" });
    expect(world.mdk(["start", "broken"])).toMatchObject({ status: 1, stderr: "mdk: internal error: this is a mistake in mdk, and -D shows where\n" });
    expect(world.mdk(["-D", "inspect", "broken"])).toMatchObject({ status: 1, stderr: expect.stringMatching(FRAME) });
  } finally {
    database.run("UPDATE containers SET config = substr(config, 2)");
    database.close();
  }
  world.ok("rm", "broken");
  const refused = ["run", "--rm", "-v", "/proc/source:/x", busybox, "true"];
  expect(world.mdk(refused).stderr.split("\n")).toHaveLength(2);
  expect(world.mdk(["-D", ...refused]).stderr).toMatch(/^caused by: /m);
});

test("commands that Docker has and mdk has not, or will not have, get their word", () => {
  const word = (...args: string[]): string => world.mdk(args).stderr;
  expect(word("chekpoint")).toBe("mdk: unknown command: mdk chekpoint\n\nDid you mean 'mdk checkpoint'? It is not supported by this version of mdk.\n\nRun 'mdk --help' for more information\n");
  expect(word("buidl")).toContain("Did you mean 'mdk build'?\n");
  expect(word("inspct")).toContain("Did you mean 'mdk inspect'?\n");
  expect(word("scout")).toBe("mdk: 'mdk scout' comes with Docker Desktop, and mdk does not have it\n");
  expect(word("init")).toBe("mdk: 'mdk init' comes with Docker Desktop, and mdk does not have it\n");
  expect(word("swarm", "init")).toBe("mdk: 'mdk swarm' is for clusters: mdk runs containers on one host\n");
  expect(word("completion", "tcsh")).toBe('mdk: unsupported shell "tcsh": must be one of bash, fish, zsh\n');
});

test("the help goes to standard output for who asked, and to standard error where a command is missing", () => {
  for (const [words, asked] of [[[], false], [["container"], false], [["help"], true], [["--help"], true], [["container", "--help"], true]] as const) {
    const { status, stdout, stderr } = world.mdk(words);
    expect([words, status, stdout.startsWith("Usage:"), stderr.startsWith("Usage:")]).toEqual([words, 0, asked, !asked]);
  }
});

test("the usage is that of the name that was called, and help tells the others", () => {
  expect(world.mdk(["image", "ls", "--foo"])).toMatchObject({ status: 125, stderr: "unknown flag: --foo\n\nUsage:  mdk image ls [OPTIONS] [REPOSITORY[:TAG]]\n\nRun 'mdk image ls --help' for more information\n" });
  expect(world.ok("image", "ls", "--help")).toStartWith("Usage:  mdk image ls [OPTIONS] [REPOSITORY[:TAG]]\n\nList images\n\nAliases:\n  mdk image ls, mdk image list, mdk images\n\nOptions:\n");
  expect(world.ok("manifest", "inspect", "--help")).not.toContain("Aliases:");
});

test("flags of run that ask for what may not be lead to its help", () => {
  const help = "\n\nRun 'mdk run --help' for more information\n";
  for (const [flag, value, problem] of [
    ["--expose", "foo", 'invalid range format for --expose: foo, error: strconv.ParseUint: parsing "foo": invalid syntax'],
    ["--expose", "80-70", "invalid range format for --expose: 80-70, error: invalid range specified for port: 80-70"],
    ["--expose", "65536/udp", 'invalid range format for --expose: 65536/udp, error: strconv.ParseUint: parsing "65536": value out of range'],
    ["--expose", "", "invalid range format for --expose: , error: empty string specified for ports"],
    ["--pid", "foo", "--pid: invalid PID mode"], ["-p", "foo", "invalid containerPort: foo"],
  ] as const) {
    expect(world.mdk(["run", flag, value, busybox])).toEqual({ status: 125, stdout: "", stderr: `mdk: ${problem}${help}` });
  }
  expect(world.mdk(["create", "--uts", "foo", busybox])).toMatchObject({ status: 125, stderr: "mdk: --uts: invalid UTS mode\n\nRun 'mdk create --help' for more information\n" });
});

test("tag says which of its words is no reference, before it looks for the image", () => {
  expect(refused("tag", busybox, "foo:")).toEqual([1, 'mdk: Error parsing reference: "foo:" is not a valid repository/tag: invalid reference format']);
  expect(refused("tag", "none", "FOO")).toEqual([1, 'mdk: Error parsing reference: "FOO" is not a valid repository/tag: invalid reference format: repository name (library/FOO) must be lowercase']);
});

test("an empty value of a flag is none", () => {
  const empty = ["--name", "", "--cidfile", "", "--platform", "", "--pull", "", "--restart", "", "--user", "", "--workdir", "", "--stop-signal", "", "--detach-keys", "", "--log-driver", ""];
  expect(world.ok("run", "--rm", "--network", "none", ...empty, busybox, "echo", "ran")).toBe("ran");
  expect(world.mdk(["ps", "--filter", "", "--format", ""])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^CONTAINER ID/) });
  expect(world.mdk(["images", "--filter", "", "--format", ""])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^REPOSITORY/) });
});

test("without CAP_NET_ADMIN the refusal says what is missing", () => {
  const lacking = (...args: string[]): string => Bun.spawnSync(["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", ...world.words(...args)], { stdin: "ignore" }).stderr.toString();
  const hint = "bridges, addresses and port rules need CAP_NET_ADMIN in this network namespace: without it there is --network host\n";
  expect(lacking("run", "--rm", busybox, "true")).toEndWith(`: operation not permitted\n${hint}`);
});
