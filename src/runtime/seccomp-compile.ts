/**
 * An OCI seccomp profile to a classic BPF filter: the calling convention first, then a binary search over the call's number,
 * then arguments where a rule looks at them. A list takes the kernel 667 comparisons at worst and a millisecond to
 * install; a search needs eight or nine and a third of the instructions.
 */
import { MdkError } from "../error.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../spec/types.ts";
import { BPF, BpfProgram, type Label, type Range, type Target } from "./bpf-program.ts";
import type { Machine } from "./seccomp-profile.ts";
import { syscallNumbers, type Abi } from "./syscalls.ts";

/** include/uapi/linux/seccomp.h. */
const RET = { ALLOW: 0x7fff0000, LOG: 0x7ffc0000, TRACE: 0x7ff00000, ERRNO: 0x00050000, TRAP: 0x00030000, KILL_THREAD: 0, KILL_PROCESS: 0x80000000 } as const;

/** include/uapi/linux/audit.h. */
const AUDIT_ARCH = { x86_64: 0xc000003e, i386: 0x40000003, aarch64: 0xc00000b7, arm: 0x40000028 } as const;

/** struct seccomp_data. */
const NR = 0;
const ARCH = 4;
const ARGS = 16;

const EPERM = 1;
const ENOSYS = 38;
/** x32 calls come as x86_64 calls with this bit. */
const X32_BIT = 0x40000000;
/** arm's private calls; they say nothing about how young the profile is. */
const ARM_PRIVATE = 0xf0000;

const ARCHITECTURES: Readonly<Record<string, Abi>> = {
  SCMP_ARCH_X86_64: "x86_64", SCMP_ARCH_X86: "i386", SCMP_ARCH_X32: "x32", SCMP_ARCH_AARCH64: "aarch64", SCMP_ARCH_ARM: "arm",
};

/**
 * struct sock_filter[] of a profile on one kind of processor. Calls above the profile's highest number of a convention
 * answer ENOSYS where the default is EPERM (as runc does): the profile's author cannot have known them. A convention that
 * the profile does not name kills. Names that this table lacks are passed over, as libseccomp does.
 * Errors: MdkError for unknown actions or operators.
 */
export function compileSeccomp(profile: LinuxSeccomp, machine: Machine): Uint8Array<ArrayBuffer> {
  const abis = new Set(profile.architectures.flatMap((name) => ARCHITECTURES[name] ?? []));
  abis.add(machine);
  const [native, compat] = machine === "x86_64" ? (["x86_64", "i386"] as const) : (["aarch64", "arm"] as const);
  const program = new BpfProgram();
  const kill = (): Label => program.place(constant(RET.KILL_PROCESS));
  const compatEntry = abis.has(compat) ? program.then(BPF.LOAD, NR, program.search(ranges(profile, [compat]))) : kill();
  const tree = program.search(ranges(profile, abis.has("x32") ? [native, "x32"] : [native]));
  // Without x32 in the profile the bit stays, and the number is above every other.
  const number = abis.has("x32") ? program.then(BPF.AND, (~X32_BIT) >>> 0, tree) : tree;
  const nativeEntry = program.then(BPF.LOAD, NR, number);
  const other = program.branch(BPF.JEQ, AUDIT_ARCH[compat], compatEntry, kill());
  const first = program.branch(BPF.JEQ, AUDIT_ARCH[native], nativeEntry, other);
  program.then(BPF.LOAD, ARCH, first);
  return program.bytes();
}

