/**
 * Capabilities: names, numbers and masks, and Docker's rules for --cap-add, --cap-drop and --privileged. The order of
 * the table is the kernel's numbering (include/uapi/linux/capability.h). Masks are BigInt: 41 bits do not fit in 32.
 */
import { MdkError } from "../error.ts";

/** Name without CAP_ at the index that is its number. */
export const CAPABILITIES = [
  "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
  "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE",
  "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
  "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
  "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
] as const;

/** Docker's 14 (moby daemon/pkg/oci/caps/defaults.go), in Docker's order. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
  "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
];

const NUMBERS: ReadonlyMap<string, number> = new Map(CAPABILITIES.map((name, number) => [`CAP_${name}`, number]));

/** The names in a mask, lowest number first; bits beyond the table are left out. */
export function capabilityNames(mask: bigint): string[] {
  return CAPABILITIES.flatMap((name, number) => ((mask >> BigInt(number)) & 1n ? [`CAP_${name}`] : []));
}

/** The mask of names with CAP_; an unknown name is a mistake of the caller's and throws MdkError. */
export function capabilityMask(names: readonly string[]): bigint {
  let mask = 0n;
  for (const name of names) {
    const number = NUMBERS.get(name);
    if (number === undefined) throw unknown(name, "CapAdd");
    mask |= 1n << BigInt(number);
  }
  return mask;
}

/** What --cap-add, --cap-drop and --privileged say. */
export interface CapabilityRequest {
  readonly add: readonly string[];
  readonly drop: readonly string[];
  readonly privileged: boolean;
}

/**
 * The container's capabilities with CAP_, lowest number first. As moby's TweakCapabilities: privileged gives all;
 * drop ALL starts from nothing; add ALL starts from everything; names come with or without CAP_, in any case.
 *
 * `available` is the mask of what this process may hand on (the bounding set). Defaults and ALL are cut down to it
 * silently, since a container in a CI runner must start too; a capability that was asked for by name and cannot be
 * given is an MdkError.
 */
export function chooseCapabilities(request: CapabilityRequest, available: bigint): string[] {
  const add = request.add.map((name) => normalise(name, "CapAdd"));
  const drop = request.drop.map((name) => normalise(name, "CapDrop"));
  if (request.privileged) return capabilityNames(available);
  let mask: bigint;
  if (add.includes("ALL")) mask = available & ~maskWithoutAll(drop);
  else if (drop.includes("ALL")) mask = 0n;
  else mask = capabilityMask(DEFAULT_CAPABILITIES) & available & ~maskWithoutAll(drop);
  for (const name of add) {
    if (name === "ALL") continue;
    const bit = capabilityMask([name]);
    if ((available & bit) === 0n) {
      throw new MdkError("denied", "capability-unavailable", `cannot add capability ${name}: it is not in the bounding set of this process`, {
        hint: "mdk can only hand on what it has: give it to the process that starts mdk, or leave --cap-add out",
      });
    }
    if (!add.includes("ALL")) mask |= bit;
  }
  return capabilityNames(mask);
}

/** "net_admin" and "CAP_NET_ADMIN" are CAP_NET_ADMIN; "all" is ALL. Docker's words for anything else. */
function normalise(name: string, list: "CapAdd" | "CapDrop"): string {
  const upper = name.toUpperCase();
  if (upper === "ALL") return upper;
  const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!NUMBERS.has(full)) throw unknown(full, list);
  return full;
}

function maskWithoutAll(names: readonly string[]): bigint {
  return capabilityMask(names.filter((name) => name !== "ALL"));
}

function unknown(name: string, list: "CapAdd" | "CapDrop"): MdkError {
  return new MdkError("invalid", "unknown-capability", `invalid ${list}: unknown capability: "${name}"`, {
    hint: "capabilities(7) lists the names; they may be written with or without CAP_",
  });
}
