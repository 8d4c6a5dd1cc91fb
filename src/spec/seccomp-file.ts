/**
 * A seccomp profile in Docker's format (moby profiles/seccomp: seccomp.go, seccomp_linux.go) as the specification's: what depends on
 * capabilities, processor and kernel is decided. Pure.
 */
import { MdkError } from "../error.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "./types.ts";

/** What a profile's conditions ask for. */
export interface ProfileFacts {
  /** The bounding set, names with CAP_. */
  readonly capabilities: readonly string[];
  readonly machine: "x86_64" | "aarch64";
  /** "6.18.44-amd64". */
  readonly kernel: string;
}

/** Go's names of the processors, and libseccomp's. */
const ARCHES = { x86_64: ["amd64", "SCMP_ARCH_X86_64"], aarch64: ["arm64", "SCMP_ARCH_AARCH64"] } as const;

const ACTIONS: ReadonlySet<string> = new Set(["KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "TRACE", "ALLOW", "LOG"].map((name) => `SCMP_ACT_${name}`));
const OPERATORS: ReadonlySet<string> = new Set(["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"].map((name) => `SCMP_CMP_${name}`));
/** Every calling convention that libseccomp knows; those of other processors say nothing here. */
const ARCHITECTURES: ReadonlySet<string> = new Set([
  "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE", "S390", "S390X", "RISCV64", "LOONGARCH64",
].map((name) => `SCMP_ARCH_${name}`));
const FLAGS: ReadonlySet<string> = new Set(["TSYNC", "LOG", "SPEC_ALLOW"].map((name) => `SECCOMP_FILTER_FLAG_${name}`));
const ARGUMENTS = 6;
/** include/linux/err.h, MAX_ERRNO: what a larger one would be cut down to. */
const ERRNO_MAX = 4095;

const failed = (reason: string): MdkError => new MdkError("invalid", "invalid-seccomp", `Decoding seccomp profile failed: ${reason}`);

type Fields = Readonly<Record<string, unknown>>;

/** Throws MdkError, where Docker and runc have one in their sentence. A profile that says nothing at all confines nothing: null. */
export function readProfile(text: string, facts: ProfileFacts): LinuxSeccomp | null {
  const profile = fieldsOf(parse(text), "the profile");
  const calls = list(profile, "syscalls").map((item, index) => fieldsOf(item, `syscalls[${index}]`));
  const defaultAction = string(profile, "defaultAction");
  if (defaultAction === "" && calls.length === 0) return null;
  const result: LinuxSeccomp = { defaultAction: known(ACTIONS, defaultAction, "action"), architectures: architecturesOf(profile, facts), syscalls: [] };
  if (string(profile, "listenerPath") !== "") throw withoutListener();
  const errno = errnoOf(profile, "defaultErrnoRet");
  if (errno !== null) result.defaultErrnoRet = errno;
  const flags = strings(profile, "flags");
  if (flags.length > 0) result.flags = flags.map((flag) => known(FLAGS, flag, "flag"));
  for (const call of calls) {
    const rule = ruleOf(call);
    if (applies(call, facts)) result.syscalls.push(rule);
  }
  return result;
}

/** Integers of 64 bits do not fit in a number: the source text is looked at (ECMAScript 2026, JSON.parse source text access). */
function parse(text: string): unknown {
  try {
    return JSON.parse(text, reviveIntegers);
  } catch {
    throw failed("it is not valid JSON");
  }
}

/** JSON.parse's reviver: integers that a number cannot hold become bigints. */
export function reviveIntegers(this: unknown, _: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? "")) return value;
  return BigInt(context!.source!);
}

function architecturesOf(profile: Fields, { machine }: ProfileFacts): string[] {
  const named = strings(profile, "architectures");
  const map = list(profile, "archMap").map((item, index) => fieldsOf(item, `archMap[${index}]`));
  if (named.length > 0 && map.length > 0) throw failed("'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'");
  const own = map.find((entry) => string(entry, "architecture") === ARCHES[machine][1]);
  const all = own === undefined ? named : [string(own, "architecture"), ...strings(own, "subArchitectures")];
  return all.map((name) => known(ARCHITECTURES, name, "arch"));
}

