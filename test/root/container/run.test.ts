/** `mdk run`: exit statuses and what the flags do, seen from inside the container and by the host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { startWorld } from "../../helpers/mdk.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let busybox: string;
beforeAll(async () => {
  world = await startWorld("busybox");
  busybox = world.image("busybox");
});
afterAll(() => world?.close());

const run = (...args: string[]) => world.mdk(["run", "--rm", ...args]);
/** Standard output of a script of the busybox image. */
const inside = (script: string, ...flags: string[]): string => {
  const { status, stdout, stderr } = run(...flags, busybox, "sh", "-c", script);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
};

test("the exit status is the program's, 128 and the signal's number, or Docker's for what could not run", () => {
  expect(run(busybox, "sh", "-c", "exit 42").status).toBe(42);
  expect(run("--init", busybox, "sh", "-c", "kill -TERM $$").status).toBe(143);
  expect(run("--init", busybox, "sh", "-c", "kill -SEGV $$").status).toBe(139);
  expect(run(busybox, "no-such-program")).toMatchObject({ status: 127, stderr: expect.stringContaining('exec: "no-such-program": executable file not found in $PATH') });
  expect(run(busybox, "/no/such/file")).toMatchObject({ status: 127, stderr: expect.stringContaining("no such file or directory") });
  expect(run(busybox, "/etc/passwd")).toMatchObject({ status: 126, stderr: expect.stringContaining("permission denied") });
  expect(run(busybox, "/etc")).toMatchObject({ status: 126 });
  expect(run("-w", "/etc/passwd", busybox, "true").status).toBeGreaterThan(124);
  expect(world.ok("ps", "-aq")).toBe("");
});

test("stdout and stderr come out apart", () => {
  expect(run(busybox, "sh", "-c", "echo out; echo err >&2")).toEqual({ status: 0, stdout: "out\n", stderr: "err\n" });
});

test("its own PID 1 and host name; the host's name and /tmp stay apart", () => {
  const before = hostname();
  expect(inside("echo $$; hostname inner; hostname", "--cap-add", "SYS_ADMIN", "-h", "outer")).toBe("1\ninner\n");
  expect(readFileSync("/proc/sys/kernel/hostname", "utf8").trim()).toBe(before);
  const witness = mkdtempSync("/tmp/mdk-cli-witness-");
  expect(inside("ls /tmp")).not.toContain("mdk-cli-witness");
  rmdirSync(witness);
  expect(inside("hostname; cat /etc/hostname", "-h", "a.b")).toBe("a.b\na.b\n");
});

test("variables come from -e, from the caller and from files, the last one wins", () => {
  const file = join(world.folder, "env");
  writeFileSync(file, "# a comment\nFROM_FILE=1\nWINS=file\nTAKEN\n\nEMPTY=\n");
  const { stdout } = world.mdk(["run", "--rm", "--env-file", file, "-e", "WINS=flag", "-e", "SPACED=a b=c", "-e", "TAKEN2", "-e", "NOT_SET", busybox, "env"], { environment: { TAKEN: "t", TAKEN2: "t2" } });
  const lines = stdout.split("\n");
  expect(lines).toEqual(expect.arrayContaining(["FROM_FILE=1", "WINS=flag", "SPACED=a b=c", "TAKEN=t", "TAKEN2=t2", "EMPTY=", "HOME=/root"]));
  expect(lines.some((line) => line.startsWith("NOT_SET"))).toBe(false);
  expect(lines.filter((line) => line.startsWith("WINS"))).toHaveLength(1);
  expect(stdout).toMatch(/^HOSTNAME=[0-9a-f]{12}$/m);
});

test("labels come from files, then from -l, the last one wins", () => {
  const file = join(world.folder, "labels");
  writeFileSync(file, "# what it is\n  kind=file\nplain\n\nother=1=2\n");
  world.ok("create", "--name", "labelled", "--label-file", file, "-l", "kind=flag", busybox);
  expect(JSON.parse(world.ok("inspect", "-f", "{{json .Config.Labels}}", "labelled"))).toEqual({ kind: "flag", plain: "", other: "1=2" });
  world.ok("rm", "labelled");
});

