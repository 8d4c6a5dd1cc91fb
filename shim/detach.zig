//! The detach sequence (`--detach-keys`, ctrl-p ctrl-q by default) in what a user types: what could be its beginning is
//! held back until the next key decides.
const std = @import("std");

pub const Keys = struct {
    pub const max = 16;

    sequence: [max]u8 = undefined,
    length: usize = 0,
    matched: usize = 0,

    /// From hexadecimal; "" and "-" are no sequence. null: not hexadecimal, or too long.
    pub fn parse(text: []const u8) ?Keys {
        var keys: Keys = .{};
        if (text.len == 0 or std.mem.eql(u8, text, "-")) return keys;
        if (text.len > 2 * max) return null;
        keys.length = (std.fmt.hexToBytes(&keys.sequence, text) catch return null).len;
        return keys;
    }

    pub const Found = struct { length: usize, detached: bool };

    /// Writes what is to be passed on (at most `max` bytes more than came in). Nothing after the sequence is.
    pub fn filter(keys: *Keys, bytes: []const u8, out: []u8) Found {
        if (keys.length == 0) {
            @memcpy(out[0..bytes.len], bytes);
            return .{ .length = bytes.len, .detached = false };
        }
        var end: usize = 0;
        for (bytes) |byte| {
            if (byte != keys.sequence[keys.matched] and keys.matched > 0) {
                @memcpy(out[end..][0..keys.matched], keys.sequence[0..keys.matched]);
                end += keys.matched;
                keys.matched = 0;
            }
            if (byte == keys.sequence[keys.matched]) {
                keys.matched += 1;
                if (keys.matched == keys.length) return .{ .length = end, .detached = true };
            } else {
                out[end] = byte;
                end += 1;
            }
        }
        return .{ .length = end, .detached = false };
    }
};

fn expectFilter(keys: *Keys, bytes: []const u8, passed: []const u8, detached: bool) !void {
    var out: [100]u8 = undefined;
    const found = keys.filter(bytes, &out);
    try std.testing.expectEqualStrings(passed, out[0..found.length]);
    try std.testing.expectEqual(detached, found.detached);
}

test "the sequence detaches, wherever reads cut it" {
    var keys = Keys.parse("1011").?;
    try expectFilter(&keys, "ab\x10", "ab", false);
    try expectFilter(&keys, "\x11rest", "", true);
}

test "what only begins like the sequence is passed on" {
    var keys = Keys.parse("1011").?;
    try expectFilter(&keys, "\x10", "", false);
    try expectFilter(&keys, "x", "\x10x", false);
    try expectFilter(&keys, "\x10\x10\x10\x11", "\x10\x10", true);
}

test "no sequence, and no hexadecimal" {
    var keys = Keys.parse("").?;
    try expectFilter(&keys, "\x10\x11", "\x10\x11", false);
    try std.testing.expectEqual(null, Keys.parse("1z"));
    try std.testing.expectEqual(null, Keys.parse("10101010101010101010101010101010ff"));
}
