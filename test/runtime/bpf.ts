/** A second reading of classic BPF, for tests: runs a seccomp filter as kernel/seccomp.c says, slowly and literally. */

export interface SeccompData {
  readonly nr: number;
  readonly arch: number;
  readonly args?: readonly (number | bigint)[];
}

/** SECCOMP_RET_* with its data, and how many instructions it took. Throws for what the kernel would refuse. */
export function runFilter(filter: Uint8Array, data: SeccompData): { verdict: number; steps: number } {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const words = new DataView(new ArrayBuffer(64));
  words.setUint32(0, data.nr >>> 0, true);
  words.setUint32(4, data.arch >>> 0, true);
  (data.args ?? []).forEach((value, index) => words.setBigUint64(16 + index * 8, BigInt.asUintN(64, BigInt(value)), true));
  let accumulator = 0;
  let steps = 0;
  for (let pc = 0; ; pc++) {
    if (pc * 8 >= filter.length) throw new Error("ran off the end");
    steps++;
    const code = view.getUint16(pc * 8, true);
    const jt = view.getUint8(pc * 8 + 2);
    const jf = view.getUint8(pc * 8 + 3);
    const k = view.getUint32(pc * 8 + 4, true);
    if (code === 0x20) accumulator = words.getUint32(k, true);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x05) pc += k;
    else if (code === 0x15) pc += accumulator === k ? jt : jf;
    else if (code === 0x25) pc += accumulator > k ? jt : jf;
    else if (code === 0x35) pc += accumulator >= k ? jt : jf;
    else if (code === 0x45) pc += (accumulator & k) !== 0 ? jt : jf;
    else if (code === 0x06) return { verdict: k, steps };
    else throw new Error(`code ${code.toString(16)} at ${pc}`);
  }
}

export const ARCH = { x86_64: 0xc000003e, i386: 0x40000003, aarch64: 0xc00000b7, arm: 0x40000028 } as const;
export const ALLOW = 0x7fff0000;
export const EPERM = 0x00050001;
export const ENOSYS = 0x00050026;
export const KILL_PROCESS = 0x80000000;
