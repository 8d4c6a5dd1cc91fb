//! What a process in a container really has: a static program that is copied into the container's root and looks around
//! from inside, so that no tool of an image and no word of mdk's stands between the kernel and the test. Prints JSON.
//!
//!   probe state [r:PATH | w:PATH]…        status, descriptors, working directory, mounts; for each r:PATH what reading it
//!                                         gives, for each w:PATH whether it opens for writing
//!   probe syscalls [NUMBER,ARGUMENT…]…    the result of every call 0…470 with arguments of -1, each in a child of its own,
//!                                         then that of each call given; negative: -errno; null: it never returned.
//!                                         For containers: some calls take no argument and act (vhangup, sync)
//!   probe hog BYTES                       touches that much memory, then says so
//!   probe swap A B                        exchanges two names for ever (renameat2), as fast as it can
//!   probe fds                             exits with the number of open descriptors
const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;

pub const panic = std.debug.FullPanic(die);
pub const std_options: std.Options = .{ .signal_stack_size = null, .enable_segfault_handler = false, .allow_stack_tracing = false };

fn die(message: []const u8, _: ?usize) noreturn {
    _ = linux.write(2, message.ptr, message.len);
    linux.exit_group(125);
}

const syscall_last = 470;

var out_buffer: [256 * 1024]u8 = undefined;
var out: std.Io.Writer = .fixed(&out_buffer);
var file_buffer: [128 * 1024]u8 = undefined;
var separate = false;

pub fn main(init: std.process.Init.Minimal) u8 {
    const args = init.args.vector;
    if (args.len < 2) return usage();
    const mode = std.mem.span(args[1]);
    if (std.mem.eql(u8, mode, "state")) {
        state(args[2..]) catch return 124;
    } else if (std.mem.eql(u8, mode, "syscalls")) {
        syscalls(args[2..]) catch return 124;
    } else if (std.mem.eql(u8, mode, "hog") and args.len == 3) {
        hog(parse(std.mem.span(args[2]))) catch return 124;
    } else if (std.mem.eql(u8, mode, "swap") and args.len == 4) {
        while (true) _ = linux.syscall5(.renameat2, @as(usize, @bitCast(@as(isize, -100))), @intFromPtr(args[2]), @as(usize, @bitCast(@as(isize, -100))), @intFromPtr(args[3]), 2);
    } else if (std.mem.eql(u8, mode, "fds")) {
        return descriptors(false) catch 124;
    } else return usage();
    var rest = out.buffered();
    while (rest.len > 0) {
        const rc = linux.write(1, rest.ptr, rest.len);
        if (linux.errno(rc) != .SUCCESS) return 123;
        rest = rest[rc..];
    }
    return 0;
}

fn usage() u8 {
    const text = "usage: probe state|syscalls|hog|swap|fds …\n";
    _ = linux.write(2, text, text.len);
    return 2;
}

// --- JSON

fn string(text: []const u8) !void {
    try out.writeByte('"');
    for (text) |c| switch (c) {
        '"', '\\' => try out.print("\\{c}", .{c}),
        '\n' => try out.writeAll("\\n"),
        0...9, 11...31, 127...255 => try out.print("\\u{x:0>4}", .{c}),
        else => try out.writeByte(c),
    };
    try out.writeByte('"');
}

fn begin(bracket: u8) !void {
    try out.writeByte(bracket);
    separate = false;
}

fn end(bracket: u8) !void {
    try out.writeByte(bracket);
    separate = true;
}

fn comma() !void {
    if (separate) try out.writeAll(",\n");
    separate = true;
}

fn key(name: []const u8) !void {
    try comma();
    try string(name);
    try out.writeByte(':');
    separate = false;
}

fn field(name: []const u8, text: []const u8) !void {
    try key(name);
    try string(text);
    separate = true;
}

fn number(name: []const u8, value: anytype) !void {
    try key(name);
    try out.print("{d}", .{value});
    separate = true;
}

fn flag(name: []const u8, value: bool) !void {
    try key(name);
    try out.writeAll(if (value) "true" else "false");
    separate = true;
}

// --- state

