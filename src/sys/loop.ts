/** Loop devices (loop(4)) by ioctl: a file as a block device that is let go with its last user (autoclear). */
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, statSync, unlinkSync } from "node:fs";
import { makeDevice, mknodAt } from "./at.ts";
import { E } from "./errno.ts";
import { check, errno, libc, SysError } from "./ffi.ts";
import { S_IF } from "./linux.ts";
import { AT_FDCWD } from "./mount.ts";

const c = libc({ ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });

/** include/uapi/linux/loop.h. */
const LOOP_GET_STATUS64 = 0x4c05;
const LOOP_CONFIGURE = 0x4c0a; // since Linux 5.8
const LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_AUTOCLEAR = 4;
/** struct loop_config: fd and block_size before a struct loop_info64, 64 bytes after it. */
const CONFIG = { bytes: 304, flags: 8 + 52, name: 8 + 56, nameBytes: 64 } as const;
const INFO_BYTES = 232;
const INFO_NAME = CONFIG.name - 8;

const CONTROL = { path: "/dev/loop-control", major: 10, minor: 237 } as const;
const BLOCK_MAJOR = 7;
/** Others take devices at the same moment. */
const TRIES = 64;

export interface LoopDevice {
  /** Keeps the device until something is mounted from it. */
  readonly fd: number;
  /** "/dev/loop7": its node, which release() takes away again where it had to be made. */
  readonly path: string;
  /** Closes the descriptor. */
  release(): void;
}

/**
 * A free device on the file, read-write, cleared by itself when its last user goes. The device keeps the open file, and with it the
 * file's lock (sys/lock.ts). A container's /dev has the nodes that were there when it began: missing ones are made. Throws SysError.
 */
export function attachLoop(file: number, name: string): LoopDevice {
  const control = openNode(CONTROL.path, S_IF.CHR, CONTROL.major, CONTROL.minor);
  try {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const number = check(c().ioctl(control.fd, LOOP_CTL_GET_FREE, null), "ioctl", "LOOP_CTL_GET_FREE");
      const device = openNode(`/dev/loop${number}`, S_IF.BLK, BLOCK_MAJOR, number);
      const config = Buffer.alloc(CONFIG.bytes);
      config.writeUInt32LE(file, 0);
      config.writeUInt32LE(LO_FLAGS_AUTOCLEAR, CONFIG.flags);
      config.write(name, CONFIG.name, CONFIG.nameBytes - 1);
      if (c().ioctl(device.fd, LOOP_CONFIGURE, config) === 0) return device;
      const code = errno();
      device.release();
      if (code !== E.EBUSY) throw new SysError("ioctl", code, `LOOP_CONFIGURE ${device.path}`);
    }
    throw new SysError("ioctl", E.EBUSY, "LOOP_CONFIGURE");
  } finally {
    control.release();
  }
}

/** Whether the kernel hands out loop devices here. Nothing is taken. */
export function hasLoopDevices(): boolean {
  try {
    const control = openNode(CONTROL.path, S_IF.CHR, CONTROL.major, CONTROL.minor);
    try {
      check(c().ioctl(control.fd, LOOP_CTL_GET_FREE, null), "ioctl", "LOOP_CTL_GET_FREE");
      return true;
    } finally {
      control.release();
    }
  } catch (error) {
    if (error instanceof SysError || typeof (error as { code?: unknown }).code === "string") return false;
    throw error;
  }
}

/** The device that has the file already, or null: whoever attached it may have been killed, or be in another mount namespace. */
export function findLoop(file: number): LoopDevice | null {
  const { dev, ino } = fstatSync(file, { bigint: true });
  return search((info) => info.readBigUInt64LE(0) === dev && info.readBigUInt64LE(8) === ino);
}

/** Whether any device was attached with that name. */
export function hasLoopNamed(name: string): boolean {
  const found = search((info) => info.toString("latin1", INFO_NAME, INFO_NAME + CONFIG.nameBytes).split("\0", 1)[0] === name);
  found?.release();
  return found !== null;
}

/** The first device that says so of itself; open, it is not let go and taken for another file. */
function search(isIt: (info: Buffer) => boolean): LoopDevice | null {
  for (const number of attachedNumbers()) {
    let device: LoopDevice;
    try {
      device = openNode(`/dev/loop${number}`, S_IF.BLK, BLOCK_MAJOR, number);
    } catch {
      continue; // let go meanwhile
    }
    const info = Buffer.alloc(INFO_BYTES);
    if (c().ioctl(device.fd, LOOP_GET_STATUS64, info) === 0 && isIt(info)) return device;
    device.release();
  }
  return null;
}

function attachedNumbers(): number[] {
  if (!existsSync("/sys/block")) return [];
  return readdirSync("/sys/block").filter((name) => /^loop\d+$/.test(name) && existsSync(`/sys/block/${name}/loop`)).map((name) => Number(name.slice(4)));
}

/** Opens a device by its node; one that is missing, or another's, is made for as long as it is needed. */
function openNode(path: string, kind: number, major: number, minor: number): LoopDevice {
  const device = makeDevice(major, minor);
  const made = statSync(path, { throwIfNoEntry: false, bigint: true })?.rdev !== device;
  if (made) mknodAt(AT_FDCWD, path, kind | 0o600, device);
  const remove = (): void => {
    if (made && existsSync(path)) unlinkSync(path);
  };
  try {
    const fd = openSync(path, constants.O_RDWR);
    return {
      fd, path,
      release: () => {
        closeSync(fd);
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