test("user, working directory and entrypoint", () => {
  expect(inside("id -u; id -g; echo $HOME", "-u", "1000")).toBe("1000\n1000\n/home\n");
  expect(inside("id -u; id -g", "-u", "user:wheel")).toBe("1000\n10\n");
  expect(inside("id -u; id -g", "-u", "4321:1234")).toBe("4321\n1234\n");
  expect(run("-u", "nobody-such", busybox, "true")).toMatchObject({ status: 125, stderr: expect.stringContaining("unable to find user nobody-such: no matching entries in passwd file") });
  expect(inside("pwd; stat -c %u .", "-w", "/made/by/it")).toBe("/made/by/it\n0\n");
  expect(run("--entrypoint", "echo", busybox, "a", "b").stdout).toBe("a b\n");
  expect(run("--entrypoint", "", busybox, "echo", "ok").stdout).toBe("ok\n");
  expect(run("--entrypoint", "", busybox)).toMatchObject({ status: 125, stderr: expect.stringContaining("no command specified") });
});

test("capabilities are added and dropped; --privileged has all, no seccomp, and may mount", () => {
  const effective = (...flags: string[]): string => /CapEff:\s*(\w+)/.exec(inside("grep CapEff /proc/self/status", ...flags))?.[1] ?? "";
  expect(effective()).toBe("00000000a80425fb");
  expect(effective("--cap-drop", "ALL", "--cap-add", "chown", "--cap-add", "CAP_NET_BIND_SERVICE")).toBe("0000000000000401");
  expect(effective("--cap-drop", "CHOWN")).toBe("00000000a80425fa");
  expect(inside("grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp && echo mounted", "--privileged")).toBe("Seccomp:\t0\nmounted\n");
  expect(run(busybox, "mount", "-t", "tmpfs", "x", "/tmp").status).not.toBe(0);
});

test("--read-only, and --init as PID 1 that reaps", async () => {
  expect(run("--read-only", busybox, "touch", "/file")).toMatchObject({ status: 1, stderr: expect.stringContaining("Read-only file system") });
  expect(inside("touch /dev/shm/f && echo ok", "--read-only")).toBe("ok\n");
  expect(inside("(sleep 0.1 &) ; sleep 0.4; ps -o pid,stat | grep -c Z; true", "--init")).toBe("0\n");
  expect(inside("cat /proc/1/cmdline | tr '\\0' ' '", "--init")).toStartWith("/sbin/docker-init -- sh -c");
});

test("-v binds, read-only on request, makes a missing source, binds single files", () => {
  const source = join(world.folder, "shared/new");
  expect(inside("echo hello > /data/file; stat -c %u:%g:%a /data", "-v", `${source}:/data`)).toBe("0:0:755\n");
  expect(readFileSync(join(source, "file"), "utf8")).toBe("hello\n");
  expect(run("-v", `${source}:/data:ro`, busybox, "touch", "/data/x").stderr).toContain("Read-only file system");
  expect(existsSync(join(source, "x"))).toBe(false);
  expect(inside("cat /one", "-v", `${source}/file:/one:ro`)).toBe("hello\n");
  mkdirSync(join(source, "deep"));
  expect(inside("ls /a/b/c", "-v", `${source}:/a/b/c`)).toBe("deep\nfile\n");
  expect(statSync(source).isDirectory()).toBe(true);
});

test("networks none, host and bridge", () => {
  expect(inside("ls /sys/class/net", "--network", "none")).toBe("lo\n");
  const links = Bun.spawnSync(["ls", "/sys/class/net"]).stdout.toString();
  expect(inside("cat /proc/net/dev", "--network", "host").split("\n").length).toBeGreaterThanOrEqual(links.split("\n").length);
  expect(inside("hostname", "--net", "host")).toBe(`${hostname()}\n`);
  const bridge = inside("ip -4 addr show eth0; ip route; cat /etc/hosts; cat /proc/sys/net/ipv4/ip_unprivileged_port_start");
  const address = /inet (\d+\.\d+\.\d+\.\d+)\//.exec(bridge)?.[1] ?? "none";
  expect(bridge).toContain("default via ");
  expect(bridge).toMatch(new RegExp(`^${address}\\t[0-9a-f]{12}$`, "m"));
  expect(bridge).toEndWith("\n0\n");
});

test("--dns, --dns-search, --dns-opt and --add-host are in the container's files", () => {
  const text = inside("cat /etc/resolv.conf /etc/hosts", "--dns", "192.0.2.1", "--dns-search", "a.test", "--dns-opt", "ndots:3", "--add-host", "one:192.0.2.7", "--add-host", "six=::2", "--add-host", "gateway:host-gateway");
  for (const line of ["nameserver 192.0.2.1", "search a.test", "options ndots:3", "192.0.2.7\tone", "::2\tsix"]) expect(text.split("\n")).toContain(line);
  expect(text).toMatch(/^\d+\.\d+\.\d+\.\d+\tgateway$/m);
});

