//! Maps a dynamic loader into this process the way the kernel maps a PT_INTERP (fs/binfmt_elf.c, load_elf_interp), and says
//! whether it is glibc's.
const std = @import("std");
const sys = std.os.linux;

/// Elf64_Ehdr (elf(5)).
const Header = extern struct {
    ident: [16]u8,
    type: u16,
    machine: u16,
    version: u32,
    entry: u64,
    segments: u64,
    sections: u64,
    flags: u32,
    size: u16,
    segment_size: u16,
    segment_count: u16,
    section_size: u16,
    section_count: u16,
    section_names: u16,
};

/// Elf64_Phdr.
pub const Segment = extern struct {
    type: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_size: u64,
    memory_size: u64,
    alignment: u64,
};
const PT_LOAD = 1;
pub const PT_DYNAMIC = 2;
pub const PT_INTERP = 3;
pub const PT_PHDR = 6;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;
const ET_DYN = 3;

/// Elf64_Dyn.
pub const Tag = extern struct { tag: u64, value: u64 };
pub const DT_NULL = 0;
pub const DT_NEEDED = 1;
pub const DT_STRTAB = 5;
const DT_VERDEF = 0x6ffffffc;

/// `base`: what is added to the file's addresses; `entry`: where it begins, in this process.
pub const Loader = struct { base: usize, entry: usize };

/// The host's loader, mapped; null where there is none, or one of another C library (musl's gcompat, NixOS's stub).
pub fn open(path: [*:0]const u8, page: usize) ?Loader {
    const rc = sys.open(path, .{ .CLOEXEC = true }, 0);
    if (sys.errno(rc) != .SUCCESS) return null;
    defer _ = sys.close(@intCast(rc));
    return map(@intCast(rc), page);
}

/// Null: not a file that can be mapped, or not glibc's; then nothing of it stays mapped.
pub fn map(fd: i32, page: usize) ?Loader {
    var head: [1024]u8 align(@alignOf(Header)) = undefined;
    const got = sys.pread(fd, &head, head.len, 0);
    if (sys.errno(got) != .SUCCESS or got < @sizeOf(Header)) return null;
    const header: *const Header = @ptrCast(&head);
    const table_size = @as(usize, header.segment_count) * @sizeOf(Segment);
    if (!std.mem.eql(u8, header.ident[0..5], "\x7fELF\x02") or header.type != ET_DYN) return null;
    if (header.segment_size != @sizeOf(Segment) or header.segments % 8 != 0 or header.segments > got or table_size > got - header.segments) return null;
    const table: [*]const Segment = @ptrCast(@alignCast(&head[header.segments]));
    const segments = table[0..header.segment_count];

    const span = extent(segments, page) orelse return null;
    const start = mmap(0, span.len, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) orelse return null;
    const base = start -% span.first;
    for (segments) |segment| if (segment.type == PT_LOAD and !mapSegment(fd, base, segment, page)) {
        unmap(@ptrFromInt(start), span.len);
        return null;
    };
    for (segments) |segment| if (segment.type == PT_DYNAMIC) {
        // glibc's loader defines versions of its symbols (GLIBC_2.2.5 …); others' have none.
        if (tagValue(@ptrFromInt(base +% segment.address), DT_VERDEF) != null) return .{ .base = base, .entry = base +% header.entry };
    };
    unmap(@ptrFromInt(start), span.len);
    return null;
}

fn extent(segments: []const Segment, page: usize) ?struct { first: usize, len: usize } {
    var first: usize = std.math.maxInt(usize);
    var end: usize = 0;
    for (segments) |segment| if (segment.type == PT_LOAD) {
        if (segment.address > 1 << 40 or segment.memory_size > 1 << 30 or segment.file_size > segment.memory_size) return null;
        first = @min(first, std.mem.alignBackward(usize, segment.address, page));
        end = @max(end, std.mem.alignForward(usize, segment.address + segment.memory_size, page));
    };
    return if (end == 0) null else .{ .first = first, .len = end - first };
}

fn mapSegment(fd: i32, base: usize, segment: Segment, page: usize) bool {
    const into = segment.address % page;
    const begin = base +% segment.address - into;
    const file_end = base +% segment.address + segment.file_size;
    const end = base +% segment.address + segment.memory_size;
    const mapped_end = std.mem.alignForward(usize, file_end, page);
    const access = protection(segment.flags);
    if (mapped_end > begin) {
        const flags = MAP_PRIVATE | MAP_FIXED;
        if (mmap(begin, mapped_end - begin, access, flags, fd, segment.offset -% into) == null) return false;
    }
    if (segment.memory_size == segment.file_size) return true;
    if (segment.flags & PF_W == 0) return false;
    const tail: [*]u8 = @ptrFromInt(file_end);
    @memset(tail[0 .. mapped_end - file_end], 0); // to the page's end: the loader's own malloc begins there, and trusts it
    return end <= mapped_end or mmap(mapped_end, end - mapped_end, access, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) != null;
}

fn protection(flags: u32) usize {
    var access: usize = 0;
    if (flags & PF_R != 0) access |= PROT_READ;
    if (flags & PF_W != 0) access |= PROT_WRITE;
    if (flags & PF_X != 0) access |= PROT_EXEC;
    return access;
}

pub fn tagValue(tags: [*]const Tag, tag: u64) ?u64 {
    var at: usize = 0;
    while (tags[at].tag != DT_NULL) : (at += 1) if (tags[at].tag == tag) return tags[at].value;
    return null;
}

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;

fn mmap(address: usize, len: usize, access: usize, flags: usize, fd: i32, offset: usize) ?usize {
    const rc = sys.syscall6(.mmap, address, len, access, flags, @bitCast(@as(isize, fd)), offset);
    return if (sys.errno(rc) == .SUCCESS) rc else null;
}

/// Fresh zeroed memory that stays. Ends the process when there is none.
pub fn anonymous(len: usize) [*]u8 {
    const rc = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) orelse sys.exit_group(127);
    return @ptrFromInt(rc);
}

/// The file's content, writable.
pub fn shared(fd: i32, len: usize) ?[*]u8 {
    const rc = mmap(0, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) orelse return null;
    return @ptrFromInt(rc);
}

pub fn unmap(memory: [*]u8, len: usize) void {
    _ = sys.munmap(memory, len);
}
