/** `--security-opt`: a seccomp profile of the user's in Docker's format, each action shown by a program that trips it; system paths, no-new-privileges. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startWorld } from "../../helpers/mdk.ts";

let world: Awaited<ReturnType<typeof startWorld>>;
let debian: string;
beforeAll(async () => {
  world = await startWorld("debian");
  debian = world.image("debian");
});
afterEach(() => world.removeAll());
afterAll(() => world?.close());

function profile(text: unknown): string {
  const path = join(world.folder, "profile.json");
  writeFileSync(path, typeof text === "string" ? text : JSON.stringify(text));
  return `seccomp=${path}`;
}
const allowBut = (...syscalls: readonly object[]): object => ({ defaultAction: "SCMP_ACT_ALLOW", syscalls });
/** A profile that acts on umask(2), which nobody but the test calls. */
const onUmask = (action: string, more: object = {}): object => allowBut({ names: ["umask"], action, ...more });

const run = (text: unknown, script: string, ...flags: readonly string[]) => world.mdk(["run", "--rm", ...flags, "--security-opt", profile(text), debian, "perl", "-e", script]);
/** Calls umask(2) and says what came of it: 0, or the errno. */
const UMASK = process.arch === "arm64" ? 166 : 95;
const call = `$! = 0; my $r = syscall(${UMASK}, 18); print $r == -1 ? $!+0 : "called";`;

describe("each action", () => {
  test("ALLOW, and ERRNO with and without a number", () => {
    expect(run(onUmask("SCMP_ACT_ALLOW"), call).stdout).toBe("called");
    expect(run(onUmask("SCMP_ACT_ERRNO"), call).stdout).toBe("1");
    expect(run(onUmask("SCMP_ACT_ERRNO", { errnoRet: 13 }), call).stdout).toBe("13");
  });

  test("LOG lets it pass", () => {
    expect(run(onUmask("SCMP_ACT_LOG"), call).stdout).toBe("called");
  });

  test("TRACE without a tracer: not implemented", () => {
    expect(run(onUmask("SCMP_ACT_TRACE"), call).stdout).toBe("38");
  });

  test("TRAP is a signal that can be caught; KILL and KILL_PROCESS are not", () => {
    const caught = `$SIG{SYS} = sub { print "trapped"; exit 3 }; ${call}`;
    expect(run(onUmask("SCMP_ACT_TRAP"), caught)).toMatchObject({ status: 3, stdout: "trapped" });
    for (const action of ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS"]) expect([action, run(onUmask(action), caught)]).toEqual([action, expect.objectContaining({ status: 128 + 31, stdout: "" })]);
  });

  test("KILL ends the thread, KILL_PROCESS all of its process", () => {
    // clone(2) of a thread on a stack of its own, which calls umask and would then sleep; its leader says that it still lives.
    const threads = `use threads; threads->create(sub { syscall(${UMASK}, 18); sleep 1000 })->detach; select undef, undef, undef, 0.3; print "leader"; exec "true"`;
    const probe = world.mdk(["run", "--rm", debian, "perl", "-Mthreads", "-e", "1"]);
    expect(probe.status).toBe(0);
    expect(run(onUmask("SCMP_ACT_KILL_THREAD"), `$| = 1; ${threads}`)).toMatchObject({ status: 0, stdout: "leader" });
    expect(run(onUmask("SCMP_ACT_KILL_PROCESS"), `$| = 1; ${threads}`)).toMatchObject({ status: 128 + 31, stdout: "" });
  });

  test("as the default: what is not named", () => {
    const names = "read write close fstat newfstatat openat open mmap mprotect munmap brk execve arch_prctl set_tid_address set_robust_list rseq prlimit64 getrandom access pread64 exit_group rt_sigaction rt_sigprocmask getuid geteuid getgid getegid ioctl lseek fcntl getppid getpid futex readlink sysinfo getcwd stat lstat prctl capset setgroups setresgid setresuid close_range sendto sendmsg faccessat fchmod dup".split(" ");
    const strict = (defaultAction: string, more: object = {}): object => ({ defaultAction, ...more, syscalls: [{ names, action: "SCMP_ACT_ALLOW" }] });
    expect(run(strict("SCMP_ACT_ERRNO"), call).stdout).toBe("1");
    expect(run(strict("SCMP_ACT_ERRNO", { defaultErrnoRet: 13 }), call).stdout).toBe("13");
    expect(run(strict("SCMP_ACT_KILL_PROCESS"), call).status).toBe(128 + 31);
    // One that kills the start itself is told, and leaves nothing.
    const killed = world.mdk(["run", "--rm", "--security-opt", profile({ defaultAction: "SCMP_ACT_KILL_PROCESS", syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] }), debian, "true"]);
    expect([killed.status, killed.stderr]).toEqual([125, expect.stringContaining("mdk: ")]);
    expect(world.ok("ps", "-aq")).toBe("");
  });
});