fn state(paths: []const [*:0]const u8) !void {
    try begin('{');
    try key("status");
    try status();
    try key("descriptors");
    _ = try descriptors(true);
    var cwd: [4096]u8 = undefined;
    const rc = linux.getcwd(&cwd, cwd.len);
    try field("cwd", if (linux.errno(rc) == .SUCCESS) cwd[0 .. rc - 1] else "");
    try field("mounts", read("/proc/self/mountinfo") orelse "");
    try field("limits", read("/proc/self/limits") orelse "");
    try field("cgroup", read("/proc/self/cgroup") orelse "");
    try key("paths");
    try begin('{');
    for (paths) |argument| {
        const text = std.mem.span(argument);
        if (text.len < 3 or text[1] != ':') continue;
        try key(text);
        try begin('{');
        try look(argument[0], argument[2..]);
        try end('}');
    }
    try end('}');
    try end('}');
    try out.writeByte('\n');
}

/// Every line of /proc/self/status: CapBnd, Seccomp, NoNewPrivs, Uid, Gid, Groups, NSpid …
fn status() !void {
    try begin('{');
    var lines = std.mem.splitScalar(u8, read("/proc/self/status") orelse "", '\n');
    while (lines.next()) |line| {
        const colon = std.mem.findScalar(u8, line, ':') orelse continue;
        try field(line[0..colon], std.mem.trim(u8, line[colon + 1 ..], " \t"));
    }
    try end('}');
}

/// Number and target of each open descriptor but the one that lists them; returns how many.
fn descriptors(print: bool) !u8 {
    if (print) try begin('{');
    var count: u8 = 0;
    const dir = open("/proc/self/fd", .{ .DIRECTORY = true });
    if (linux.errno(dir) == .SUCCESS) {
        var buffer: [8192]u8 align(8) = undefined;
        while (true) {
            const length = linux.getdents64(@intCast(dir), &buffer, buffer.len);
            if (linux.errno(length) != .SUCCESS or length == 0) break;
            var at: usize = 0;
            while (at < length) {
                const size = std.mem.readInt(u16, buffer[at + 16 ..][0..2], .little);
                const name = std.mem.sliceTo(buffer[at + 19 .. at + size], 0);
                at += size;
                if (name[0] == '.' or parse(name) == dir) continue;
                count += 1;
                if (print) try target(@intCast(dir), name);
            }
        }
        _ = linux.close(@intCast(dir));
    }
    if (print) try end('}');
    return count;
}

fn target(dir: i32, name: []const u8) !void {
    var terminated: [16]u8 = @splat(0);
    @memcpy(terminated[0..name.len], name);
    var link: [512]u8 = undefined;
    const rc = linux.readlinkat(dir, @ptrCast(&terminated), &link, link.len);
    try field(name, if (linux.errno(rc) == .SUCCESS) link[0..rc] else "?");
}

fn look(how: u8, path: [*:0]const u8) !void {
    const rc = switch (how) {
        'w' => open(path, .{ .ACCMODE = .WRONLY, .NONBLOCK = true }),
        else => open(path, .{ .NONBLOCK = true }),
    };
    try number("errno", @backingInt(linux.errno(rc)));
    if (linux.errno(rc) != .SUCCESS) return;
    defer _ = linux.close(@intCast(rc));
    if (how == 'w') return;
    var buffer: [4096]u8 align(8) = undefined;
    const entries = linux.getdents64(@intCast(rc), &buffer, buffer.len);
    const is_directory = linux.errno(entries) == .SUCCESS;
    try flag("directory", is_directory);
    if (is_directory) {
        var at: usize = 0;
        var count: usize = 0;
        while (at < entries) : (count += 1) at += std.mem.readInt(u16, buffer[at + 16 ..][0..2], .little);
        try number("entries", count - @min(count, 2)); // without . and ..
    } else if (how == 'r') {
        const length = linux.read(@intCast(rc), &buffer, buffer.len);
        try number("read_errno", @backingInt(linux.errno(length)));
        if (linux.errno(length) == .SUCCESS) try number("bytes", length);
    }
}

fn open(path: [*:0]const u8, flags: linux.O) usize {
    var with = flags;
    with.CLOEXEC = true;
    return linux.openat(-100, path, with, 0);
}

/// The file's content, up to the buffer's size; valid until the next call.
fn read(path: [*:0]const u8) ?[]const u8 {
    const fd = open(path, .{});
    if (linux.errno(fd) != .SUCCESS) return null;
    defer _ = linux.close(@intCast(fd));
    var length: usize = 0;
    while (length < file_buffer.len) {
        const rc = linux.read(@intCast(fd), file_buffer[length..].ptr, file_buffer.len - length);
        if (linux.errno(rc) != .SUCCESS or rc == 0) break;
        length += rc;
    }
    return file_buffer[0..length];
}