/** What happens to every number of one convention (or of x86_64 and x32 together: their numbers do not collide). */
function ranges(profile: LinuxSeccomp, abis: readonly Abi[]): Range[] {
  const otherwise = constant(action(profile.defaultAction, profile.defaultErrnoRet));
  const young = otherwise.key === constant(RET.ERRNO | EPERM).key ? constant(RET.ERRNO | ENOSYS) : otherwise;
  const verdicts = new Map<number, Target>();
  let youngest = 0;
  for (const abi of abis) {
    const numbers = syscallNumbers(abi);
    for (const [name, rules] of rulesByName(profile)) {
      const number = numbers.get(name);
      if (number === undefined) continue;
      if (number < ARM_PRIVATE && abi !== "x32") youngest = Math.max(youngest, number);
      verdicts.set(number, verdict(rules, otherwise, abi !== "i386" && abi !== "arm"));
    }
  }
  // x32's own numbers begin at 512: refused ones among them are old.
  const x32 = abis.includes("x32") ? [...syscallNumbers("x32").values()] : [];
  for (const number of x32) if (!verdicts.has(number)) verdicts.set(number, otherwise);
  const result: Range[] = [];
  let next = 0;
  for (const [number, target] of [...verdicts].sort((a, b) => a[0] - b[0])) {
    if (number > next) result.push(...gap(next, number, youngest, otherwise, young));
    result.push({ start: number, target });
    next = number + 1;
  }
  return [...result, ...gap(next, 2 ** 32, youngest, otherwise, young)];
}

/** Numbers from `from` up to `to` that no rule names. */
function gap(from: number, to: number, youngest: number, otherwise: Target, young: Target): Range[] {
  if (from > youngest) return [{ start: from, target: young }];
  return to > youngest + 1 ? [{ start: from, target: otherwise }, { start: youngest + 1, target: young }] : [{ start: from, target: otherwise }];
}

function rulesByName(profile: LinuxSeccomp): Map<string, LinuxSyscall[]> {
  const rules = new Map<string, LinuxSyscall[]>();
  for (const rule of profile.syscalls) {
    for (const name of rule.names) {
      const list = rules.get(name);
      if (list === undefined) rules.set(name, [rule]);
      else list.push(rule);
    }
  }
  return rules;
}

/**
 * Rules of one call: one without arguments decides; else the first whose arguments all fit; else the default. `wide`: the
 * convention has 64-bit arguments. Of a 32-bit one only the lower half may be looked at: a 64-bit program that calls by
 * int 0x80 can put anything into the upper, and the call does not see it.
 */
function verdict(all: readonly LinuxSyscall[], otherwise: Target, wide: boolean): Target {
  const rules = all.flatMap(separate);
  const plain = rules.find((rule) => (rule.args ?? []).length === 0);
  if (plain !== undefined) return constant(action(plain.action, plain.errnoRet ?? EPERM));
  const checks = rules.map((rule) => ({ target: constant(action(rule.action, rule.errnoRet ?? EPERM)), args: rule.args ?? [] }));
  return valueSearch(checks, otherwise, wide) ?? {
    key: JSON.stringify([checks.map(({ target, args }) => [target.key, args.map(({ index, value, valueTwo = 0, op }) => [index, String(value), String(valueTwo), op])]), otherwise.key, wide]),
    emit: (program) => {
      let next = program.place(otherwise);
      for (const { target, args } of checks.toReversed()) {
        const no = next;
        let yes = program.place(target);
        for (const arg of args.toReversed()) yes = compare(program, arg, wide, yes, no);
        next = yes;
      }
      return next;
    },
  };
}

/** Conditions on one argument count each for itself, and not only those: runc's way (libcontainer/seccomp, matchCall). */
function separate(rule: LinuxSyscall): LinuxSyscall[] {
  const args = rule.args ?? [];
  return new Set(args.map(({ index }) => index)).size === args.length ? [rule] : args.map((arg) => ({ ...rule, args: [arg] }));
}

interface Check {
  readonly target: Target;
  readonly args: readonly LinuxSeccompArg[];
}

