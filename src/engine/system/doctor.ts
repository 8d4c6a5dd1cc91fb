/**
 * What `run` needs of this host, tried as far as that leaves nothing behind: what is here, what mdk makes of it and why, and for
 * what is missing the one line that mends it. It makes no store, and takes away what it made to try.
 */
import { accessSync, closeSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { findController } from "../../cgroup/detect.ts";
import { MdkError, messageOf } from "../../error.ts";
import { probeOverlay } from "../../layer/overlay.ts";
import { BRIDGE_MTU } from "../../network/bridge-network.ts";
import { openFirewall } from "../../network/firewall.ts";
import { listRefusing } from "../../network/foreign.ts";
import { createBridge, deleteLink, listLinks } from "../../network/link.ts";
import { parseBridgeName } from "../../network/names.ts";
import { capabilityMask, capabilityNames, DEFAULT_CAPABILITIES } from "../../spec/capabilities.ts";
import { E } from "../../sys/errno.ts";
import { SysError } from "../../sys/ffi.ts";
import { legacyForwardDrops } from "../../sys/iptables.ts";
import { isKernel, kernelRelease } from "../../sys/kernel.ts";
import { hasLoopDevices } from "../../sys/loop.ts";
import { mountOf } from "../../sys/mountinfo.ts";
import { NETLINK_ROUTE, openNetlink } from "../../sys/netlink.ts";
import type { Context } from "../context.ts";
import { readCapabilities } from "../host/facts.ts";
import { backingWarning } from "../host/backing.ts";
import { wayHere } from "../network/ways.ts";
import { cgroupParent } from "../host/identity.ts";
import { explainUnusable, strandedHint } from "../host/stranded.ts";
import { holdsAnything } from "../../store/database.ts";
import { storePaths } from "../../store/paths.ts";

/** `missing`: `run` fails; `warning`: it works, and something that it can do elsewhere does not. */
export type FindingVerdict = "ok" | "warning" | "missing";

export interface Finding {
  /** "storage". */
  readonly name: string;
  readonly verdict: FindingVerdict;
  /** What the host has. */
  readonly found: string;
  /** What mdk does with it, and why; null where there is no choice. */
  readonly chosen: string | null;
  /** What to do about it; null where all is well. */
  readonly mend: string | null;
}

/** Every finding, in the order in which `run` needs them. Takes about 0.1 s where a bridge has to be tried. */
export function examine(context: Context): Finding[] {
  const all: readonly (readonly [name: string, look: (context: Context) => Finding])[] = [
    ["kernel", kernel], ["loader", loader], ["user", user], ["capabilities", capabilities], ["root", root], ["storage", storage],
    ["run root", runRoot], ["cgroup", cgroup], ["limits", limits], ["seccomp", seccomp], ["network", network], ["forwarding", forwarding], ["firewall", firewall],
  ];
  return all.map(([name, look]) => {
    try {
      return look(context);
    } catch (error) {
      return missing(name, messageOf(error), (error instanceof MdkError ? error.hint : null) ?? PRIVILEGED);
    }
  });
}

const SUDO = "run mdk as root: sudo mdk …";
const PRIVILEGED = "run mdk as root, in a container with --privileged";
const ok = (name: string, found: string, chosen: string | null = null): Finding => ({ name, verdict: "ok", found, chosen, mend: null });
const warning = (name: string, found: string, mend: string, chosen: string | null = null): Finding => ({ name, verdict: "warning", found, chosen, mend });
const missing = (name: string, found: string, mend: string): Finding => ({ name, verdict: "missing", found, chosen: null, mend });

/** What mends it for root: others need to be that first. */
const asRoot = (mend: string): string => (process.getuid?.() === 0 ? mend : SUDO);

const text = (path: string): string => readFileSync(path, "latin1");
const selfStatus = (field: string): string | null => new RegExp(`^${field}:\\s*(.*)$`, "m").exec(text("/proc/self/status"))?.[1] ?? null;

/** Older ones are refused before any command begins (cli/context.ts). */
function kernel(): Finding {
  const layers = isKernel(6, 7) ? "images of any number of layers" : "images of about 16 layers, since overlay's lowerdir+ came with 6.7";
  return ok("kernel", `Linux ${kernelRelease()}, ${process.arch === "x64" ? "x86_64" : "aarch64"}`, layers);
}

/** Which C library this process runs with: shim/entry.zig chose it. */
function loader(): Finding {
  const mapped = text("/proc/self/maps").split("\n").find((line) => line.includes("/ld-linux-") || line.includes("/memfd:ld-linux-"));
  const path = /(\/.*)$/.exec(mapped ?? "")?.[1] ?? "unknown";
  if (path.startsWith("/memfd:")) return ok("loader", "no glibc (musl, or none)", "the C library that mdk carries, unpacked into memory at each start");
  return ok("loader", `glibc: ${path}`, "the host's C library");
}

const WHOLE_MAP = /^\s*0\s+0\s+4294967295\s*$/;

function user(): Finding {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return missing("user", `user ${uid}`, SUDO);
  if (existsSync("/proc/self/uid_map") && !WHOLE_MAP.test(text("/proc/self/uid_map"))) {
    return warning("user", "root of a user namespace", "use a rootful engine for the outer container: here devices cannot be made and some layers not be unpacked");
  }
  return ok("user", "root");
}

/** Without one of these `run` fails, whatever it is asked; each was tried. */
const NEEDED = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_MKNOD", "CAP_SETGID", "CAP_SETPCAP"];

function capabilities(): Finding {
  const own = readCapabilities();
  const lacking = (names: readonly string[]): string[] => capabilityNames(capabilityMask(names) & ~own);
  const needed = lacking(NEEDED);
  if (needed.length > 0) return missing("capabilities", `without ${needed.join(", ")}`, PRIVILEGED);
  const fewer = lacking(DEFAULT_CAPABILITIES);
  if (fewer.length > 0) return warning("capabilities", `without ${fewer.join(", ")}`, "run the container that mdk is in with --privileged", "containers get what is left of Docker's 14");
  return ok("capabilities", `${capabilityNames(own).length} of them`, "containers get Docker's 14");
}

/** A directory that chroot(2) made the root is none that pivot_root(2) takes: the shim leaves it first. */
function root(): Finding {
  const isMount = text("/proc/self/mountinfo").split("\n").some((line) => line.split(" ")[4] === "/");
  return isMount ? ok("root", "/ is a mount point") : ok("root", "/ is no mount point, as in a chroot", "it is left inside each container's mount namespace");
}

const MIB = 1024 * 1024;
const ROOM_LEAST = 512 * MIB;

function storage({ root: path }: Context): Finding {
  const place = nearest(path);
  const mend = "choose a directory on ext4, xfs, btrfs or tmpfs: --root DIR (or MDK_ROOT)";
  const full = backingWarning(path);
  const afresh = "make room below it, then: mdk clean -f";
  try {
    const refused = probeOverlay(place);
    const kind = kindOf(place);
    if (refused !== null) return withRootStore(path, kind, refused);
    if (full !== null) return warning("storage", full, afresh, "what mdk brought");
    const { bavail, bsize } = statfsSync(place);
    const found = `${path} on ${kind}, ${Math.trunc((bavail * bsize) / MIB)} MiB free`;
    const chosen = "overlay2: overlay works there";
    return bavail * bsize < ROOM_LEAST ? warning("storage", found, `make room there, or ${mend}`, chosen) : ok("storage", found, chosen);
  } catch (error) {
    return full === null ? missing("storage", messageOf(error), asRoot(mend)) : missing("storage", full, afresh);
  }
}

/** Of a data root that cannot hold an overlay's upper: what `run` brings (engine/host/root-store.ts), as far as that can be seen without doing it. */
function withRootStore(path: string, kind: string, refused: MdkError): Finding {
  const found = `${path} on ${kind}, which cannot hold containers`;
  const admin = (readCapabilities() & capabilityMask(["CAP_SYS_ADMIN"])) !== 0n;
  if (!admin) return missing("storage", `${path} on ${kind}: ${refused.message}`, refused.hint ?? PRIVILEGED);
  if (existsSync(storePaths(path).database) && holdsAnything(storePaths(path).database)) return missing("storage", explainUnusable(path, refused).message, strandedHint(path));
  if (hasLoopDevices()) return ok("storage", found, "an ext4 of mdk's own, in a sparse file there, on a loop device");
  return warning("storage", `${found}, and no loop devices`, "give the job a volume, and say --root DIRECTORY-OF-THE-VOLUME", "a tmpfs: images and containers are in memory, and gone with the job");
}

/** The type of the file system that the path is on. */
function kindOf(path: string): string {
  return mountOf(realpathSync(path))?.type ?? "unknown";
}

function runRoot({ runRoot: path }: Context): Finding {
  try {
    const place = nearest(path);
    rmdirSync(mkdtempSync(join(place, "mdk-doctor-")));
    return ok("run root", `${path} on ${kindOf(place)}`);
  } catch (error) {
    return missing("run root", messageOf(error), asRoot("choose a directory that can be written: --run-root DIR (or MDK_RUN_ROOT)"));
  }
}

/** The directory itself, or the one above in which it would be made. */
function nearest(path: string): string {
  for (let place = path; ; place = dirname(place)) if (existsSync(place) || place === "/") return place;
}

/** By making a group in every hierarchy. */
function cgroup(context: Context): Finding {
  const { mode, hierarchies } = context.cgroups();
  if (hierarchies.length === 0) return missing("cgroup", "no hierarchy is mounted", "mount -t cgroup2 none /sys/fs/cgroup");
  const parent = cgroupParent(context);
  for (const { mountpoint } of hierarchies) {
    const directory = `${mountpoint}/${parent}-doctor-${process.pid}`;
    try {
      mkdirSync(directory);
      rmdirSync(directory);
    } catch (error) {
      return missing("cgroup", messageOf(error), asRoot(`mount -o remount,rw ${mountpoint}, or run the container that mdk is in with --privileged`));
    }
  }
  return ok("cgroup", mode === "hybrid" ? "v1 and v2 (hybrid)" : mode, `groups below ${parent}`);
}

const LIMITS: readonly (readonly [controller: string, flags: string])[] = [
  ["memory", "--memory"], ["cpu", "--cpus"], ["pids", "--pids-limit"], ["cpuset", "--cpuset-cpus"],
];

function limits(context: Context): Finding {
  const cgroups = context.cgroups();
  const absent = LIMITS.filter(([controller]) => findController(cgroups, controller) === null);
  const present = LIMITS.filter((limit) => !absent.includes(limit)).map(([controller]) => controller);
  if (absent.length === 0) return ok("limits", `controllers ${present.join(", ")}`);
  const names = absent.map(([controller]) => controller);
  return warning("limits", `without the controllers ${names.join(", ")}`, `delegate them to where mdk runs (cgroup.subtree_control), or boot with cgroup_enable=${names[0]}`, `${absent.map(([, flags]) => flags).join(", ")} are refused`);
}

const SECCOMP_FILTER = "2";

function seccomp(): Finding {
  const mode = selfStatus("Seccomp");
  if (mode === null || !existsSync("/proc/sys/kernel/seccomp")) return missing("seccomp", "the kernel has no seccomp filters", "mdk run --security-opt seccomp=unconfined");
  if (mode === SECCOMP_FILTER) return warning("seccomp", "mdk itself runs under a filter, which may refuse mounts and namespaces", "run the container that mdk is in with --privileged", "the built-in profile");
  return ok("seccomp", "filters", "the built-in profile");
}

const WITHOUT_BRIDGE = "mdk run --network host, or --network none, does without";
/** Of the bridge that is made to try. */
const TRIAL = "mdk-doctor";
const TRIAL_ADDRESS = Uint8Array.from([0x02, 0x42, 0, 0, 0, 1]);

function network(): Finding {
  const netAdmin = capabilityMask(["CAP_NET_ADMIN"]);
  if ((readCapabilities() & netAdmin) === 0n) return missing("network", "without CAP_NET_ADMIN", `run the container that mdk is in with --privileged; ${WITHOUT_BRIDGE}`);
  const route = openNetlink(NETLINK_ROUTE);
  try {
    if (!listLinks(route).some(({ name }) => parseBridgeName(name) !== null)) {
      route.request([createBridge(TRIAL, TRIAL_ADDRESS, BRIDGE_MTU)]);
      route.request([deleteLink(TRIAL)]);
    }
    return ok("network", "bridges", "a bridge and an address for each container");
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return missing("network", error.message, `modprobe bridge veth; ${WITHOUT_BRIDGE}`);
  } finally {
    closeSync(route.fd);
  }
}

const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

function forwarding(): Finding {
  if (text(IP_FORWARD).trim() === "1") return ok("forwarding", "net.ipv4.ip_forward is 1");
  if (wayHere(null) === "proxy") return ok("forwarding", "net.ipv4.ip_forward is 0", "it is left so: there is no firewall to go with it");
  try {
    accessSync(IP_FORWARD, constants.W_OK);
    return ok("forwarding", "net.ipv4.ip_forward is 0", "it is set to 1 with the first container; mdk clean puts it back");
  } catch (error) {
    if ((error as { code?: string }).code === "EROFS") return ok("forwarding", "net.ipv4.ip_forward is 0, and /proc/sys read-only", "it is set to 1 through a procfs of mdk's own with the first container");
    return missing("forwarding", `net.ipv4.ip_forward is 0: ${messageOf(error)}`, `mount -o remount,rw /proc/sys; ${WITHOUT_BRIDGE}`);
  }
}

function firewall(): Finding {
  const mend = "modprobe nf_tables nft_chain_nat nft_fib_inet nft_masq nft_ct";
  const socket = wayHere(null) === "proxy" ? null : openFirewall();
  if (socket === null) return warning("firewall", "no nf_tables with NAT", mend, "containers reach this host and each other only; a proxy serves published ports");
  try {
    if (legacyForwardDrops()) {
      return warning("firewall", "iptables-legacy drops forwarded packets", "iptables-legacy -P FORWARD ACCEPT, or rules that let mdk's bridge pass", "nf_tables, a table of mdk's own");
    }
    const foreign = listRefusing(socket).map(({ family, table, chain }) => `${family} ${table} ${chain}`);
    return ok("firewall", foreign.length === 0 ? "nf_tables" : `nf_tables; ${foreign.join(", ")} drops`, foreign.length === 0 ? "a table of mdk's own" : "a table of mdk's own, and rules that let its bridge pass there");
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return missing("firewall", error.message, `${error.errno === E.EPERM ? "run the container that mdk is in with --privileged" : mend}; ${WITHOUT_BRIDGE}`);
  } finally {
    closeSync(socket.fd);
  }
}