// --- system calls

fn syscalls(extra: []const [*:0]const u8) !void {
    try begin('{');
    const everywhere: [6]usize = @splat(std.math.maxInt(usize));
    var digits: [8]u8 = undefined;
    for (0..syscall_last + 1) |nr| {
        var name: std.Io.Writer = .fixed(&digits);
        try name.print("{d}", .{nr});
        try result(name.buffered(), nr, everywhere);
    }
    for (extra) |argument| {
        const text = std.mem.span(argument);
        var parts = std.mem.splitScalar(u8, text, ',');
        const nr = parse(parts.next() orelse "");
        var arguments: [6]usize = @splat(0);
        for (&arguments) |*place| place.* = parse(parts.next() orelse break);
        try result(text, nr, arguments);
    }
    try end('}');
    try out.writeByte('\n');
}

fn result(name: []const u8, nr: usize, arguments: [6]usize) !void {
    try key(name);
    if (attempt(nr, arguments)) |value| try out.print("{d}", .{value}) else try out.writeAll("null");
    separate = true;
}

/// The call's result, told by a child through a pipe; null if it ended the child, or blocked for a second.
fn attempt(nr: usize, arguments: [6]usize) ?isize {
    var pipe: [2]i32 = undefined;
    if (linux.errno(linux.pipe2(&pipe, .{ .CLOEXEC = true })) != .SUCCESS) return null;
    const child = linux.fork();
    if (linux.errno(child) != .SUCCESS) return null;
    if (child == 0) {
        const second: linux.itimerspec = .{ .it_interval = .{ .sec = 0, .nsec = 0 }, .it_value = .{ .sec = 1, .nsec = 0 } };
        _ = linux.setitimer(0, &second, null); // SIGALRM ends a child that waits
        const rc = call(nr, arguments);
        // fork, vfork and clone return twice.
        if (rc == 0 and (nr == 56 or nr == 57 or nr == 58)) linux.exit_group(0);
        _ = linux.write(pipe[1], @ptrCast(&rc), @sizeOf(usize));
        linux.exit_group(0);
    }
    _ = linux.close(pipe[1]);
    var rc: usize = 0;
    const length = linux.read(pipe[0], @ptrCast(&rc), @sizeOf(usize));
    _ = linux.close(pipe[0]);
    var ignored: i32 = 0;
    _ = linux.wait4(@intCast(child), &ignored, 0, null);
    return if (length == @sizeOf(usize)) @bitCast(rc) else null;
}

inline fn call(nr: usize, a: [6]usize) usize {
    return switch (builtin.cpu.arch) {
        .x86_64 => asm volatile ("syscall"
            : [ret] "={rax}" (-> usize),
            : [nr] "{rax}" (nr),
              [a0] "{rdi}" (a[0]),
              [a1] "{rsi}" (a[1]),
              [a2] "{rdx}" (a[2]),
              [a3] "{r10}" (a[3]),
              [a4] "{r8}" (a[4]),
              [a5] "{r9}" (a[5]),
            : .{ .rcx = true, .r11 = true, .memory = true }),
        .aarch64 => asm volatile ("svc #0"
            : [ret] "={x0}" (-> usize),
            : [nr] "{x8}" (nr),
              [a0] "{x0}" (a[0]),
              [a1] "{x1}" (a[1]),
              [a2] "{x2}" (a[2]),
              [a3] "{x3}" (a[3]),
              [a4] "{x4}" (a[4]),
              [a5] "{x5}" (a[5]),
            : .{ .memory = true }),
        else => @compileError("x86_64 or aarch64"),
    };
}

// --- memory

fn hog(bytes: usize) !void {
    const rc = linux.mmap(null, bytes, .{ .READ = true, .WRITE = true }, .{ .TYPE = .PRIVATE, .ANONYMOUS = true }, -1, 0);
    if (linux.errno(rc) != .SUCCESS) return error.NoMemory;
    const memory = @as([*]volatile u8, @ptrFromInt(rc))[0..bytes];
    var at: usize = 0;
    while (at < bytes) : (at += 4096) memory[at] = 1;
    try out.print("{d}\n", .{bytes});
}

/// Decimal, or -1 for all bits.
fn parse(text: []const u8) usize {
    if (std.mem.eql(u8, text, "-1")) return std.math.maxInt(usize);
    return std.fmt.parseInt(usize, text, 0) catch 0;
}
