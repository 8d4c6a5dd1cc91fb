//! One block of LZ4 (lz4_Block_format.md), unpacked: what dist/mdk carries is packed by shim/carry.ts. Chosen for its speed:
//! the C library is unpacked at every start on a host without glibc.
const std = @import("std");

pub const Error = error{Corrupt};

/// Fills `target` exactly from the whole of `source`, or says that they do not fit each other.
pub fn unpack(target: []u8, source: []const u8) Error!void {
    var in: usize = 0;
    var out: usize = 0;
    while (in < source.len) {
        const token = source[in];
        in += 1;
        const literals = try length(source, &in, token >> 4);
        if (literals > source.len - in or literals > target.len - out) return error.Corrupt;
        @memcpy(target[out..][0..literals], source[in..][0..literals]);
        in += literals;
        out += literals;
        if (in == source.len) break; // the last sequence has literals only
        if (source.len - in < 2) return error.Corrupt;
        const distance = std.mem.readInt(u16, source[in..][0..2], .little);
        in += 2;
        const copied = 4 + try length(source, &in, token & 15);
        if (distance == 0 or distance > out or copied > target.len - out) return error.Corrupt;
        repeat(target[out..][0..copied], distance);
        out += copied;
    }
    if (out != target.len) return error.Corrupt;
}

/// Four bits of the token; 15 goes on in bytes until one is below 255.
fn length(source: []const u8, in: *usize, bits: u8) Error!usize {
    var total: usize = bits;
    if (bits < 15) return total;
    while (true) {
        if (in.* == source.len) return error.Corrupt;
        const more = source[in.*];
        in.* += 1;
        total += more;
        if (more < 255) return total;
    }
}

/// Copies what lies `distance` before `target` into it; where the two overlap, the copy repeats itself.
fn repeat(target: []u8, distance: usize) void {
    const from = target.ptr - distance;
    if (distance >= target.len) {
        @memcpy(target, from[0..target.len]);
        return;
    }
    for (target, 0..) |*byte, index| byte.* = from[index];
}

test "literals, a match that overlaps itself, long lengths" {
    var target: [32]u8 = undefined;
    // "ab", 4 + 15 + 0 bytes from two before, then "c".
    try unpack(target[0..22], &.{ 0x2f, 'a', 'b', 2, 0, 0, 0x10, 'c' });
    try std.testing.expectEqualStrings("ab" ++ "ababababababababab" ++ "a" ++ "c", target[0..22]);
}

test "what does not fit is refused" {
    var target: [8]u8 = undefined;
    const bad = [_][]const u8{
        &.{0x20}, // literals that are not there
        &.{ 0x10, 'a', 2, 0 }, // a match before the beginning
        &.{ 0x10, 'a', 0, 0 }, // distance zero
        &.{ 0x1f, 'a', 1, 0, 255 }, // a length that does not end
        &.{ 0x1f, 'a', 1, 0, 0 }, // longer than the target
        &.{ 0x10, 'a' }, // shorter than the target
    };
    for (bad) |source| try std.testing.expectError(error.Corrupt, unpack(&target, source));
}
