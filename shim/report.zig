//! What the shim says to TypeScript: one Report of the contract as JSON in one datagram, made without allocation.
const std = @import("std");
const linux = @import("linux.zig");
const socket = @import("socket.zig");
const plan = @import("plan.zig");

/// A datagram that is longer is cut in its object: a path of 4096 bytes says no more at its end.
const max_size = 1400;
const max_object = 1000;

/// Descriptors travel along (`created` with the network). Returns what sendmsg(2) does.
pub noinline fn send(fd: i32, report: plan.Report, descriptors: []const i32) usize {
    var buffer: [max_size]u8 = undefined;
    return socket.sendDescriptors(fd, encode(&buffer, report), descriptors);
}

/// `failed` with what `linux.failure` remembers.
pub noinline fn sendFailure(fd: i32, step: [:0]const u8, index: u32) void {
    var buffer: [max_size]u8 = undefined;
    const f = linux.failure;
    _ = socket.sendDescriptors(fd, encodeFailure(&buffer, step, index, f), &.{});
}

pub fn encode(buffer: *[max_size]u8, report: plan.Report) []const u8 {
    var out: Out = .{ .buffer = buffer };
    switch (report) {
        .created => |created| {
            out.raw("{\"created\":{\"pid\":");
            out.number(@intCast(created.pid));
            out.raw("}}");
        },
        .ready => out.raw("{\"ready\":{}}"),
        .cut => |cut| out.raw(if (cut.stalled) "{\"cut\":{\"stalled\":true}}" else "{\"cut\":{\"stalled\":false}}"),
        .failed => |f| return encodeFailure(buffer, f.step, f.index, .{ .call = f.call, .errno = f.errno, .object = f.object }),
        .exited => |exited| {
            out.raw("{\"exited\":{\"code\":");
            out.number(exited.code);
            out.raw(if (exited.oom) ",\"oom\":true" else ",\"oom\":false");
            out.raw(if (exited.pending) ",\"pending\":true}}" else ",\"pending\":false}}");
        },
    }
    return buffer[0..out.end];
}

fn encodeFailure(buffer: *[max_size]u8, step: []const u8, index: u32, f: linux.Failure) []const u8 {
    var out: Out = .{ .buffer = buffer };
    out.raw("{\"failed\":{\"step\":");
    out.text(step);
    out.raw(",\"index\":");
    out.number(index);
    out.raw(",\"call\":");
    out.text(f.call);
    out.raw(",\"errno\":");
    out.number(f.errno);
    out.raw(",\"object\":");
    out.text(f.object);
    out.raw("}}");
    return buffer[0..out.end];
}

const Out = struct {
    buffer: *[max_size]u8,
    end: usize = 0,

    fn raw(out: *Out, bytes: []const u8) void {
        if (out.end + bytes.len > max_size) return;
        @memcpy(out.buffer[out.end..][0..bytes.len], bytes);
        out.end += bytes.len;
    }

    fn number(out: *Out, value: u64) void {
        var digits: [24]u8 = undefined;
        out.raw(linux.decimal(&digits, "", value));
    }

    /// Bytes that JSON does not carry as they are become \u00XX or "?": the text is for people.
    fn text(out: *Out, bytes: []const u8) void {
        out.raw("\"");
        const start = out.end;
        for (bytes) |byte| {
            if (out.end - start > max_object) break;
            switch (byte) {
                '"' => out.raw("\\\""),
                '\\' => out.raw("\\\\"),
                0...0x1f, 0x7f => {
                    const hex = "0123456789abcdef";
                    out.raw(&.{ '\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15] });
                },
                else => out.raw(&.{byte}),
            }
        }
        while (out.end > start and !std.unicode.utf8ValidateSlice(out.buffer[start..out.end])) out.end -= 1; // a cut, or no UTF-8 at all
        out.raw("\"");
    }
};

test "every report is the contract's JSON" {
    var buffer: [max_size]u8 = undefined;
    const t = std.testing;
    try t.expectEqualStrings("{\"created\":{\"pid\":42}}", encode(&buffer, .{ .created = .{ .pid = 42 } }));
    try t.expectEqualStrings("{\"ready\":{}}", encode(&buffer, .{ .ready = .{} }));
    try t.expectEqualStrings("{\"exited\":{\"code\":137,\"oom\":true,\"pending\":false}}", encode(&buffer, .{ .exited = .{ .code = 137, .oom = true, .pending = false } }));
    try t.expectEqualStrings(
        "{\"failed\":{\"step\":\"mkdir\",\"index\":3,\"call\":\"mkdirat\",\"errno\":2,\"object\":\"/a\\\"b\\u000a\"}}",
        encode(&buffer, .{ .failed = .{ .step = "mkdir", .index = 3, .call = "mkdirat", .errno = 2, .object = "/a\"b\n" } }),
    );
}

test "a long object is cut, and what is not UTF-8 does not spoil the datagram" {
    var buffer: [max_size]u8 = undefined;
    var long: [4096:0]u8 = @splat('"');
    long[2000] = 0xff;
    const text = encode(&buffer, .{ .failed = .{ .step = "mkdir", .index = 0, .call = "mkdirat", .errno = 36, .object = &long } });
    try std.testing.expect(try std.json.validate(std.testing.allocator, text));
    const bad = encode(&buffer, .{ .failed = .{ .step = "mkdir", .index = 0, .call = "mkdirat", .errno = 36, .object = "ab\xff" } });
    try std.testing.expect(std.mem.endsWith(u8, bad, "\"object\":\"ab\"}}"));
}