test("--cidfile holds the id, is refused when it is there, and goes when nothing came of it", () => {
  const file = join(world.folder, "cid");
  const id = world.ok("run", "-d", "--cidfile", file, busybox, "sleep", "100");
  expect(readFileSync(file, "utf8")).toBe(id);
  expect(world.mdk(["run", "--cidfile", file, busybox, "true"])).toMatchObject({ status: 125, stderr: expect.stringContaining("container ID file found, make sure the other container isn't running or delete") });
  expect(world.mdk(["run", "--pull", "never", "--cidfile", `${file}2`, "no-such-image", "true"]).status).toBe(125);
  expect(existsSync(`${file}2`)).toBe(false);
  world.ok("rm", "-f", id);
});

test("--pull never, missing and always", () => {
  expect(world.mdk(["run", "--rm", "--pull", "never", "no-such-image"])).toMatchObject({ status: 125, stderr: expect.stringContaining("No such image: no-such-image") });
  expect(run("--pull", "missing", busybox, "true").status).toBe(0);
  // The registry is gone: asking it again fails, and names it.
  expect(run("--pull", "always", busybox, "true")).toMatchObject({ status: 125, stderr: expect.stringContaining(busybox.split("/")[0]!) });
});

test("what mounts need under them is not the container's own: an image without /proc leaves its upper as empty as it was", () => {
  const id = world.ok("create", busybox, "true");
  const upper = world.inspect(id, ".GraphDriver.Data.UpperDir");
  world.ok("start", "-a", id);
  expect(readdirSync(upper)).toEqual([]);
  expect(world.inspect(id, ".GraphDriver.Data.LowerDir")).toMatch(/^[^:]*\/layers\/[0-9a-f]{12}\/d$/);
  world.ok("rm", id);
});

test("/.dockerenv says that this is a container, to whoever asks; what an image has there stays, wherever it leads", () => {
  const { stdout } = Bun.spawnSync(["sh", "-c", 'umask 077; exec "$@"', "sh", ...world.words("run", "--rm", "-u", "1000", "--read-only", busybox, "stat", "-c", "%U %a %s", "/.dockerenv")], { stdin: "ignore" });
  expect(stdout.toString()).toBe("root 755 0\n");
  for (const target of [".dockerenv", "../../../../../../../../tmp/mdk-escaped"]) {
    const id = world.ok("create", busybox, "readlink", "/.dockerenv");
    mkdirSync(join(world.root, "containers", id, "upper"), { recursive: true });
    symlinkSync(target, join(world.root, "containers", id, "upper/.dockerenv"));
    expect(world.ok("start", "-a", id)).toBe(target);
    world.ok("rm", id);
  }
  expect(existsSync("/tmp/mdk-escaped")).toBe(false);
});

test("a file that a mount needs under it is made with Docker's mode, whatever the caller's umask", () => {
  const { stdout } = Bun.spawnSync(["sh", "-c", 'umask 077; exec "$@"', "sh", ...world.words("create", "-v", "/etc/hostname:/new/file", busybox, "true")], { stdin: "ignore" });
  const id = stdout.toString().trim();
  Bun.spawnSync(["sh", "-c", 'umask 077; exec "$@"', "sh", ...world.words("start", "-a", id)], { stdin: "ignore" });
  const upper = world.inspect(id, ".GraphDriver.Data.UpperDir");
  expect([statSync(join(upper, "new")).mode & 0o777, statSync(join(upper, "new/file")).mode & 0o777]).toEqual([0o755, 0o755]);
  world.ok("rm", id);
});

test("a working directory that is missing is made, root's and open to all whoever the user is and whatever the caller's umask", () => {
  const { stdout } = Bun.spawnSync(["sh", "-c", 'umask 077; exec "$@"', "sh", ...world.words("run", "--rm", "-u", "1000", "-w", "/new/dir", busybox, "sh", "-c", "pwd; stat -c '%U %a' /new /new/dir")], { stdin: "ignore" });
  expect(stdout.toString()).toBe("/new/dir\nroot 755\nroot 755\n");
});

test("a new file is where GraphDriver.Data.UpperDir says", () => {
  const id = world.ok("run", "-d", busybox, "sh", "-c", "echo seen > /new; exec sleep 100");
  const upper = world.inspect(id, ".GraphDriver.Data.UpperDir");
  for (let tries = 0; tries < 100 && !existsSync(join(upper, "new")); tries++) Bun.sleepSync(20);
  expect(readFileSync(join(upper, "new"), "utf8")).toBe("seen\n");
  world.ok("rm", "-f", id);
  expect(existsSync(upper)).toBe(false);
});