/** Many rules that compare one argument with small values become one search over the values; null where they do not. */
function valueSearch(checks: readonly Check[], otherwise: Target, wide: boolean): Target | null {
  const first = checks[0];
  const arg = first?.args[0];
  if (first === undefined || arg === undefined || checks.length < 2) return null;
  const simple = checks.every(({ target, args }) => {
    const [only, ...more] = args;
    return more.length === 0 && only?.index === arg.index && only.value < 2 ** 32 && target.key === first.target.key &&
      (only.op === "SCMP_CMP_EQ" || (only.op === "SCMP_CMP_LT" && only.value > 0));
  });
  if (!simple) return null;
  const spans = checks.map(({ args: [only] }) => {
    const value = Number(only?.value ?? 0);
    return only?.op === "SCMP_CMP_EQ" ? { start: value, end: value + 1 } : { start: 0, end: value };
  }).sort((a, b) => a.start - b.start || b.end - a.end);
  const result: Range[] = [];
  let next = 0;
  for (const { start, end } of spans) {
    if (start > next || result.length === 0 && start > 0) result.push({ start: next, target: otherwise });
    if (end > next) result.push({ start: Math.max(start, next), target: first.target });
    next = Math.max(next, end);
  }
  if (next < 2 ** 32) result.push({ start: next, target: otherwise });
  return {
    key: JSON.stringify([first.target.key, otherwise.key, arg.index, spans, wide]),
    emit: (program) => {
      const low = program.then(BPF.LOAD, lowWord(arg.index), program.search(result));
      return !wide ? low : program.then(BPF.LOAD, highWord(arg.index), program.branch(BPF.JEQ, 0, low, program.place(otherwise)));
    },
  };
}

/** One comparison of a 64-bit argument, in two halves. */
function compare(program: BpfProgram, arg: LinuxSeccompArg, wide: boolean, yes: Label, no: Label): Label {
  const [high, low] = halves(arg.value);
  const words = (code: number, t: Label, f: Label): Label => {
    const inner = program.then(BPF.LOAD, lowWord(arg.index), program.branch(code, low, t, f));
    if (!wide) return inner;
    const same = program.branch(BPF.JEQ, high, inner, f);
    return program.then(BPF.LOAD, highWord(arg.index), code === BPF.JEQ ? same : program.branch(BPF.JGT, high, t, same));
  };
  switch (arg.op) {
    case "SCMP_CMP_EQ": return words(BPF.JEQ, yes, no);
    case "SCMP_CMP_NE": return words(BPF.JEQ, no, yes);
    case "SCMP_CMP_GE": return words(BPF.JGE, yes, no);
    case "SCMP_CMP_GT": return words(BPF.JGT, yes, no);
    case "SCMP_CMP_LT": return words(BPF.JGE, no, yes);
    case "SCMP_CMP_LE": return words(BPF.JGT, no, yes);
    case "SCMP_CMP_MASKED_EQ": return masked(program, arg, wide, yes, no);
    default: throw new MdkError("invalid", "invalid-seccomp", `seccomp: unknown operator ${arg.op}`);
  }
}

/** (argument & value) == valueTwo. */
function masked(program: BpfProgram, arg: LinuxSeccompArg, wide: boolean, yes: Label, no: Label): Label {
  const [highMask, lowMask] = halves(arg.value);
  const [high, low] = halves(arg.valueTwo ?? 0);
  const half = (offset: number, mask: number, value: number, next: Label): Label =>
    program.then(BPF.LOAD, offset, program.then(BPF.AND, mask, program.branch(BPF.JEQ, value, next, no)));
  const inner = half(lowWord(arg.index), lowMask, low, yes);
  return !wide || (highMask === 0 && high === 0) ? inner : half(highWord(arg.index), highMask, high, inner);
}

function constant(value: number): Target {
  return { key: `return ${value >>> 0}`, emit: (program) => program.put(BPF.RET, value >>> 0) };
}

function action(name: string, errno = EPERM): number {
  switch (name) {
    case "SCMP_ACT_ALLOW": return RET.ALLOW;
    case "SCMP_ACT_LOG": return RET.LOG;
    case "SCMP_ACT_ERRNO": return RET.ERRNO | (errno & 0xffff);
    case "SCMP_ACT_TRACE": return RET.TRACE | (errno & 0xffff);
    case "SCMP_ACT_TRAP": return RET.TRAP;
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD": return RET.KILL_THREAD;
    case "SCMP_ACT_KILL_PROCESS": return RET.KILL_PROCESS;
    default: throw new MdkError("invalid", "invalid-seccomp", `seccomp: unknown action ${name}`);
  }
}

function halves(value: number | bigint): [high: number, low: number] {
  const wide = BigInt.asUintN(64, BigInt(value));
  return [Number(wide >> 32n), Number(wide & 0xffffffffn)];
}

function lowWord(index: number): number {
  return ARGS + index * 8;
}

function highWord(index: number): number {
  return ARGS + index * 8 + 4;
}
