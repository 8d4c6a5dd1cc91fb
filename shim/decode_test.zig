//! The decoder against std.json, against the golden plans, and against damage.
const std = @import("std");
const plan = @import("plan.zig");
const Decoder = @import("decode.zig").Decoder;
const golden = @import("golden");
const t = std.testing;

const Sample = struct {
    yes: bool,
    small: u8,
    signed: i32,
    wide: u64,
    negative: i64,
    text: [:0]const u8,
    maybe: ?[:0]const u8,
    list: []const u16,
    choice: []const union(enum) { empty: struct {}, pair: struct { left: u32, right: ?u64 } },
};

const sample =
    \\{"yes":true,"small":255,"signed":-2147483648,"wide":"18446744073709551615","negative":"-9223372036854775808",
    \\ "text":"a\"\\\/\n\u00e9\ud83d\ude00","maybe":null,"list":[ 1 , 65535],
    \\ "choice":[{"empty":{}},{"pair":{"right":"7","left":4294967295}}] }
;

var memory: [1 << 16]u8 align(16) = undefined;
var space: [1 << 20]u8 = undefined;
/// Each index is its own descriptor, so that a plan compares equal to what std.json reads.
const descriptors: [253]i32 = identity: {
    var all: [253]i32 = undefined;
    for (&all, 0..) |*fd, index| fd.* = index;
    break :identity all;
};

fn decode(comptime T: type, text: []const u8) !T {
    @memcpy(space[0..text.len], text);
    space[text.len] = 0;
    var d: Decoder = .{ .text = space[0..text.len :0], .descriptors = &descriptors, .memory = &memory };
    return d.decode(T);
}

test "every kind of value arrives" {
    const got = try decode(Sample, sample);
    try t.expect(got.yes);
    try t.expectEqual(255, got.small);
    try t.expectEqual(std.math.minInt(i32), got.signed);
    try t.expectEqual(std.math.maxInt(u64), got.wide);
    try t.expectEqual(std.math.minInt(i64), got.negative);
    try t.expectEqualStrings("a\"\\/\né😀", got.text);
    try t.expectEqual(0, got.text.ptr[got.text.len]);
    try t.expectEqual(null, got.maybe);
    try t.expectEqualSlices(u16, &.{ 1, 65535 }, got.list);
    try t.expectEqual(7, got.choice[1].pair.right.?);
    try t.expectEqual(4294967295, got.choice[1].pair.left);
}

test "what is outside of the contract is refused" {
    const One = struct { n: u8, w: u64, s: [:0]const u8 };
    _ = try decode(One, "{\"n\":1,\"w\":\"2\",\"s\":\"x\"}");
    for ([_][]const u8{
        "{\"n\":256,\"w\":\"2\",\"s\":\"x\"}", // out of range
        "{\"n\":-1,\"w\":\"2\",\"s\":\"x\"}",
        "{\"n\":1.0,\"w\":\"2\",\"s\":\"x\"}",
        "{\"n\":01,\"w\":\"2\",\"s\":\"x\"}",
        "{\"n\":1,\"w\":2,\"s\":\"x\"}", // 64 bits as a number
        "{\"n\":1,\"w\":\"18446744073709551616\",\"s\":\"x\"}",
        "{\"n\":1,\"w\":\"\",\"s\":\"x\"}",
        "{\"n\":1,\"w\":\"2\"}", // missing
        "{\"n\":1,\"n\":1,\"w\":\"2\",\"s\":\"x\"}", // repeated
        "{\"n\":1,\"w\":\"2\",\"s\":\"x\",\"more\":1}", // unknown
        "{\"n\":1,\"w\":\"2\",\"s\":\"a\\u0000b\"}", // NUL
        "{\"n\":1,\"w\":\"2\",\"s\":\"a\nb\"}",
        "{\"n\":1,\"w\":\"2\",\"s\":\"\\ud800\"}",
        "{\"n\":1,\"w\":\"2\",\"s\":null}",
        "{\"n\":1,\"w\":\"2\",\"s\":\"x\"} x",
        "",
    }) |text| try t.expectError(error.Refused, decode(One, text));
    try t.expectError(error.Refused, decode(struct { fd: plan.Fd }, "{\"fd\":253}"));
}

test "every truncation of a plan is refused" {
    for (0..sample.len - 1) |length| try t.expectError(error.Refused, decode(Sample, sample[0..length]));
}

test "a damaged plan is refused or decoded, never more" {
    var random: std.Random.DefaultPrng = .init(0x6d646b);
    var text: [sample.len]u8 = undefined;
    for (0..20_000) |_| {
        @memcpy(&text, sample);
        for (0..random.random().intRangeAtMost(usize, 1, 4)) |_|
            text[random.random().uintLessThan(usize, text.len)] = if (random.random().boolean())
                random.random().int(u8)
            else
                sample[random.random().uintLessThan(usize, sample.len)];
        _ = decode(Sample, &text) catch |err| try t.expectEqual(error.Refused, err);
    }
}

test "a list that memory does not hold is refused" {
    var tiny: [64]u8 align(16) = undefined;
    var text = "[[1],[2],[3],[4],[5]]".*;
    var d: Decoder = .{ .text = &text, .descriptors = &.{}, .memory = &tiny };
    try t.expectError(error.Refused, d.decode([]const []const u32));
    try t.expectEqualStrings("too large", d.reason);
}

test "golden plans mean the same to std.json" {
    inline for (golden.plans) |name| {
        const text = @embedFile(name);
        const got = decode(plan.Plan, text) catch |err| {
            std.debug.print("{s}\n", .{name});
            return err;
        };
        var arena: std.heap.ArenaAllocator = .init(t.allocator);
        defer arena.deinit();
        const expected = try std.json.parseFromSliceLeaky(plan.Plan, arena.allocator(), text, .{});
        try t.expectEqualDeep(expected, got);
    }
}
