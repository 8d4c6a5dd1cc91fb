//! Tests of dns.zig: queries as they come, as they should not come, and as chance makes them.
const std = @import("std");
const dns = @import("dns.zig");
const t = std.testing;

/// A query for `name` in wire form.
fn query(comptime flags: u16, comptime name: []const u8, comptime kind: u16, comptime rest: []const u8) []const u8 {
    return &[_]u8{ 0xab, 0xcd, flags >> 8, flags & 0xff, 0, 1, 0, 0, 0, 0, 0, if (rest.len > 0) 1 else 0 } ++ name ++ [_]u8{ 0, kind, 0, 1 } ++ rest;
}

fn times(comptime text: []const u8, comptime count: usize) []const u8 {
    comptime var result: []const u8 = "";
    inline for (0..count) |_| result = result ++ text;
    return result;
}

const opt = "\x00\x00\x29\x05\x00\x00\x00\x80\x00\x00\x00";
const web = "\x03WeB\x04test\x00";

test "a query's name comes out in lower case, its EDNS is seen, and the answer repeats the question" {
    const q = try dns.parse(query(0x0110, web, 1, opt));
    try t.expectEqualStrings("web.test", q.name());
    try t.expectEqual(dns.Edns{ .size = 1280, .version = 0, .wants_dnssec = true }, q.edns.?);
    var buffer: [4096]u8 = undefined;
    var answer: dns.Answer = .begin(&buffer, dns.datagramSize(&q), &q, dns.Rcode.success);
    answer.add(dns.Type.a, &.{ 172, 18, 0, 2 });
    try t.expectEqualStrings("\xab\xcd\x81\x90\x00\x01\x00\x01\x00\x00\x00\x01" ++ web ++ "\x00\x01\x00\x01" ++
        "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\xac\x12\x00\x02" ++ "\x00\x00\x29\x10\x00\x00\x00\x80\x00\x00\x00", answer.finish());
}

test "what does not fit is left out, and told" {
    const q = try dns.parse(query(0x0100, web, 1, ""));
    var buffer: [4096]u8 = undefined;
    var answer: dns.Answer = .begin(&buffer, dns.datagramSize(&q), &q, dns.Rcode.success);
    for (0..100) |_| answer.add(dns.Type.a, &.{ 1, 2, 3, 4 });
    const packet = answer.finish();
    try t.expect(packet.len <= dns.plain_size and packet.len > dns.plain_size - 16);
    try t.expectEqual(0x83, packet[2]);
    try t.expectEqual((packet.len - 12 - 14) / 16, std.mem.readInt(u16, packet[6..8], .big));
}

test "no query, no question, no other operation, no pointer, no empty rest" {
    try t.expectError(error.Silence, dns.parse("short"));
    try t.expectError(error.Silence, dns.parse(query(0x8100, web, 1, "")));
    try t.expectError(error.NotImplemented, dns.parse(query(0x2800, web, 1, "")));
    try t.expectError(error.FormatError, dns.parse(query(0x0100, "\x03web\xc0\x0c", 1, "")));
    try t.expectError(error.FormatError, dns.parse(query(0x0100, "\x40" ++ times("a", 64) ++ "\x00", 1, "")));
    try t.expectError(error.FormatError, dns.parse(query(0x0100, times("\x3f" ++ times("a", 63), 4) ++ "\x00", 1, "")));
    try t.expectError(error.FormatError, dns.parse(query(0x0100, web, 1, opt)[0..36]));
    try t.expectError(error.FormatError, dns.parse(query(0x0100, web, 1, "")[0..20]));
    const longest = try dns.parse(query(0x0100, times("\x3f" ++ times("a", 63), 3) ++ "\x3d" ++ times("b", 61) ++ "\x00", 1, ""));
    try t.expectEqual(dns.name_max - 2, longest.name().len);
}

