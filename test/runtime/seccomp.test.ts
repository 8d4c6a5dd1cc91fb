/** Docker's seccomp list as mdk compiles it: read by a second interpreter, by the kernel, and compared with libseccomp's. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileSeccomp } from "../../src/runtime/seccomp-compile.ts";
import { defaultProfile, type Machine } from "../../src/runtime/seccomp-profile.ts";
import { machineOf, seccompFilter, withSeccompProfile } from "../../src/runtime/seccomp.ts";
import { syscallNumbers, type Abi } from "../../src/runtime/syscalls.ts";
import { CAPABILITIES, DEFAULT_CAPABILITIES } from "../../src/spec/capabilities.ts";
import type { LinuxSeccomp } from "../../src/spec/types.ts";
import { buildStatic } from "../helpers/static-program.ts";
import { ALLOW, ARCH, ENOSYS, EPERM, KILL_PROCESS, runFilter } from "./bpf.ts";
import { goldenSpec } from "./golden.ts";
import { libseccompFilter } from "./libseccomp.ts";

const X32 = 0x40000000;
const ALL = CAPABILITIES.map((name) => `CAP_${name}`);
const filters = new Map<string, Uint8Array>();

function filterOf(machine: Machine, capabilities: readonly string[] = DEFAULT_CAPABILITIES): Uint8Array {
  const key = `${machine} ${capabilities.join()}`;
  const known = filters.get(key) ?? compileSeccomp(defaultProfile(capabilities, machine), machine);
  filters.set(key, known);
  return known;
}

/** What the default filter says of a call by name. */
function ask(abi: Abi, name: string, args: readonly (number | bigint)[] = [], capabilities = DEFAULT_CAPABILITIES): number {
  const machine = abi === "aarch64" || abi === "arm" ? "aarch64" : "x86_64";
  const number = syscallNumbers(abi).get(name) ?? (abi === "x32" ? syscallNumbers("x86_64").get(name) : undefined);
  if (number === undefined) throw new Error(`no ${name} in ${abi}`);
  const data = abi === "x32" ? { nr: number | X32, arch: ARCH.x86_64, args } : { nr: number, arch: ARCH[abi], args };
  return runFilter(filterOf(machine, capabilities), data).verdict;
}

