//! Files of the record directory: how the process ended, and of an exec who it is. Each is written aside and renamed into place.
const clock = @import("clock.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const std = @import("std");
const sys = linux.sys;

/// `exit`. False: there is no space for it.
pub fn writeExit(m: *const Monitor) bool {
    var time: [clock.max_length]u8 = undefined;
    const finished = clock.now(&time);
    var buffer: [160]u8 = undefined;
    var length = linux.decimal(&buffer, "{\"version\":1,\"code\":", m.code).len;
    length = linux.decimal(&buffer, append(&buffer, length, if (m.oom) ",\"oom\":true,\"lost\":" else ",\"oom\":false,\"lost\":"), if (m.log) |*log| log.dropped else 0).len;
    for ([_][]const u8{ ",\"finished\":\"", finished, "\"}\n" }) |part| length = append(&buffer, length, part).len;
    return put(m.record, "exit.tmp", "exit", &.{buffer[0..length]});
}

/// `process`: the pid of an exec'd process as the host's /proc knows it, for whoever asks. Its pidfd says it (pidfd_open(2)).
pub fn noteProcess(m: *const Monitor) void {
    var path: [40]u8 = undefined;
    var text: [512]u8 = undefined;
    const file = linux.checkFd(sys.openat(linux.AT_FDCWD, linux.decimal(&path, "/proc/self/fdinfo/", @intCast(m.process.fd)), .{ .CLOEXEC = true }, 0), "openat", "fdinfo") catch return;
    const rc = sys.read(file, &text, text.len);
    linux.close(file);
    if (sys.errno(rc) != .SUCCESS) return;
    const key = "\nPid:\t";
    const start = (std.mem.indexOf(u8, text[0..rc], key) orelse return) + key.len;
    const end = std.mem.indexOfScalarPos(u8, text[0..rc], start, '\n') orelse return;
    _ = put(m.record, "process.tmp", "process", &.{text[start..end]});
}

/// Whole, or not at all.
pub fn put(directory: i32, aside: [*:0]const u8, name: [*:0]const u8, parts: []const []const u8) bool {
    const flags: sys.O = .{ .ACCMODE = .WRONLY, .CREAT = true, .TRUNC = true, .CLOEXEC = true, .NOFOLLOW = true };
    const file = linux.checkFd(sys.openat(directory, aside, flags, 0o600), "openat", "record") catch return false;
    var whole = true;
    for (parts) |bytes| whole = whole and sys.write(file, bytes.ptr, bytes.len) == bytes.len;
    linux.close(file);
    return whole and sys.errno(sys.renameat(directory, aside, directory, name)) == .SUCCESS;
}

fn append(buffer: []u8, length: usize, part: []const u8) []u8 {
    @memcpy(buffer[length..][0..part.len], part);
    return buffer[0 .. length + part.len];
}
