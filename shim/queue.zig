//! Bytes that a reader has not taken yet. Memory is mapped at first need and paid for only as far as it is filled.
const std = @import("std");
const clock = @import("clock.zig");
const linux = @import("linux.zig");
const sys = linux.sys;

/// While the program runs a queue holds about one read, because its pipe is not read while a reader has a queue. At
/// the end everything that is left in the pipes must be put somewhere; what is beyond this is lost to that reader.
const capacity = 4 << 20;

/// ioctl: bytes that whoever reads the other end has not taken yet, of a pipe (FIONREAD) or a socket (SIOCOUTQ).
pub const unread_of_pipe = 0x541b;
pub const unread_of_socket = 0x5411;

pub const Queue = struct {
    memory: []align(4096) u8 = &.{},
    start: usize = 0,
    end: usize = 0,
    /// When the reader took something last, or had to be waited for at first (monotonic milliseconds).
    since: u64 = 0,
    /// What it had before it then.
    unread: u32 = std.math.maxInt(u32),

    pub fn empty(q: *const Queue) bool {
        return q.start == q.end;
    }

    pub fn pending(q: *const Queue) []const u8 {
        return q.memory[q.start..q.end];
    }

    /// All parts or none; false: there is no room.
    pub noinline fn append(q: *Queue, parts: []const []const u8) bool {
        var length: usize = 0;
        for (parts) |part| length += part.len;
        if (length == 0) return true;
        if (q.memory.len == 0) q.memory = linux.mapMemory(capacity) catch return false;
        if (q.end + length > capacity) {
            std.mem.copyForwards(u8, q.memory, q.memory[q.start..q.end]);
            q.end -= q.start;
            q.start = 0;
        }
        if (q.end + length > capacity) return false;
        if (q.empty()) q.since = clock.monotonicMilliseconds();
        for (parts) |part| {
            @memcpy(q.memory[q.end..][0..part.len], part);
            q.end += part.len;
        }
        return true;
    }

    pub noinline fn consume(q: *Queue, length: usize) void {
        if (length == 0) return;
        q.since = clock.monotonicMilliseconds();
        q.start += length;
        if (q.start == q.end) {
            q.start = 0;
            q.end = 0;
        }
    }

    /// For how long, in milliseconds, the reader behind `fd` has taken nothing. A pipe or socket takes more only when much
    /// has been read from it: a reader that takes little is known by what is left there.
    pub noinline fn stalled(q: *Queue, fd: i32, request: u32) u64 {
        const now = clock.monotonicMilliseconds();
        var unread: u32 = 0;
        _ = sys.ioctl(fd, request, @intFromPtr(&unread));
        if (unread != q.unread) {
            q.unread = unread;
            q.since = now;
        }
        return now -| q.since;
    }

    /// Gives the memory back; what is pending is lost.
    pub noinline fn free(q: *Queue) void {
        if (q.memory.len > 0) linux.unmapMemory(q.memory);
        q.* = .{};
    }

    /// Gives the memory back when nothing is pending.
    pub fn trim(q: *Queue) void {
        if (q.empty()) q.free();
    }
};

test "what goes in comes out in order, and a full queue takes nothing more" {
    var q: Queue = .{};
    defer q.free();
    try std.testing.expect(q.append(&.{ "ab", "c" }));
    q.consume(1);
    try std.testing.expectEqualStrings("bc", q.pending());
    const block: [1 << 20]u8 = @splat('x');
    for (0..3) |_| try std.testing.expect(q.append(&.{&block}));
    try std.testing.expect(!q.append(&.{&block}));
    try std.testing.expectEqual(2 + 3 * block.len, q.pending().len);
    q.consume(2 + block.len);
    try std.testing.expect(q.append(&.{&block}));
    q.consume(q.pending().len);
    q.trim();
    try std.testing.expectEqual(0, q.memory.len);
}

test "a reader that takes a little of what its pipe holds is no reader that stalls" {
    var pipe: [2]i32 = undefined;
    _ = try linux.check(sys.pipe2(&pipe, .{ .CLOEXEC = true }), "pipe2", "");
    defer for (pipe) |fd| linux.close(fd);
    _ = sys.write(pipe[1], "abc", 3);
    var q: Queue = .{};
    defer q.free();
    try std.testing.expect(q.append(&.{"d"}));
    _ = q.stalled(pipe[1], unread_of_pipe);
    q.since = 1;
    try std.testing.expect(q.stalled(pipe[1], unread_of_pipe) > 0);
    var byte: [1]u8 = undefined;
    _ = sys.read(pipe[0], &byte, 1);
    try std.testing.expect(q.stalled(pipe[1], unread_of_pipe) < 1000);
}
