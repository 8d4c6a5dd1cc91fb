//! The first code of dist/mdk, so that one file starts on glibc hosts and on those without it (musl, NixOS, an empty root).
//! The kernel maps the executable as it maps a static one; this maps the loader of the host, as the kernel would have done
//! for PT_INTERP, puts what the loader wants to know into the auxiliary vector and jumps to it. Where the host has no glibc,
//! the loader and the libraries that the executable carries take their place, from memory: no file is written and
//! /proc/self/exe stays the executable. shim/carry.ts joins the parts and fills `carried`.
const std = @import("std");
const builtin = @import("builtin");
const loader = @import("loader.zig");
const lz4 = @import("lz4.zig");
const sys = std.os.linux;

pub const panic = std.debug.FullPanic(die);
pub const std_options: std.Options = .{ .signal_stack_size = null, .enable_segfault_handler = false, .allow_stack_tracing = false };

/// Written by shim/carry.ts into the section of that name; addresses are of this process.
const Carried = extern struct {
    /// Where the program begins.
    entry: u64,
    /// The program's own table of segments, as it was linked: PT_INTERP and all.
    segments: u64,
    segment_count: u64,
    /// `File`s one after another, the loader first; an empty name ends them.
    files: u64,
};
export var carried: Carried linksection(".mdk") = .{ .entry = 0, .segments = 0, .segment_count = 0, .files = 0 };

/// A library: its LZ4 block follows, padded to eight bytes.
const File = extern struct {
    name: [32]u8,
    size: u64,
    packed_size: u64,

    fn next(file: *align(8) const File) *align(8) const File {
        const end = @intFromPtr(file) + @sizeOf(File) + file.packed_size;
        return @ptrFromInt(std.mem.alignForward(usize, end, 8));
    }
};

const FILES_MAX = 8;
const SEGMENTS_MAX = 16;
const PATH_MAX = 32;

pub export fn _start() callconv(.naked) noreturn {
    switch (builtin.cpu.arch) {
        .x86_64 => asm volatile (
            \\ xorl %%ebp, %%ebp
            \\ movq %%rsp, %%rbx
            \\ movq %%rsp, %%rdi
            \\ andq $-16, %%rsp
            \\ callq %[enter:P]
            \\ movq %%rbx, %%rsp
            \\ xorl %%edx, %%edx
            \\ jmpq *%%rax
            :
            : [enter] "X" (&enter),
        ),
        .aarch64 => asm volatile (
            \\ mov fp, #0
            \\ mov lr, #0
            \\ mov x19, sp
            \\ mov x0, sp
            \\ bl %[enter]
            \\ mov sp, x19
            \\ mov x16, x0
            \\ mov x0, #0
            \\ br x16
            :
            : [enter] "X" (&enter),
        ),
        else => @compileError("no entry for this machine"),
    }
}

/// Gets the stack as the kernel left it (argc, argv, environment, auxiliary vector) and returns the loader's entry.
fn enter(stack: [*]usize) callconv(.c) usize {
    const told: *const volatile Carried = &carried; // the compiler knows nothing of what is written there
    const segments: [*]const loader.Segment = @ptrFromInt(told.segments);
    const table = segments[0..told.segment_count];
    const auxiliary = auxiliaryVector(stack);
    const page = get(auxiliary, AT_PAGESZ) orelse 4096;
    set(auxiliary, AT_ENTRY, told.entry);
    set(auxiliary, AT_PHNUM, table.len);

    for (table) |segment| {
        if (segment.type != loader.PT_INTERP) continue;
        const path: [*:0]const u8 = @ptrFromInt(segment.address);
        const host = loader.open(path, page) orelse break;
        set(auxiliary, AT_PHDR, told.segments);
        set(auxiliary, AT_BASE, host.base);
        return host.entry;
    }
    return enterCarried(@ptrFromInt(told.files), table, auxiliary, page);
}

/// The loader finds its libraries by paths of descriptors, which come first among what a copy of the program's table says it
/// needs; the names that follow there are then found loaded, by their sonames.
fn enterCarried(files: *align(8) const File, table: []const loader.Segment, auxiliary: [*]Auxiliary, page: usize) usize {
    const place = loader.anonymous(room);
    const copy: *Copy = @ptrCast(@alignCast(place));
    if (table.len > SEGMENTS_MAX) die("too many segments", null);
    @memcpy(copy.segments[0..table.len], table);

    const mine = loader.map(unpackFile(files), page) orelse die("its own loader cannot be mapped", null);
    var count: usize = 0;
    var file = files.next();
    while (file.name[0] != 0) : (file = file.next()) {
        if (count == FILES_MAX) die("too many libraries", null);
        writePath(&copy.paths[count], unpackFile(file));
        count += 1;
    }
    for (copy.segments[0..table.len]) |*segment| switch (segment.type) {
        loader.PT_PHDR => segment.address = @intFromPtr(&copy.segments),
        loader.PT_DYNAMIC => {
            copyTags(copy, @ptrFromInt(segment.address), count);
            segment.address = @intFromPtr(&copy.tags);
        },
        else => {},
    };
    set(auxiliary, AT_PHDR, @intFromPtr(&copy.segments));
    set(auxiliary, AT_BASE, mine.base);
    return mine.entry;
}

