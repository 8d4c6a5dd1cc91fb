//! Bytes that a reader has not taken yet. Memory is mapped at first need and paid for only as far as it is filled.
const std = @import("std");
const linux = @import("linux.zig");

/// While the program runs a queue holds about one read, because its pipe is not read while a reader has a queue. At
/// the end everything that is left in the pipes must be put somewhere; what is beyond this is lost to that reader.
const capacity = 4 << 20;

pub const Queue = struct {
    memory: []align(4096) u8 = &.{},
    start: usize = 0,
    end: usize = 0,

    pub fn empty(q: *const Queue) bool {
        return q.start == q.end;
    }

    pub fn pending(q: *const Queue) []const u8 {
        return q.memory[q.start..q.end];
    }

    /// All parts or none; false: there is no room.
    pub fn append(q: *Queue, parts: []const []const u8) bool {
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
        for (parts) |part| {
            @memcpy(q.memory[q.end..][0..part.len], part);
            q.end += part.len;
        }
        return true;
    }

    pub fn consume(q: *Queue, length: usize) void {
        q.start += length;
        if (q.start == q.end) {
            q.start = 0;
            q.end = 0;
        }
    }

    /// Gives the memory back; what is pending is lost.
    pub fn free(q: *Queue) void {
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
