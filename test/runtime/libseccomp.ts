/** libseccomp as a second compiler of OCI profiles: the library that runc and crun use, called through FFI. */
import { dlopen, FFIType } from "bun:ffi";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine } from "../../src/runtime/seccomp-profile.ts";
import type { LinuxSeccomp, LinuxSeccompArg } from "../../src/spec/types.ts";

const { ptr, u32, i32, u64, cstring } = FFIType;

/** include/seccomp.h: enum scmp_compare, actions, tokens of the architectures. */
const COMPARE: Readonly<Record<string, number>> = {
  SCMP_CMP_NE: 1, SCMP_CMP_LT: 2, SCMP_CMP_LE: 3, SCMP_CMP_EQ: 4, SCMP_CMP_GE: 5, SCMP_CMP_GT: 6, SCMP_CMP_MASKED_EQ: 7,
};
const TOKENS: Readonly<Record<string, number>> = {
  SCMP_ARCH_X86_64: 0xc000003e, SCMP_ARCH_X86: 0x40000003, SCMP_ARCH_X32: 0x4000003e, SCMP_ARCH_AARCH64: 0xc00000b7, SCMP_ARCH_ARM: 0x40000028,
};

function library() {
  return dlopen("libseccomp.so.2", {
    seccomp_init: { args: [u32], returns: ptr },
    seccomp_release: { args: [ptr], returns: FFIType.void },
    seccomp_arch_add: { args: [ptr, u32], returns: i32 },
    seccomp_arch_remove: { args: [ptr, u32], returns: i32 },
    seccomp_arch_native: { args: [], returns: u32 },
    seccomp_syscall_resolve_name: { args: [cstring], returns: i32 },
    seccomp_rule_add_array: { args: [ptr, u32, i32, u32, ptr], returns: i32 },
    seccomp_export_bpf: { args: [ptr, i32], returns: i32 },
    seccomp_attr_set: { args: [ptr, u32, u64], returns: i32 },
  }).symbols;
}

/** The filter, and the names that this version of the library knows. */
export function libseccompFilter(profile: LinuxSeccomp, machine: Machine): { filter: Uint8Array; names: ReadonlySet<string> } {
  const lib = library();
  const context = lib.seccomp_init(0x00050000 | (profile.defaultErrnoRet ?? 1));
  if (context === null) throw new Error("seccomp_init");
  const path = join(tmpdir(), `mdk-libseccomp-${process.pid}-${machine}`);
  try {
    for (const name of profile.architectures) {
      const token = TOKENS[name] as number;
      if (token !== lib.seccomp_arch_native()) check(lib.seccomp_arch_add(context, token), `arch ${name}`);
    }
    if (!profile.architectures.some((name) => TOKENS[name] === lib.seccomp_arch_native())) {
      check(lib.seccomp_arch_remove(context, lib.seccomp_arch_native()), "arch remove");
    }
    const names = new Set<string>();
    for (const rule of profile.syscalls) for (const name of rule.names) {
      const number = lib.seccomp_syscall_resolve_name(Buffer.from(`${name}\0`) as unknown as never);
      if (number === -1) continue;
      names.add(name);
      const action = rule.action === "SCMP_ACT_ALLOW" ? 0x7fff0000 : 0x00050000 | (rule.errnoRet ?? 1);
      const args = rule.args ?? [];
      check(lib.seccomp_rule_add_array(context, action, number, args.length, args.length === 0 ? null : comparisons(args)), name);
    }
    const fd = openSync(path, "w");
    check(lib.seccomp_export_bpf(context, fd), "export");
    closeSync(fd);
    return { filter: new Uint8Array(readFileSync(path)), names };
  } finally {
    lib.seccomp_release(context);
    rmSync(path, { force: true });
  }
}

/** struct scmp_arg_cmp[]: u32 arg, i32 op, u64 datum_a, u64 datum_b. */
function comparisons(args: readonly LinuxSeccompArg[]): Buffer {
  const buffer = Buffer.alloc(args.length * 24);
  args.forEach(({ index, op, value, valueTwo }, at) => {
    buffer.writeUInt32LE(index, at * 24);
    buffer.writeInt32LE(COMPARE[op] as number, at * 24 + 4);
    buffer.writeBigUInt64LE(BigInt(value), at * 24 + 8);
    buffer.writeBigUInt64LE(BigInt(valueTwo ?? 0), at * 24 + 16);
  });
  return buffer;
}

function check(result: number, what: string): void {
  // -EDOM and -EOPNOTSUPP: the rule has no meaning in one of the architectures; runc passes over them too.
  if (result !== 0 && result !== -33 && result !== -95 && result !== -17) throw new Error(`libseccomp: ${what}: ${result}`);
}