describe("Docker's list", () => {
  test("lets through what the rest of a container's set-up needs", () => {
    const needed = ["prctl", "capset", "setgroups", "setresgid", "setresuid", "execve", "chdir", "openat2", "openat", "fchdir", "read", "write", "close", "close_range", "sendto", "sendmsg", "recvmsg", "fcntl", "exit_group", "getcwd"];
    for (const name of needed) expect([name, ask("x86_64", name), ask("aarch64", name)]).toEqual([name, ALLOW, ALLOW]);
  });

  test("refuses what makes containers leak, in every calling convention", () => {
    const refused = ["unshare", "setns", "mount", "umount2", "keyctl", "add_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "open_by_handle_at", "name_to_handle_at", "process_vm_readv", "process_vm_writev", "kexec_load", "init_module", "reboot", "pkey_alloc", "fsopen", "move_mount", "open_tree", "pidfd_getfd", "settimeofday", "acct", "swapon", "pivot_root", "syslog"];
    for (const name of refused) for (const abi of ["x86_64", "i386", "aarch64", "arm"] as const) {
      if (syscallNumbers(abi).has(name)) expect([name, abi, ask(abi, name)]).toEqual([name, abi, EPERM]);
    }
    expect(ask("x32", "kexec_load")).toBe(EPERM);
    expect(ask("x32", "move_pages")).toBe(EPERM);
    expect(ask("x32", "unshare")).toBe(EPERM);
  });

  test("refuses families of sockets with a history, whatever the upper half of the argument", () => {
    const allowed = [0, 1, 2, 10, 11, 13, 16, 17, 44, 45];
    const refused = [12, 19, 20, 23, 25, 34, 37, 38, 40, 46, 255, 0x80000001, 0xffffffff];
    for (const family of allowed) expect([family, ask("x86_64", "socket", [family])]).toEqual([family, ALLOW]);
    for (const family of refused) expect([family, ask("x86_64", "socket", [family])]).toEqual([family, EPERM]);
    expect(ask("x86_64", "socket", [1n << 32n])).toBe(EPERM);
    expect(ask("aarch64", "socket", [38])).toBe(EPERM);
    expect(ask("i386", "socket", [40])).toBe(EPERM);
  });

  test("keeps 32-bit programs working: socketcall, and both forms of calls", () => {
    for (const name of ["socketcall", "ipc", "waitpid", "_llseek", "clock_gettime64", "stat64"]) expect(ask("i386", name)).toBe(ALLOW);
    for (const name of ["breakpoint", "cacheflush", "set_tls", "arm_fadvise64_64"]) expect(ask("arm", name)).toBe(ALLOW);
    for (const name of ["execve", "ioctl", "recvmsg", "read"]) expect(ask("x32", name)).toBe(ALLOW);
  });

  test("lets clone make threads and processes, but no namespaces", () => {
    expect(ask("x86_64", "clone", [0x11])).toBe(ALLOW);
    expect(ask("x86_64", "clone", [0x3d0f00])).toBe(ALLOW);
    for (const bit of [17, 25, 26, 27, 28, 29, 30]) expect([bit, ask("x86_64", "clone", [(1 << bit) | 0x11])]).toEqual([bit, EPERM]);
    expect(ask("x86_64", "clone", [1n << 40n])).toBe(ALLOW);
    expect(ask("x86_64", "clone3")).toBe(ENOSYS);
  });

  test("lets personality do what is harmless", () => {
    for (const value of [0, 8, 0x20000, 0x20008, 0xffffffff]) expect(ask("x86_64", "personality", [value])).toBe(ALLOW);
    for (const value of [0x40000, 1, 9, 0x7fffffff]) expect(ask("x86_64", "personality", [value])).toBe(EPERM);
    expect(ask("x86_64", "personality", [(1n << 32n) | 8n])).toBe(EPERM);
    expect(ask("i386", "personality", [(1n << 32n) | 8n])).toBe(ALLOW);
  });

  test("says ENOSYS to calls younger than itself and to numbers that no kernel knows", () => {
    for (const nr of [467, 470, 500, 511, 548, 100_000, 0x3fffffff, 0xbfffffff, -1]) {
      expect([nr, runFilter(filterOf("x86_64"), { nr, arch: ARCH.x86_64 }).verdict]).toEqual([nr, ENOSYS]);
    }
    for (const nr of [467, 2000, -1]) expect(runFilter(filterOf("aarch64"), { nr, arch: ARCH.aarch64 }).verdict).toBe(ENOSYS);
    expect(runFilter(filterOf("aarch64"), { nr: 0xf0007, arch: ARCH.arm }).verdict).toBe(ENOSYS);
  });

  test("kills in a calling convention that is none of the machine's", () => {
    for (const arch of [ARCH.aarch64, ARCH.arm, 0, 0x80000015]) expect(runFilter(filterOf("x86_64"), { nr: 0, arch }).verdict).toBe(KILL_PROCESS);
    for (const arch of [ARCH.x86_64, ARCH.i386]) expect(runFilter(filterOf("aarch64"), { nr: 0, arch }).verdict).toBe(KILL_PROCESS);
  });

  test("opens calls with their capability, and closes chroot without its own", () => {
    const pairs = [["CAP_SYS_ADMIN", "mount"], ["CAP_SYS_ADMIN", "clone3"], ["CAP_SYS_PTRACE", "kcmp"], ["CAP_DAC_READ_SEARCH", "open_by_handle_at"], ["CAP_SYS_MODULE", "finit_module"], ["CAP_BPF", "bpf"], ["CAP_SYSLOG", "syslog"], ["CAP_SYS_NICE", "mbind"], ["CAP_SYS_TIME", "clock_settime"], ["CAP_SYS_CHROOT", "chroot"]] as const;
    for (const [capability, call] of pairs) {
      expect([call, ask("x86_64", call, [], [capability])]).toEqual([call, ALLOW]);
      expect(ask("x86_64", call, [], [])).toBe(call === "clone3" ? ENOSYS : EPERM);
    }
    expect(ask("x86_64", "clone", [0x10000000], ["CAP_SYS_ADMIN"])).toBe(ALLOW);
  });
});

describe("the filter", () => {
  test("is short, and decides every call in a few steps", () => {
    for (const machine of ["x86_64", "aarch64"] as const) expect(filterOf(machine).length / 8).toBeLessThan(300);
    let most = 0;
    for (let nr = 0; nr < 600; nr++) most = Math.max(most, runFilter(filterOf("x86_64"), { nr, arch: ARCH.x86_64 }).steps);
    expect(most).toBeLessThanOrEqual(20);
  });

  test("is the same for the whole argument as rules tried one by one", () => {
    const operators = ["SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_MASKED_EQ"];
    const values = [0, 1, 7, 0xffffffff, 2 ** 32, 2 ** 32 + 7, 2 ** 40];
    for (const op of operators) for (const value of values) for (const valueTwo of [0, 1, 2 ** 32]) {
      const profile: LinuxSeccomp = { defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64"], syscalls: [
        { names: ["ioctl"], action: "SCMP_ACT_ALLOW", args: [{ index: 1, value, valueTwo, op }, { index: 2, value: 5, op: "SCMP_CMP_EQ" }] },
        { names: ["ioctl"], action: "SCMP_ACT_ERRNO", errnoRet: 7, args: [{ index: 0, value: 9, op: "SCMP_CMP_EQ" }] },
      ] };
      const filter = compileSeccomp(profile, "x86_64");
      for (const one of values) for (const other of [5, 6]) for (const zero of [9, 10]) {
        const fits = other === 5 && holds(op, BigInt(one), BigInt(value), BigInt(valueTwo));
        const expected = fits ? ALLOW : zero === 9 ? 0x50007 : EPERM;
        expect([op, value, valueTwo, one, runFilter(filter, { nr: 16, arch: ARCH.x86_64, args: [zero, one, other] }).verdict]).toEqual([op, value, valueTwo, one, expected]);
      }
    }
  });

  test("decides as the kernel does with it, call by call, in every calling convention", () => {
    const machine = machineOf(process.arch);
    if (machine === null) throw new Error(`tests run on x86_64 and aarch64, not on ${process.arch}`);
    const folder = mkdtempSync(join(tmpdir(), "mdk-seccomp-"));
    try {
      const filter = filterOf(machine).slice();
      writeFileSync(join(folder, "filter"), withoutEffect(filter));
      const output = Bun.spawnSync([buildStatic("test/probe/seccomp.c"), join(folder, "filter"), "600"]).stdout.toString();
      const lines = output.trim().split("\n").map((line) => line.split(" "));
      expect(lines.length).toBe(machine === "x86_64" ? 3 * 601 : 601);
      const wrong = lines.filter(([abi, number, errno]) => {
        const nr = abi === "x32" ? Number(number) | X32 : Number(number);
        const arch = abi === "compat" ? ARCH.i386 : ARCH[machine];
        const args = Array<bigint>(6).fill(0xffffffffffffffffn);
        const { verdict } = runFilter(filter, { nr, arch, args });
        // The probe does not ask for uretprobe and uprobe.
        if ((nr === 335 || nr === 336) && abi === "native") return false;
        return Number(errno) !== (verdict === ALLOW ? 200 : verdict & 0xffff);
      });
      expect(wrong).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("decides as libseccomp's filter of the same profile does", () => {
    for (const capabilities of [DEFAULT_CAPABILITIES, [], ALL]) for (const machine of ["x86_64", "aarch64"] as const) {
      const profile = defaultProfile(capabilities, machine);
      const theirs = libseccompFilter(profile, machine);
      const abis: readonly Abi[] = machine === "x86_64" ? ["x86_64", "i386", "x32"] : ["aarch64", "arm"];
      for (const abi of abis) for (const [name, number] of syscallNumbers(abi === "x32" ? "x86_64" : abi)) {
        if (!theirs.names.has(name)) continue;
        const own = abi === "x32" ? (syscallNumbers("x32").get(name) ?? number) : number;
        const data = { nr: abi === "x32" ? own | X32 : own, arch: abi === "x32" ? ARCH.x86_64 : ARCH[abi] };
        for (const first of [0, 1, 8, 12, 16, 38, 40, 0x11, 0x20000, 0x10000011, 0xffffffff, 2 ** 33]) {
          // 32-bit calls have no upper half; for libseccomp x32 is one of them.
          if (first > 0xffffffff && abi !== machine) continue;
          const ours = runFilter(filterOf(machine, capabilities), { ...data, args: [first] }).verdict;
          const other = runFilter(theirs.filter, { ...data, args: [first] }).verdict;
          // x32 lacks some of x86_64's calls; the kernel answers ENOSYS there, so that mdk need not list them.
          if (abi === "x32" && other !== ALLOW && ours === runFilter(filterOf(machine, capabilities), { ...data, nr: own, args: [first] }).verdict) continue;
          expect([abi, name, first, ours === ALLOW]).toEqual([abi, name, first, other === ALLOW]);
        }
      }
    }
  });

  test("made when mdk was bundled is what the compiler makes, and other sets get theirs", async () => {
    for (const machine of ["x86_64", "aarch64"] as const) {
      expect(await seccompFilter(goldenSpec(), machine)).toBe(filterOf(machine).toBase64());
      const sets = [[], [...DEFAULT_CAPABILITIES, "CAP_SYS_PTRACE"], [...DEFAULT_CAPABILITIES, "CAP_NET_ADMIN"], ["CAP_SYS_ADMIN", "CAP_BPF"], ALL];
      for (const set of sets) expect(await seccompFilter(goldenSpec(), machine, set)).toBe(filterOf(machine, set).toBase64());
    }
  });

  test("is absent from privileged containers, and written out for other runtimes", async () => {
    expect(await seccompFilter(goldenSpec({ Privileged: true }), "x86_64")).toBe(null);
    const bundle = await withSeccompProfile(goldenSpec(), "x86_64");
    expect(bundle.linux.seccomp).toEqual(defaultProfile(DEFAULT_CAPABILITIES, "x86_64"));
    expect(await seccompFilter(bundle, "x86_64")).toBe(filterOf("x86_64").toBase64());
  });
});

describe("the profile", () => {
  test("names only calls that the table has", () => {
    const known = new Set((["x86_64", "i386", "aarch64", "arm"] as const).flatMap((abi) => [...syscallNumbers(abi).keys()]));
    const unknown = (["x86_64", "aarch64"] as const).flatMap((machine) => defaultProfile(ALL, machine).syscalls.flatMap((rule) => rule.names)).filter((name) => !known.has(name));
    expect(unknown).toEqual([]);
  });

  test("agrees with the numbers in this machine's kernel headers, where they are installed", () => {
    const header = "/usr/include/asm-generic/unistd.h";
    const text = (() => { try { return readFileSync(header, "utf8"); } catch { return ""; } })();
    for (const [, name, number] of text.matchAll(/^#define __NR_([a-z]\w*) (\d+)$/gm)) {
      const ours = syscallNumbers("aarch64").get(name as string);
      if (ours !== undefined) expect([name, ours]).toEqual([name, Number(number)]);
    }
  });
});

/** Every RET ALLOW becomes errno 200, so that no call is carried out. */
function withoutEffect(filter: Uint8Array): Uint8Array {
  const copy = filter.slice();
  const view = new DataView(copy.buffer);
  for (let at = 0; at < copy.length; at += 8) {
    if (view.getUint16(at, true) === 0x06 && view.getUint32(at + 4, true) === ALLOW) view.setUint32(at + 4, 0x00050000 | 200, true);
  }
  return copy;
}

function holds(op: string, argument: bigint, value: bigint, valueTwo: bigint): boolean {
  if (op === "SCMP_CMP_EQ") return argument === value;
  if (op === "SCMP_CMP_NE") return argument !== value;
  if (op === "SCMP_CMP_LT") return argument < value;
  if (op === "SCMP_CMP_LE") return argument <= value;
  if (op === "SCMP_CMP_GT") return argument > value;
  if (op === "SCMP_CMP_GE") return argument >= value;
  return (argument & value) === valueTwo;
}
