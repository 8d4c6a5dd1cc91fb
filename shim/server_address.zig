//! Addresses as text: those of containers, where ports lead, and those of name servers, which may have a port ("192.0.2.1#5353") and a link
//! ("fe80::1%2", by its index). Pure.
const std = @import("std");
const sys = @import("linux.zig").sys;

/// An IPv4 address in dotted decimals, as four bytes.
pub fn parse4(text: []const u8) ?[4]u8 {
    var bytes: [4]u8 = undefined;
    var parts = std.mem.splitScalar(u8, text, '.');
    for (&bytes) |*byte| {
        const part = parts.next() orelse return null;
        if (part.len == 0 or part.len > 3) return null;
        byte.* = std.fmt.parseInt(u8, part, 10) catch return null;
    }
    return if (parts.next() == null) bytes else null;
}

/// An IPv6 address as sixteen bytes (RFC 4291 section 2.2, without dotted decimals at the end).
pub fn parse6(text: []const u8) ?[16]u8 {
    const gap = std.mem.indexOf(u8, text, "::") orelse {
        var whole: [16]u8 = undefined;
        return if (groups(text, &whole) == 16) whole else null;
    };
    var head: [16]u8 = undefined;
    var tail: [16]u8 = undefined;
    const before = groups(text[0..gap], &head) orelse return null;
    const after = groups(text[gap + 2 ..], &tail) orelse return null;
    if (before + after > 14) return null;
    var bytes: [16]u8 = @splat(0);
    @memcpy(bytes[0..before], head[0..before]);
    @memcpy(bytes[16 - after ..], tail[0..after]);
    return bytes;
}

/// How many bytes the groups are; none of an empty text.
fn groups(text: []const u8, bytes: *[16]u8) ?usize {
    if (text.len == 0) return 0;
    var length: usize = 0;
    var parts = std.mem.splitScalar(u8, text, ':');
    while (parts.next()) |part| : (length += 2) {
        if (length == 16 or part.len == 0 or part.len > 4) return null;
        std.mem.writeInt(u16, bytes[length..][0..2], std.fmt.parseInt(u16, part, 16) catch return null, .big);
    }
    return length;
}

/// Where a name server is, or a published port leads.
pub const Server = union(enum) {
    four: sys.sockaddr.in,
    six: sys.sockaddr.in6,

    pub fn family(server: *const Server) u32 {
        return switch (server.*) {
            .four => sys.AF.INET,
            .six => sys.AF.INET6,
        };
    }

    /// connect(2).
    pub fn connect(server: *const Server, fd: i32) usize {
        return switch (server.*) {
            inline else => |*address| sys.connect(fd, @ptrCast(address), @sizeOf(@TypeOf(address.*))),
        };
    }
};

/// Of an address without a link.
pub fn at(text: []const u8, port: u16) ?Server {
    if (parse4(text)) |bytes| return .{ .four = .{ .port = std.mem.nativeToBig(u16, port), .addr = @bitCast(bytes) } };
    const bytes = parse6(text) orelse return null;
    return .{ .six = .{ .port = std.mem.nativeToBig(u16, port), .flowinfo = 0, .addr = bytes, .scope_id = 0 } };
}

const domain_port = 53;

pub fn parseServer(text: []const u8) ?Server {
    const hash = std.mem.indexOfScalar(u8, text, '#') orelse text.len;
    const port = if (hash == text.len) domain_port else std.fmt.parseInt(u16, text[hash + 1 ..], 10) catch return null;
    const percent = std.mem.indexOfScalar(u8, text[0..hash], '%') orelse hash;
    const link = if (percent == hash) 0 else std.fmt.parseInt(u32, text[percent + 1 .. hash], 10) catch return null;
    var server = at(text[0..percent], port) orelse return null;
    switch (server) {
        .four => {},
        .six => |*address| address.scope_id = link,
    }
    return server;
}

test "addresses of both families" {
    const t = std.testing;
    try t.expectEqual([4]u8{ 172, 18, 0, 2 }, parse4("172.18.0.2").?);
    for ([_][]const u8{ "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-1", "web", "1.2.3.4 " }) |text| try t.expectEqual(null, parse4(text));
    try t.expectEqual([16]u8{ 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 }, parse6("fd00::2").?);
    try t.expectEqual(@as([16]u8, @splat(0)), parse6("::").?);
    try t.expectEqual([16]u8{ 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0xab, 0xcd }, parse6("1:2:3:4:5:6:7:abcd").?);
    for ([_][]const u8{ "", "1:2", ":1::2", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "1:2:3:4:5:6:7::8", "g::" }) |text| try t.expectEqual(null, parse6(text));
}

test "name servers with and without a port" {
    const t = std.testing;
    try t.expectEqual(53, std.mem.bigToNative(u16, parseServer("192.0.2.1").?.four.port));
    try t.expectEqual(5353, std.mem.bigToNative(u16, parseServer("192.0.2.1#5353").?.four.port));
    try t.expectEqual(7, parseServer("fe80::1%7#53").?.six.scope_id);
    for ([_][]const u8{ "", "192.0.2.1#", "192.0.2.1#65536", "fe80::1%eth0", "host" }) |text| try t.expectEqual(null, parseServer(text));
}
