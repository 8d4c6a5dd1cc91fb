/** What the older iptables ("legacy", x_tables) decides about forwarded packets: read only, by getsockopt(2). */
import { closeSync, existsSync, readFileSync } from "node:fs";
import { libc } from "./ffi.ts";

const symbols = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
});

const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const IPPROTO_RAW = 255;
/**
 * include/uapi/linux/netfilter_ipv4/ip_tables.h and netfilter_ipv6/ip6_tables.h. `target`: where struct ipt_entry or ip6t_entry says where
 * its target begins, behind struct ipt_ip (84 bytes) or ip6t_ip6 (136) and nfcache.
 */
const LEGACY = {
  ip: { socket: 2, level: 0, names: "/proc/net/ip_tables_names", target: 88 },
  ip6: { socket: 10, level: 41, names: "/proc/net/ip6_tables_names", target: 140 },
} as const;
/** IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES, the same numbers for both. */
const SO_GET_INFO = 64;
const SO_GET_ENTRIES = 65;
const TABLE_NAME = 32;
/** struct ipt_getinfo: name, valid_hooks, hook_entry[5], underflow[5], num_entries, size. */
const INFO_BYTES = 84;
const UNDERFLOW_FORWARD = 64;
const INFO_SIZE = 80;
/** struct ipt_get_entries: name, size, then entries at an address that 8 divides. */
const ENTRIES = 40;
/** struct xt_standard_target: the verdict behind its header. */
const VERDICT = 32;
/** -NF_DROP - 1. */
const DROP = -1;
/** A table larger than this is not read. */
const TABLE_BYTES_MAX = 4 * 1024 * 1024;

/** True where the legacy table `filter` is in use and its FORWARD policy is DROP. False where that cannot be found out. */
export function legacyForwardDrops(family: keyof typeof LEGACY = "ip"): boolean {
  const { names, socket } = LEGACY[family];
  // The question itself would load the module and make the table.
  if (!existsSync(names)) return false;
  if (!readFileSync(names, "utf8").split("\n").includes("filter")) return false;
  const fd = symbols().socket(socket, SOCK_RAW_CLOEXEC, IPPROTO_RAW);
  if (fd === -1) return false;
  try {
    return readForwardVerdict(fd, LEGACY[family]) === DROP;
  } finally {
    closeSync(fd);
  }
}

/** The verdict of the rule at the end of the chain; null: not to be had. */
function readForwardVerdict(fd: number, { level, target }: (typeof LEGACY)[keyof typeof LEGACY]): number | null {
  const info = new Uint8Array(INFO_BYTES);
  info.set(Buffer.from("filter"));
  if (symbols().getsockopt(fd, level, SO_GET_INFO, info, new Uint32Array([INFO_BYTES])) === -1) return null;
  const view = new DataView(info.buffer);
  const size = view.getUint32(INFO_SIZE, true);
  if (size > TABLE_BYTES_MAX) return null;
  const table = new Uint8Array(ENTRIES + size);
  table.set(Buffer.from("filter"));
  const entries = new DataView(table.buffer);
  entries.setUint32(TABLE_NAME, size, true);
  // Fails when somebody changed the table in between.
  if (symbols().getsockopt(fd, level, SO_GET_ENTRIES, table, new Uint32Array([table.length])) === -1) return null;
  const entry = ENTRIES + view.getUint32(UNDERFLOW_FORWARD, true);
  if (entry + target + 2 > table.length) return null;
  const verdict = entry + entries.getUint16(entry + target, true) + VERDICT;
  return verdict + 4 <= table.length ? entries.getInt32(verdict, true) : null;
}
