/** bpf(2): loads a device program and attaches it to a cgroup v2 directory. */
import { closeSync, constants, openSync } from "node:fs";
import { check, libc, ptr } from "./ffi.ts";

const symbols = libc({ syscall: { args: ["i64", "i64", "ptr", "i64"], returns: "i64" } });

const SYS_BPF = process.arch === "arm64" ? 280 : 321;
// include/uapi/linux/bpf.h
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
const BPF_F_ALLOW_MULTI = 2;

/** Loads eBPF instructions (eight bytes each) as a device program. Returns its descriptor. Throws SysError. */
export function loadDeviceProgram(instructions: Uint8Array<ArrayBuffer>): number {
  const license = Buffer.from("MIT\0");
  const attributes = new Uint8Array(72);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
  view.setUint32(4, instructions.length / 8, true);
  view.setBigUint64(8, BigInt(ptr(instructions)), true);
  view.setBigUint64(16, BigInt(ptr(license)), true);
  attributes.set(Buffer.from("mdk_devices"), 48);
  const descriptor = check(
    symbols().syscall(SYS_BPF, BPF_PROG_LOAD, attributes, attributes.length),
    "bpf(BPF_PROG_LOAD)",
    `${instructions.length / 8} instructions`,
  );
  // The kernel reads both through the addresses above: they must outlive the call.
  void [instructions, license].length;
  return descriptor;
}

/** Attaches the program to the group's directory; it stays until the directory is removed. Throws SysError. */
export function attachDeviceProgram(program: number, directory: string): void {
  const group = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const attributes = new Uint8Array(16);
    const view = new DataView(attributes.buffer);
    view.setUint32(0, group, true);
    view.setUint32(4, program, true);
    view.setUint32(8, BPF_CGROUP_DEVICE, true);
    view.setUint32(12, BPF_F_ALLOW_MULTI, true);
    check(symbols().syscall(SYS_BPF, BPF_PROG_ATTACH, attributes, attributes.length), "bpf(BPF_PROG_ATTACH)", directory);
  } finally {
    closeSync(group);
  }
}
