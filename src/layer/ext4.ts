/**
 * An empty ext4 as the few blocks of it that are not zero, for a sparse file: no mke2fs is asked for. Pure. After the layout
 * of Documentation/filesystems/ext4 (fs/ext4/ext4.h, ext4_super_block, ext4_group_desc, ext4_inode), all little-endian:
 *
 *     group 0     superblock, group descriptors, block bitmap, inode bitmap, inode table, `/`, `/lost+found`
 *     group n     block bitmap, inode bitmap, inode table: not written, the descriptor's flags say that they are as new
 *     last group  its block bitmap is written: e2fsck wants that one
 *
 * No journal (the file is thrown away when it was not unmounted), no copies of the superblock (sparse_super2 without any),
 * nothing left to zero later (INODE_ZEROED): the kernel writes only what is used.
 */

/** What is to be written into a file of zeros, `bytes` long in all. */
export interface Ext4Image {
  readonly bytes: number;
  readonly blocks: readonly { readonly offset: number; readonly content: Uint8Array }[];
}

const BLOCK = 4096;
const GROUP_BLOCKS = 8 * BLOCK;
/** Bytes of a group: the size of a file system is a multiple of it. */
export const EXT4_GROUP_BYTES = GROUP_BLOCKS * BLOCK;
const DESCRIPTOR = 32;
const INODE = 256;
/** One inode for 16 KiB, mke2fs's own ratio. */
const GROUP_INODES = 8192;
const TABLE_BLOCKS = (GROUP_INODES * INODE) / BLOCK;
/** Bitmaps and inode table of any group. */
const OWN_BLOCKS = 2 + TABLE_BLOCKS;

const ROOT_INODE = 2;
const FIRST_INODE = 11;
/** Inodes 1 to 11: the reserved ones, and lost+found's. */
const USED_INODES = FIRST_INODE;

const COMPAT = { ext_attr: 0x8, dir_index: 0x20, sparse_super2: 0x200 } as const;
const INCOMPAT = { filetype: 0x2, extents: 0x40 } as const;
const RO_COMPAT = { large_file: 0x2, huge_file: 0x8, gdt_csum: 0x10, dir_nlink: 0x20, extra_isize: 0x40 } as const;
const BG = { INODE_UNINIT: 1, BLOCK_UNINIT: 2, INODE_ZEROED: 4 } as const;
/** s_errors: what is broken becomes read-only. */
const ERRORS_READ_ONLY = 2;
const EXTENTS_FL = 0x80000;

export interface Ext4Options {
  /** Two at least; more than 8192 (1 TiB) are not foreseen. */
  readonly groups: number;
  /** 16 random bytes each. */
  readonly uuid: Uint8Array;
  readonly hashSeed: Uint8Array;
  /** Seconds since 1970. */
  readonly now: number;
  /** Permission bits of `/`. */
  readonly mode: number;
}

export function emptyExt4(options: Ext4Options): Ext4Image {
  const { groups } = options;
  const table = Math.ceil((groups * DESCRIPTOR) / BLOCK);
  const bitmap = 1 + table;
  const root = bitmap + OWN_BLOCKS;
  const used = root + 2;
  const last = (groups - 1) * GROUP_BLOCKS;
  const at = (block: number, content: Uint8Array): Ext4Image["blocks"][number] => ({ offset: block * BLOCK, content });
  return {
    bytes: groups * EXT4_GROUP_BYTES,
    blocks: [
      { offset: 1024, content: superblock(options, groups * GROUP_BLOCKS - used - (groups - 1) * OWN_BLOCKS) },
      at(1, descriptors(options, bitmap, used)),
      at(bitmap, bits(used, GROUP_BLOCKS)),
      at(bitmap + 1, bits(USED_INODES, GROUP_INODES)),
      at(bitmap + 2, inodes(options, root)),
      at(root, directory([[ROOT_INODE, "."], [ROOT_INODE, ".."], [FIRST_INODE, "lost+found"]])),
      at(root + 1, directory([[FIRST_INODE, "."], [ROOT_INODE, ".."]])),
      at(last, bits(OWN_BLOCKS, GROUP_BLOCKS)),
    ],
  };
}

/** Where the superblock says how it was left, and what it says after a clean unmount (s_state, EXT4_VALID_FS without EXT4_ERROR_FS). */
export const EXT4_STATE = { offset: 1024 + 0x3a, clean: 1 } as const;
/** Where it says what it is: s_magic. */
export const EXT4_MAGIC = { offset: 1024 + 0x38, value: 0xef53 } as const;

export const EXT4_UUID_OFFSET = 1024 + 0x68;

