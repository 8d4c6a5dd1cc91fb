/** Limits as writes to cgroup files: the words in which they are planned. Pure. */
import { MdkError } from "../error.ts";

export type Version = "v1" | "v2";

/** The version of the hierarchy that has the controller; null: none has it. */
export type VersionOf = (controller: string) => Version | null;

/** Whether the controller has a file of this name in the groups of mdk. */
export type Exists = (controller: string, file: string) => boolean;

/** One file to write in the group's directory of the controller's hierarchy, in the order of the list. */
export interface GroupWrite {
  readonly controller: string;
  readonly version: Version;
  readonly file: string;
  readonly value: string;
  /** The flag that asked for it, for messages. */
  readonly flag: string;
  /** Where the kernel lacks the file: this warning instead of a failure. */
  readonly optional: string | null;
}

type Writer = ((file: string, value: string, optional?: string | null) => GroupWrite) & { readonly version: Version };

export function writer(controller: string, flag: string, versionOf: VersionOf): Writer {
  const version = versionOf(controller);
  if (version === null) {
    throw new MdkError("unsupported", "cgroup-controller-missing", `${flag} cannot be set: no cgroup hierarchy has the ${controller} controller`, {
      hint: `leave ${flag} out, or enable the controller in the kernel (it is missing in /proc/cgroups, disabled on the kernel command line, or not delegated to this container)`,
    });
  }
  const write = (file: string, value: string, optional: string | null = null): GroupWrite => ({ controller, version, file, value, flag, optional });
  return Object.assign(write, { version });
}