function ruleOf(call: Fields): LinuxSyscall {
  const [name, names] = [string(call, "name"), strings(call, "names")];
  if (name !== "" && names.length > 0) throw failed("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
  const action = string(call, "action");
  if (action === "SCMP_ACT_NOTIFY") throw withoutListener();
  const errnoRet = errnoOf(call, "errnoRet");
  const args = list(call, "args").map((item, index) => argumentOf(fieldsOf(item, `args[${index}]`)));
  return { names: name === "" ? [...names] : [name], action: known(ACTIONS, action, "action"), ...(errnoRet === null ? {} : { errnoRet }), ...(args.length === 0 ? {} : { args }) };
}

function argumentOf(arg: Fields): LinuxSeccompArg {
  const index = integer(arg, "index");
  if (index < 0 || index >= ARGUMENTS) throw failed(`syscalls only have up to ${ARGUMENTS} arguments (${Number(index) + 1} given)`);
  return { index: Number(index), value: integer(arg, "value"), valueTwo: integer(arg, "valueTwo"), op: known(OPERATORS, string(arg, "op"), "operator") };
}

/** includes: all of it must hold; excludes: none of it may. */
function applies(call: Fields, facts: ProfileFacts): boolean {
  const [included, excluded] = ["includes", "excludes"].map((name) => (call[name] == null ? {} : fieldsOf(call[name], name))) as [Fields, Fields];
  const arch = ARCHES[facts.machine][0];
  const has = (capability: string): boolean => facts.capabilities.includes(capability);
  if (strings(excluded, "arches").includes(arch) || strings(excluded, "caps").some(has) || isYoung(excluded, facts)) return false;
  const arches = strings(included, "arches");
  const young = included["minKernel"] == null || isYoung(included, facts);
  return (arches.length === 0 || arches.includes(arch)) && strings(included, "caps").every(has) && young;
}

/** Whether the kernel is at least the one that "minKernel" names; false without one. */
function isYoung(condition: Fields, { kernel }: ProfileFacts): boolean {
  const least = string(condition, "minKernel");
  if (least === "") return false;
  const parts = /^(\d+)\.(\d+)$/.exec(least);
  if (parts === null) throw failed(`invalid kernel version: ${JSON.stringify(least)}`);
  const [major = 0, minor = 0] = kernel.split(".").map((part) => parseInt(part, 10));
  return major > Number(parts[1]) || (major === Number(parts[1]) && minor >= Number(parts[2]));
}

function known(names: ReadonlySet<string>, name: string, what: string): string {
  if (names.has(name)) return name;
  throw failed(`string ${name} is not a valid ${what} for seccomp`);
}

const withoutListener = (): MdkError =>
  new MdkError("unsupported", "seccomp-notify", "SCMP_ACT_NOTIFY is not supported by this version of mdk: nobody would listen for what the filter asks");

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw failed(`${what} is no object`);
  return value as Fields;
}

function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw failed(`${name} is no list`);
  return value;
}

function strings(fields: Fields, name: string): readonly string[] {
  return list(fields, name).map((value) => {
    if (typeof value !== "string") throw failed(`${name} is no list of strings`);
    return value;
  });
}

function string(fields: Fields, name: string): string {
  const value = fields[name] ?? "";
  if (typeof value !== "string") throw failed(`${name} is no string`);
  return value;
}

/** Unsigned, 64 bits. */
function integer(fields: Fields, name: string): number | bigint {
  const value = fields[name] ?? 0;
  const fits = typeof value === "bigint" ? value >= 0n && value < 1n << 64n : typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  if (!fits) throw failed(`${name} is no unsigned integer of 64 bits`);
  return value as number | bigint;
}

/** Null where the profile does not say. */
function errnoOf(fields: Fields, name: string): number | null {
  if (fields[name] == null) return null;
  const errno = integer(fields, name);
  if (errno > ERRNO_MAX) throw failed(`${name} is larger than ${ERRNO_MAX}`);
  return Number(errno);
}
