/** Device nodes of the host that a request names: what they are, read when the container is started. */
import { readdirSync, statSync, type Stats } from "node:fs";
import { MdkError } from "../../error.ts";
import type { DeviceNumbers } from "../../spec/block-io.ts";
import type { DeviceMapping, MappedDevice } from "../../spec/devices.ts";
import { majorOf, minorOf } from "./facts.ts";

const DEVICES_MAX = 4096;

/** A directory stands for the nodes in it and below. Throws Docker's sentence for what is neither (moby daemon/pkg/oci/devices_linux.go). */
export function readMappedDevices(mappings: readonly DeviceMapping[]): MappedDevice[] {
  return mappings.flatMap(({ PathOnHost, PathInContainer, CgroupPermissions: access }) => {
    const refuse = (reason: string): MdkError =>
      new MdkError("invalid", "invalid-device", `error gathering device information while adding custom device ${JSON.stringify(PathOnHost)}: ${reason}`);
    const stat = statSync(PathOnHost, { throwIfNoEntry: false });
    if (stat === undefined) throw refuse("no such file or directory");
    if (!stat.isDirectory()) {
      if (!isDevice(stat)) throw refuse("not a device node");
      return [deviceOf(PathInContainer, stat, access)];
    }
    const found = walk(PathOnHost, PathInContainer, access);
    if (found.length === 0) throw refuse("not a device node");
    return found;
  });
}

const isDevice = (stat: Stats): boolean => stat.isBlockDevice() || stat.isCharacterDevice();

function walk(directory: string, place: string, access: string): MappedDevice[] {
  const found: MappedDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const { name } = entry;
    const stat = statSync(`${directory}/${name}`, { throwIfNoEntry: false });
    if (stat === undefined || found.length >= DEVICES_MAX) continue;
    // Not through links: they may lead round in a circle.
    if (entry.isDirectory()) found.push(...walk(`${directory}/${name}`, `${place}/${name}`, access));
    else if (isDevice(stat)) found.push(deviceOf(`${place}/${name}`, stat, access));
  }
  return found;
}

function deviceOf(path: string, stat: Stats, access: string): MappedDevice {
  return {
    path, type: stat.isBlockDevice() ? "b" : "c", major: majorOf(stat.rdev), minor: minorOf(stat.rdev), fileMode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, access,
  };
}

/** Of devices whose use is limited. Docker's sentence for one that is not there. */
export function readDeviceNumbers(paths: readonly string[]): DeviceNumbers {
  return new Map(paths.map((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw new MdkError("invalid", "invalid-device", `stat ${path}: no such file or directory`);
    if (!stat.isBlockDevice()) throw new MdkError("invalid", "invalid-device", `${path}: not a block device`);
    return [path, { major: majorOf(stat.rdev), minor: minorOf(stat.rdev) }];
  }));
}
