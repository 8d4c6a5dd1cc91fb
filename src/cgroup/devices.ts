/**
 * Device rules: pure. The kernel's v1 device cgroup keeps a default and a list of exceptions, changed rule by rule; on
 * v2 the same decision is an eBPF program. Both come from one list of rules, so that both decide alike.
 */
import type { LinuxDeviceCgroup } from "../spec/types.ts";

/** What is written where on v1: `devices.allow` or `devices.deny`. */
export interface DeviceWrite {
  readonly file: "devices.allow" | "devices.deny";
  readonly value: string;
}

export function planDeviceWrites(rules: readonly LinuxDeviceCgroup[]): DeviceWrite[] {
  return rules.map((rule) => ({
    file: rule.allow ? "devices.allow" : "devices.deny",
    value: isAll(rule) ? "a" : `${rule.type} ${known(rule.major) ?? "*"}:${known(rule.minor) ?? "*"} ${rule.access}`,
  }));
}

/** True where the rules end in "everything": a group without rules, or a program, says that already. */
export function allowsEverything(rules: readonly LinuxDeviceCgroup[]): boolean {
  const { allow, exceptions } = reduce(rules);
  return allow && exceptions.length === 0;
}

type Specific = LinuxDeviceCgroup & { readonly type: "b" | "c" };

function isAll(rule: LinuxDeviceCgroup): rule is LinuxDeviceCgroup & { readonly type?: "a" | undefined } {
  return rule.type === undefined || rule.type === "a";
}

function known(number: number | null | undefined): number | null {
  return number === undefined || number === null || number < 0 ? null : number;
}

interface Exception {
  readonly type: "b" | "c";
  readonly major: number | null;
  readonly minor: number | null;
  access: number;
}

// include/uapi/linux/bpf.h: BPF_DEVCG_*.
const TYPES = { b: 1, c: 2 } as const;
const ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const ACCESS_ALL = 7;

/** The state that v1 reaches after the rules (security/device_cgroup.c, devcgroup_update_access). */
function reduce(rules: readonly LinuxDeviceCgroup[]): { allow: boolean; exceptions: Exception[] } {
  let allow = true;
  let exceptions: Exception[] = [];
  for (const rule of rules) {
    if (isAll(rule)) {
      allow = rule.allow;
      exceptions = [];
      continue;
    }
    const { type } = rule as Specific;
    const major = known(rule.major);
    const minor = known(rule.minor);
    const access = [...rule.access].reduce((mask, letter) => mask | (ACCESS[letter] ?? 0), 0);
    const same = exceptions.find((other) => other.type === type && other.major === major && other.minor === minor);
    if (rule.allow === allow) {
      if (same !== undefined) same.access &= ~access;
    } else if (same !== undefined) same.access |= access;
    else exceptions.push({ type, major, minor, access });
  }
  return { allow, exceptions: exceptions.filter((exception) => exception.access !== 0) };
}

/**
 * The rules as a program of type BPF_PROG_TYPE_CGROUP_DEVICE (eight bytes an instruction, in the machine's order, which is
 * little-endian on every platform of mdk): 1 lets the access pass, 0 refuses it.
 */
export function assembleDeviceProgram(rules: readonly LinuxDeviceCgroup[]): Uint8Array<ArrayBuffer> {
  const { allow, exceptions } = reduce(rules);
  const code = new Assembler();
  // struct bpf_cgroup_dev_ctx: access_type (type in the low half, access above), major, minor. r1 points to it.
  code.emit(LDX_W, 2, 1, 0, 0).emit(LDX_W, 4, 1, 4, 0).emit(LDX_W, 5, 1, 8, 0);
  code.emit(MOV32_REG, 3, 2, 0, 0).emit(RSH32, 3, 0, 0, 16).emit(AND32, 2, 0, 0, 0xffff);
  for (const exception of exceptions) emitException(code, exception, allow);
  code.emit(MOV32, 0, 0, 0, allow ? 1 : 0).emit(EXIT, 0, 0, 0, 0);
  return code.finish();
}

// Documentation/bpf/standardization/instruction-set.rst: opcodes.
const LDX_W = 0x61;
const MOV32 = 0xb4;
const MOV32_REG = 0xbc;
const AND32 = 0x54;
const RSH32 = 0x74;
const JEQ32 = 0x16;
const JNE32 = 0x56;
const EXIT = 0x95;

/**
 * By default refused: an access passes when one exception covers all of it. By default allowed: it is refused when an
 * exception touches any of it (match_exception and match_exception_partial of security/device_cgroup.c).
 */
function emitException(code: Assembler, { type, major, minor, access }: Exception, allow: boolean): void {
  const jumps = [code.jump(JNE32, 2, TYPES[type])];
  code.emit(MOV32_REG, 0, 3, 0, 0);
  if (allow) {
    code.emit(AND32, 0, 0, 0, access);
    jumps.push(code.jump(JEQ32, 0, 0));
  } else if (access !== ACCESS_ALL) {
    code.emit(AND32, 0, 0, 0, ACCESS_ALL & ~access);
    jumps.push(code.jump(JNE32, 0, 0));
  }
  if (major !== null) jumps.push(code.jump(JNE32, 4, major));
  if (minor !== null) jumps.push(code.jump(JNE32, 5, minor));
  code.emit(MOV32, 0, 0, 0, allow ? 0 : 1).emit(EXIT, 0, 0, 0, 0);
  for (const jump of jumps) code.land(jump);
}

class Assembler {
  private readonly words: { opcode: number; registers: number; offset: number; immediate: number }[] = [];

  emit(opcode: number, destination: number, source: number, offset: number, immediate: number): this {
    this.words.push({ opcode, registers: destination | (source << 4), offset, immediate });
    return this;
  }

  /** A jump forward whose target is set by `land`. */
  jump(opcode: number, register: number, immediate: number): number {
    this.emit(opcode, register, 0, 0, immediate);
    return this.words.length - 1;
  }

  land(jump: number): void {
    const word = this.words[jump];
    if (word !== undefined) word.offset = this.words.length - jump - 1;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.words.length * 8);
    const view = new DataView(bytes.buffer);
    this.words.forEach(({ opcode, registers, offset, immediate }, index) => {
      view.setUint8(index * 8, opcode);
      view.setUint8(index * 8 + 1, registers);
      view.setInt16(index * 8 + 2, offset, true);
      view.setInt32(index * 8 + 4, immediate, true);
    });
    return bytes;
  }
}