test "names that could be anything else in a path are nobody's" {
    for ([_][]const u8{
        query(0x0100, "\x00", 1, ""),               query(0x0100, "\x01.\x00", 1, ""),      query(0x0100, "\x02..\x00", 1, ""),
        query(0x0100, "\x03a/b\x00", 1, ""),        query(0x0100, "\x03a\x00b\x00", 1, ""), query(0x0100, "\x02..\x03etc\x00", 1, ""),
        query(0x0100, "\x04db\xc3\xa9\x00", 1, ""),
    }) |packet| try t.expectEqualStrings("", (try dns.parse(packet)).name());
    for ([_][]const u8{ "", ".", "..", "a..b", ".a", "a.", "a/b", "a b", "a\x00" }) |text| try t.expect(!dns.isName(text));
    for ([_][]const u8{ "a", "web_1.my-net", "2.0.18.172.in-addr.arpa" }) |text| try t.expect(dns.isName(text));
}

test "a name becomes data" {
    var buffer: [dns.name_max]u8 = undefined;
    try t.expectEqualStrings("\x03web\x03net\x00", dns.encodeName(&buffer, "web.net").?);
    try t.expectEqual(null, dns.encodeName(&buffer, "web..net"));
    try t.expectEqual(null, dns.encodeName(&buffer, times("a", 64)));
}

test "an answer belongs to its query by id and question, whatever the case" {
    const asked = query(0x0100, web, 1, "");
    try t.expect(dns.belongs("\xab\xcd\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x04TEST\x00\x00\x01\x00\x01", asked));
    try t.expect(!dns.belongs("\xab\xce\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x04test\x00\x00\x01\x00\x01", asked)); // id
    try t.expect(!dns.belongs("\xab\xcd\x01\x80\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x04test\x00\x00\x01\x00\x01", asked)); // a query
    try t.expect(!dns.belongs("\xab\xcd\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x03wab\x04test\x00\x00\x01\x00\x01", asked)); // name
    try t.expect(!dns.belongs("\xab\xcd\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x04test\x00\x00\x1c\x00\x01", asked)); // type
    try t.expect(!dns.belongs("\xab\xcd\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x03web", asked));
    try t.expect(dns.belongs("\xab\xcd\x81\x81\x00\x00\x00\x00\x00\x00\x00\x00", asked)); // could not read it
    try t.expect(!dns.belongs("\xab\xcd\x81\x80\x00\x00\x00\x00\x00\x00\x00\x00", asked));
}

test "whatever comes, an answer is one to it, and nothing is read or written where it should not be" {
    var prng: std.Random.DefaultPrng = .init(53);
    const random = prng.random();
    const seeds = [_][]const u8{ query(0x0100, web, 1, opt), query(0x0120, "\x012\x010\x0218\x03172\x07in-addr\x04arpa\x00", 12, ""), query(0x0100, times("\x3f" ++ times("a", 63), 3) ++ "\x00", 255, opt) };
    var understood: usize = 0;
    for (0..200_000) |round| {
        var bytes: [600]u8 = undefined;
        var length = random.uintLessThan(usize, bytes.len + 1);
        if (round % 4 == 0) random.bytes(bytes[0..length]) else {
            const seed = seeds[round % seeds.len];
            @memcpy(bytes[0..seed.len], seed);
            length = if (random.boolean()) seed.len else random.uintAtMost(usize, seed.len);
            for (0..random.uintLessThan(usize, 4)) |_| bytes[random.uintLessThan(usize, seed.len)] = random.int(u8);
        }
        // A copy of exactly its length: what is read beyond it is found out.
        const packet = try t.allocator.dupe(u8, bytes[0..length]);
        defer t.allocator.free(packet);
        _ = dns.belongs(packet, seeds[0]);
        const q = dns.parse(packet) catch continue;
        understood += 1;
        try t.expect(q.name().len == 0 or dns.isName(q.name()));
        try t.expect(dns.belongs(try answerTo(&q, packet), packet));
    }
    try t.expect(understood > 10_000);
}

fn answerTo(q: *const dns.Query, packet: []const u8) ![]const u8 {
    const State = struct {
        var buffer: [dns.edns_size]u8 = undefined;
    };
    const size = dns.datagramSize(q);
    var answer: dns.Answer = .begin(&State.buffer, size, q, dns.Rcode.success);
    for (0..packet.len % 40) |_| answer.add(dns.Type.aaaa, &@as([16]u8, @splat(1)));
    const result = answer.finish();
    try t.expect(result.len <= size);
    return result;
}