describe("arguments", () => {
  /** personality(2) does nothing with a number that asks only (0xffffffff), so its second argument is free. */
  const PERSONALITY = process.arch === "arm64" ? 92 : 135;
  const refused = (op: string, value: number | string, valueTwo: number | string, given: string): boolean => {
    const text = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ERRNO","errnoRet":77,"args":[{"index":1,"value":${value},"valueTwo":${valueTwo},"op":"SCMP_CMP_${op}"}]}]}`;
    return run(text, `$! = 0; syscall(${PERSONALITY}, 0xffffffff, ${given}); print $!+0`).stdout === "77";
  };

  test("every operator, by values of 64 bits", () => {
    const cases = [
      ["EQ", 5, [["5", true], ["6", false], ["0x100000005", false]]], ["NE", 5, [["5", false], ["0x100000005", true]]],
      ["LT", 5, [["4", true], ["5", false], ["0x100000000", false]]], ["LE", 5, [["5", true], ["6", false]]],
      ["GE", 5, [["5", true], ["4", false], ["0x100000000", true]]], ["GT", 5, [["6", true], ["5", false]]],
      ["EQ", "18446744073709551615", [["-1", true], ["-2", false], ["0xffffffff", false]]],
      ["GE", "9007199254740993", [["9007199254740993", true], ["9007199254740992", false]]],
    ] as const;
    for (const [op, value, given] of cases) for (const [argument, expected] of given) expect([op, value, argument, refused(op, value, 0, argument)]).toEqual([op, value, argument, expected]);
    for (const [argument, expected] of [["0x12", true], ["0x22", false], ["0x1f2", true]] as const) expect([argument, refused("MASKED_EQ", 0xf0 & 0x1f, 0x10, argument)]).toEqual([argument, expected]);
  });

  test("several arguments all have to fit; several conditions on one count each", () => {
    const both = (first: object, second: object, a: string, b: string): string =>
      run(allowBut({ names: ["personality"], action: "SCMP_ACT_ERRNO", errnoRet: 77, args: [first, second] }), `$! = 0; syscall(${PERSONALITY}, 0xffffffff, ${a}, ${b}); print $!+0`).stdout;
    const [one, two] = [{ index: 1, value: 1, op: "SCMP_CMP_EQ" }, { index: 2, value: 2, op: "SCMP_CMP_EQ" }];
    expect([both(one, two, "1", "2"), both(one, two, "1", "3")]).toEqual(["77", "0"]);
    const or = { index: 1, value: 9, op: "SCMP_CMP_EQ" };
    expect([both(one, or, "1", "0"), both(one, or, "9", "0"), both(one, or, "5", "0")]).toEqual(["77", "77", "0"]);
  });
});

test("conditions on capabilities, processor and kernel, and both names of a rule", () => {
  const error = { action: "SCMP_ACT_ERRNO", errnoRet: 44 };
  const outcome = (rule: object, ...flags: readonly string[]): string => run(allowBut({ name: "umask", ...error, ...rule }), call, ...flags).stdout;
  const [own, other] = process.arch === "arm64" ? ["arm64", "amd64"] : ["amd64", "arm64"];
  expect(outcome({})).toBe("44");
  expect([outcome({ includes: { caps: ["CAP_NET_ADMIN"] } }), outcome({ includes: { caps: ["CAP_NET_ADMIN"] } }, "--cap-add", "NET_ADMIN")]).toEqual(["called", "44"]);
  expect([outcome({ excludes: { caps: ["CAP_NET_ADMIN"] } }), outcome({ excludes: { caps: ["CAP_NET_ADMIN"] } }, "--cap-add", "NET_ADMIN")]).toEqual(["44", "called"]);
  expect([outcome({ includes: { arches: [own] } }), outcome({ includes: { arches: [other] } }), outcome({ excludes: { arches: [own] } })]).toEqual(["44", "called", "called"]);
  expect([outcome({ includes: { minKernel: "4.8" } }), outcome({ includes: { minKernel: "99.0" } }), outcome({ excludes: { minKernel: "4.8" } })]).toEqual(["44", "called", "called"]);
});

test("an exec is under the profile too, a privileged container where one is named, an empty profile confines nothing", () => {
  world.ok("run", "-d", "--name", "kept", "--security-opt", profile(onUmask("SCMP_ACT_ERRNO", { args: [{ index: 0, value: 18, op: "SCMP_CMP_EQ" }] })), debian, "sleep", "1000");
  expect(world.ok("exec", "kept", "perl", "-e", call)).toBe("1");
  expect(world.inspect("kept", "json .HostConfig.SecurityOpt")).toContain('seccomp={\\"defaultAction\\":\\"SCMP_ACT_ALLOW\\"');
  expect(run(onUmask("SCMP_ACT_ERRNO"), call, "--privileged").stdout).toBe("1");
  expect(world.ok("run", "--rm", "--security-opt", profile({}), debian, "grep", "Seccomp:", "/proc/self/status")).toBe("Seccomp:\t0");
});

