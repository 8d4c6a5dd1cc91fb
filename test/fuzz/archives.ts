/** Random archives of layers: entries that work with and against one another, and headers that lie with the right checksum. */
import { archive, directory, file, type Entry } from "../helpers/archive.ts";
import { changedBytes, type Chance } from "./random.ts";

/** What an honest archive has, too. */
const FOLDERS = ["a", "b", "c", "d"];
const TAME = [...FOLDERS, "l", "f", "g", "h", ".wh.a", ".wh.f", ".wh..wh..opq", "n".repeat(90)];
const PARTS = ["a", "b", "c", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh.", ".wh..", ".wh...", ".wh..wh.plnk", "\xff", "n".repeat(255), "n".repeat(256), "l", "d", "\n"];
const OUTSIDE = ["/", "..", "../..", "../outside", "/etc", "../../../../../../../../tmp", "a", "./a", "l/../..", "", "/proc/self/root", "d/l"];
const KEYS = ["user.k", "trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.overlay.metacopy", "user.overlay.opaque", "security.capability", "security.selinux", "system.posix_acl_access", "user.", "x"];

/** One to thirty entries over a few names. */
export function randomArchive(chance: Chance): Buffer {
  // Most are wild at one place only: of one that is refused at its first entry, the rest says nothing.
  const wild = chance.below(4);
  const entries = Array.from({ length: 1 + chance.below(30) }, () => randomEntry(chance, wild === 0 || (wild === 1 && chance.once(20))));
  let bytes = archive(entries, !chance.once(10));
  if (wild > 1) return bytes;
  if (chance.once(6)) bytes = changedBytes(bytes, chance);
  if (chance.once(3)) lie(bytes, chance);
  return bytes;
}

function randomEntry(chance: Chance, wild: boolean): Entry {
  const above = Array.from({ length: chance.below(4) }, () => chance.of(wild ? PARTS : FOLDERS));
  const name = (wild && chance.once(12) ? "/" : "") + [...above, chance.of(wild ? PARTS : TAME)].join("/");
  const pax = paxOf(chance, name, wild);
  const more: Partial<Entry> = { mode: chance.below(0o10000), uid: chance.of([0, 5, 1000, 0o7777777]), gid: chance.below(10), mtime: chance.of([0, 1, 1_700_000_000]), ...(pax === null ? {} : { pax }) };
  switch (chance.below(8)) {
    case 0:
    case 1:
      return directory(`${name}/`, more);
    case 2:
      return { name, type: "2", link: chance.of(OUTSIDE), ...more };
    case 3:
      return { name, type: "1", link: wild ? chance.of([...OUTSIDE, ...PARTS]) : chance.of(TAME), ...more };
    case 4:
      return { name, type: chance.of(wild ? ["3", "4", "6", "x", "g", "L", "K", "S", "7", "\0", "V"] : ["3", "4", "6", "7"]), major: 1 + chance.below(4), minor: chance.below(4), ...more };
    default:
      return file(name, "x".repeat(chance.below(2000)), more);
  }
}

function paxOf(chance: Chance, name: string, wild: boolean): Record<string, string | Uint8Array> | null {
  if (!chance.once(3)) return null;
  if (!wild) return { "SCHILY.xattr.user.k": "v", mtime: "1.5" };
  const value = chance.of<string | Uint8Array>(["", "y", "v".repeat(300), Buffer.from([0, 1, 255]), Buffer.from("0100000200000000000000000000000000000000", "hex")]);
  const records: Record<string, string | Uint8Array> = { [`SCHILY.xattr.${chance.of(KEYS)}`]: value };
  if (chance.once(3)) records.path = chance.once(2) ? `${name}/${"p".repeat(chance.below(400))}` : chance.of(OUTSIDE);
  if (chance.once(4)) records.linkpath = chance.of(OUTSIDE);
  if (chance.once(6)) records[chance.of(["size", "uid", "gid", "mtime", "GNU.sparse.major", "hdrcharset"])] = chance.of(["0", "-1", "1.5", "99999999999999999999", "", "x", "7"]);
  return records;
}

/** Bytes of a header changed, and its checksum made good: what stands behind it is read. */
function lie(bytes: Buffer, chance: Chance): void {
  const blocks = Math.floor(bytes.length / 512);
  for (let times = 1 + chance.below(3); times > 0 && blocks > 0; times--) {
    const block = bytes.subarray(chance.below(blocks) * 512).subarray(0, 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    for (let more = 1 + chance.below(4); more > 0; more--) block[chance.of([0, 1, 100, 108, 116, 124, 130, 135, 136, 156, 157, 257, 263, 329, 345, chance.below(512)])] = chance.of([0, 0x20, 0x2f, 0x30, 0x37, 0x38, 0x80, 0xff, chance.below(256)]);
    block.fill(0x20, 148, 156);
    block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0`, 148, "latin1");
  }
}