/// What the loader is told instead of the program's own; it stays as long as the process.
const Copy = extern struct {
    segments: [SEGMENTS_MAX]loader.Segment,
    paths: [FILES_MAX][PATH_MAX]u8,
    tags: [TAGS_MAX]loader.Tag,
};
const TAGS_MAX = 64;
const room = @sizeOf(Copy);

fn copyTags(copy: *Copy, tags: [*]const loader.Tag, count: usize) void {
    const strings = loader.tagValue(tags, loader.DT_STRTAB) orelse die("no strings", null);
    for (0..count) |index| copy.tags[index] = .{ .tag = loader.DT_NEEDED, .value = @intFromPtr(&copy.paths[index]) -% strings };
    var at: usize = 0;
    while (true) : (at += 1) {
        if (count + at == TAGS_MAX) die("too many tags", null);
        copy.tags[count + at] = tags[at];
        if (tags[at].tag == loader.DT_NULL) return;
    }
}

fn writePath(path: *[PATH_MAX]u8, fd: i32) void {
    const prefix = "/proc/self/fd/";
    @memcpy(path[0..prefix.len], prefix);
    var digits: [10]u8 = undefined;
    var left: u32 = @intCast(fd);
    var begin: usize = digits.len;
    while (true) {
        begin -= 1;
        digits[begin] = '0' + @as(u8, @intCast(left % 10));
        left /= 10;
        if (left == 0) break;
    }
    @memcpy(path[prefix.len..][0 .. digits.len - begin], digits[begin..]);
    path[prefix.len + digits.len - begin] = 0;
}

const MFD_CLOEXEC = 1;
/// Where vm.memfd_noexec is 2, Linux 6.3 to 6.5 allows no other, and later ones set it; it forbids execve(2), not mmap(2).
const MFD_NOEXEC_SEAL = 8;

/// A descriptor of the library in memory. It stays open, and is closed on exec.
fn unpackFile(file: *align(8) const File) i32 {
    const name: [*:0]const u8 = @ptrCast(&file.name);
    var made = sys.memfd_create(name, MFD_CLOEXEC);
    if (sys.errno(made) != .SUCCESS) made = sys.memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (sys.errno(made) != .SUCCESS) die("memfd_create failed", null);
    const fd: i32 = @intCast(made);
    if (sys.errno(sys.ftruncate(fd, @intCast(file.size))) != .SUCCESS) die("no memory for its own C library", null);
    const target = loader.shared(fd, file.size) orelse die("no memory for its own C library", null);
    const source: [*]const u8 = @ptrFromInt(@intFromPtr(file) + @sizeOf(File));
    lz4.unpack(target[0..file.size], source[0..file.packed_size]) catch die("the file is damaged", null);
    loader.unmap(target, file.size);
    return fd;
}

const Auxiliary = extern struct { key: usize, value: usize };
const AT_NULL = 0;
const AT_PHDR = 3;
const AT_PHNUM = 5;
const AT_PAGESZ = 6;
const AT_BASE = 7;
const AT_ENTRY = 9;

fn auxiliaryVector(stack: [*]usize) [*]Auxiliary {
    var at = stack[0] + 2; // argc, argv and its NULL
    while (stack[at] != 0) at += 1; // the environment
    return @ptrCast(stack + at + 1);
}

fn get(auxiliary: [*]const Auxiliary, key: usize) ?usize {
    var at: usize = 0;
    while (auxiliary[at].key != AT_NULL) : (at += 1) if (auxiliary[at].key == key) return auxiliary[at].value;
    return null;
}

/// The kernel always gives all of them (fs/binfmt_elf.c, create_elf_tables).
fn set(auxiliary: [*]Auxiliary, key: usize, value: usize) void {
    var at: usize = 0;
    while (auxiliary[at].key != AT_NULL) : (at += 1) if (auxiliary[at].key == key) {
        auxiliary[at].value = value;
        return;
    };
}

fn die(message: []const u8, _: ?usize) noreturn {
    for ([_][]const u8{ "mdk cannot start: ", message, "\n" }) |part| _ = sys.write(2, part.ptr, part.len);
    sys.exit_group(127);
}