test("what is no profile is refused before anything is made, in Docker's words", () => {
  const refused = (text: unknown): string => world.mdk(["create", "--security-opt", profile(text), debian, "true"]).stderr.split("\n")[0]!;
  const cases: readonly (readonly [unknown, string])[] = [
    ["{", " failed: it is not valid JSON"], [[], "the profile is no object"], [{ defaultAction: "FOO" }, "string FOO is not a valid action for seccomp"],
    [onUmask("BAR"), "string BAR is not a valid action for seccomp"], [onUmask("SCMP_ACT_NOTIFY"), "SCMP_ACT_NOTIFY is not supported"],
    [allowBut({ name: "a", names: ["b"], action: "SCMP_ACT_ERRNO" }), "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'"],
    [{ ...onUmask("SCMP_ACT_ERRNO"), architectures: ["SCMP_ARCH_X86_64"], archMap: [{ architecture: "SCMP_ARCH_X86_64" }] }, "'architectures' and 'archMap' were specified in the seccomp profile"],
    [{ ...onUmask("SCMP_ACT_ERRNO"), architectures: ["SCMP_ARCH_FOO"] }, "string SCMP_ARCH_FOO is not a valid arch for seccomp"],
    [onUmask("SCMP_ACT_ERRNO", { args: [{ index: 7, value: 1, op: "SCMP_CMP_EQ" }] }), "syscalls only have up to 6 arguments (8 given)"],
    [onUmask("SCMP_ACT_ERRNO", { args: [{ index: 0, value: 1, op: "FOO" }] }), "string FOO is not a valid operator for seccomp"],
    [onUmask("SCMP_ACT_ERRNO", { errnoRet: -1 }), "errnoRet is no unsigned integer"], [{ ...onUmask("SCMP_ACT_ERRNO"), flags: ["FOO"] }, "string FOO is not a valid flag for seccomp"],
  ];
  for (const [text, sentence] of cases) expect([text, refused(text)]).toEqual([text, expect.stringContaining(sentence)]);
  expect(world.mdk(["run", "--security-opt", "seccomp=/none.json", debian, "true"])).toMatchObject({ status: 125, stderr: expect.stringContaining("opening seccomp profile (/none.json) failed: open /none.json: no such file or directory") });
  expect(world.mdk(["create", "--security-opt", "seccomp=/", debian, "true"]).stderr).toStartWith("mdk: opening seccomp profile (/) failed: read /: is a directory\n");
  expect(world.ok("ps", "-aq")).toBe("");
});

describe("the other options", () => {
  test("systempaths=unconfined: nothing is masked, nothing read-only", () => {
    const seen = (...flags: readonly string[]): string => world.ok("run", "--rm", ...flags, debian, "sh", "-c", "grep -c ' /proc/\\| /sys/firmware ' /proc/mounts; head -c 1 /proc/timer_list | wc -c; test -w /proc/sys/kernel/hostname && echo writable; true");
    expect(seen()).toMatch(/^[1-9]\d*\n0$/);
    expect(seen("--security-opt", "systempaths=unconfined")).toBe("0\n1\nwritable");
    world.ok("create", "--name", "open", "--security-opt", "systempaths=unconfined", "--security-opt", "no-new-privileges:true", debian, "true");
    expect(world.inspect("open", "json .HostConfig")).toMatch(/"SecurityOpt":\["no-new-privileges:true"\].*"MaskedPaths":\[\],"ReadonlyPaths":\[\]/);
  });

  test("seccomp=builtin and unconfined, no-new-privileges with a value, apparmor as on a kernel without it", () => {
    const status = (field: string, ...flags: readonly string[]): string => world.ok("run", "--rm", ...flags.flatMap((flag) => ["--security-opt", flag]), debian, "sed", "-n", `s/^${field}:\\t//p`, "/proc/self/status");
    expect([status("Seccomp"), status("Seccomp", "seccomp=builtin"), status("Seccomp", "seccomp:unconfined"), status("Seccomp", "seccomp=unconfined", "seccomp=builtin")]).toEqual(["2", "2", "0", "2"]);
    expect(["no-new-privileges", "no-new-privileges=true", "no-new-privileges:true", "no-new-privileges=false"].map((flag) => status("NoNewPrivs", flag))).toEqual(["1", "1", "1", "0"]);
    expect(status("NoNewPrivs", "apparmor=unconfined", "label=disable")).toBe("0");
  });

  test("those that are none, in Docker's words; those that mdk does not carry out, by name", () => {
    const refused = (flag: string): string => world.mdk(["run", "--rm", "--security-opt", flag, debian, "true"]).stderr.split("\n")[0]!;
    for (const flag of ["foo", "seccomp=", "label"]) expect(refused(flag)).toBe(`mdk: Invalid --security-opt: "${flag}"`);
    for (const flag of ["foo=bar", "no-new-privileges=maybe", "systempaths=foo"]) expect(refused(flag)).toBe(`mdk: invalid --security-opt 2: "${flag}"`);
    expect(refused("label=type:svirt_t")).toBe("mdk: --security-opt label=type:svirt_t is not supported by this version of mdk");
  });
});