function superblock({ groups, uuid, hashSeed, now }: Ext4Options, freeBlocks: number): Buffer {
  const block = Buffer.alloc(1024);
  const all = (flags: Readonly<Record<string, number>>): number => Object.values(flags).reduce((sum, flag) => sum | flag, 0);
  const words: readonly (readonly [offset: number, value: number])[] = [
    [0x00, groups * GROUP_INODES], [0x04, groups * GROUP_BLOCKS], [0x0c, freeBlocks], [0x10, groups * GROUP_INODES - USED_INODES],
    [0x18, 2], [0x1c, 2], // blocks and clusters of 1024 << 2
    [0x20, GROUP_BLOCKS], [0x24, GROUP_BLOCKS], [0x28, GROUP_INODES], [0x30, now], [0x40, now], [0x4c, 1], [0x54, FIRST_INODE],
    [0x5c, all(COMPAT)], [0x60, all(INCOMPAT)], [0x64, all(RO_COMPAT)],
    [0x100, 0xc], // user_xattr, acl
    [0x108, now], [0x160, 1], // signed_directory_hash
  ];
  for (const [offset, value] of words) block.writeUInt32LE(value, offset);
  const halves: readonly (readonly [offset: number, value: number])[] = [
    [0x36, 0xffff], [0x38, EXT4_MAGIC.value], [0x3a, EXT4_STATE.clean], [0x3c, ERRORS_READ_ONLY], [0x58, INODE], [0x15c, 32], [0x15e, 32],
  ];
  for (const [offset, value] of halves) block.writeUInt16LE(value, offset);
  block.set(uuid, EXT4_UUID_OFFSET - 1024);
  block.write("mdk", 0x78);
  block.set(hashSeed, 0xec);
  block[0xfc] = 1; // half_md4
  return block;
}

function descriptors({ groups, uuid }: Ext4Options, firstBitmap: number, used: number): Buffer {
  const table = Buffer.alloc(groups * DESCRIPTOR);
  for (let group = 0; group < groups; group++) {
    const at = group * DESCRIPTOR;
    const bitmap = group === 0 ? firstBitmap : group * GROUP_BLOCKS;
    table.writeUInt32LE(bitmap, at);
    table.writeUInt32LE(bitmap + 1, at + 4);
    table.writeUInt32LE(bitmap + 2, at + 8);
    table.writeUInt16LE(GROUP_BLOCKS - (group === 0 ? used : OWN_BLOCKS), at + 12);
    const free = group === 0 ? GROUP_INODES - USED_INODES : GROUP_INODES;
    table.writeUInt16LE(free, at + 14);
    table.writeUInt16LE(group === 0 ? 2 : 0, at + 16);
    const isNew = group === 0 ? 0 : BG.INODE_UNINIT | (group === groups - 1 ? 0 : BG.BLOCK_UNINIT);
    table.writeUInt16LE(BG.INODE_ZEROED | isNew, at + 18);
    table.writeUInt16LE(free, at + 28);
    table.writeUInt16LE(checksum(uuid, group, table.subarray(at, at + 30)), at + 30);
  }
  return table;
}

/** bg_checksum with gdt_csum: crc16 (lib/crc16.c) of the UUID, the group's number and the descriptor before the sum. */
function checksum(uuid: Uint8Array, group: number, descriptor: Uint8Array): number {
  const number = Uint8Array.of(group, group >>> 8, group >>> 16, group >>> 24);
  let crc = 0xffff;
  for (const part of [uuid, number, descriptor]) {
    for (const byte of part) crc = (crc >>> 8) ^ CRC16[(crc ^ byte) & 0xff]!;
  }
  return crc;
}

/** The polynomial 0x8005, lowest bit first. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xa001;
  return crc;
});

/** A bitmap block: the first `used` bits, and those that stand for nothing at its end. */
function bits(used: number, count: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const set = (from: number, to: number): void => {
    for (let bit = from; bit < to; bit++) block[bit >>> 3]! |= 1 << (bit & 7);
  };
  set(0, used);
  block.fill(0xff, count >>> 3);
  return block;
}

/** The first block of the inode table: `/` and lost+found, each of one block from `data` on. */
function inodes({ now, mode }: Ext4Options, data: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  for (const [number, permissions, links, start] of [[ROOT_INODE, mode, 3, data], [FIRST_INODE, 0o700, 2, data + 1]] as const) {
    const inode = block.subarray((number - 1) * INODE, number * INODE);
    inode.writeUInt16LE(0o040000 | permissions, 0);
    inode.writeUInt32LE(BLOCK, 4);
    for (const time of [8, 12, 16, 0x90]) inode.writeUInt32LE(now, time);
    inode.writeUInt16LE(links, 26);
    inode.writeUInt32LE(BLOCK / 512, 28);
    inode.writeUInt32LE(EXTENTS_FL, 32);
    for (const [offset, value] of [[40, 0xf30a], [42, 1], [44, 4], [56, 1]] as const) inode.writeUInt16LE(value, offset);
    inode.writeUInt32LE(start, 60);
    inode.writeUInt16LE(32, 0x80);
  }
  return block;
}

/** ext4_dir_entry_2, all of them directories; the last one reaches to the end of the block. */
function directory(entries: readonly (readonly [inode: number, name: string])[]): Buffer {
  const block = Buffer.alloc(BLOCK);
  let at = 0;
  for (const [index, [inode, name]] of entries.entries()) {
    const length = index === entries.length - 1 ? BLOCK - at : (8 + name.length + 3) & ~3;
    block.writeUInt32LE(inode, at);
    block.writeUInt16LE(length, at + 4);
    block[at + 6] = name.length;
    block[at + 7] = 2;
    block.write(name, at + 8);
    at += length;
  }
  return block;
}
