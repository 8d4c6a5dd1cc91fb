//! A program's bytes as the inside of a JSON string, exactly as Docker writes them (moby
//! daemon/logger/jsonfilelog/jsonlog/jsonlogbytes.go): `\\ \" \n \r`, \u00XX for other control characters and for
//! `< > &`, \u2028 and \u2029, and \ufffd for each byte that is not UTF-8.
const std = @import("std");

/// Bytes that stand for themselves.
const plain: [256]bool = table: {
    var result: [256]bool = @splat(false);
    for (0x20..0x80) |byte| result[byte] = std.mem.findScalar(u8, "\\\"<>&", byte) == null;
    break :table result;
};

/// Writes at most six times the text's length and returns what was written.
pub fn encode(out: []u8, text: []const u8) usize {
    var end: usize = 0;
    var at: usize = 0;
    while (at < text.len) {
        const start = at;
        while (at < text.len and plain[text[at]]) at += 1;
        @memcpy(out[end..][0 .. at - start], text[start..at]);
        end += at - start;
        if (at == text.len) break;

        const byte = text[at];
        if (byte >= 0x80) {
            const length = sequence(text[at..]);
            if (length == 0) {
                @memcpy(out[end..][0..6], "\\ufffd");
                end += 6;
                at += 1;
            } else if (length == 3 and byte == 0xe2 and text[at + 1] == 0x80 and text[at + 2] & ~@as(u8, 1) == 0xa8) {
                @memcpy(out[end..][0..5], "\\u202");
                out[end + 5] = if (text[at + 2] == 0xa8) '8' else '9';
                end += 6;
                at += 3;
            } else {
                @memcpy(out[end..][0..length], text[at..][0..length]);
                end += length;
                at += length;
            }
            continue;
        }
        const short: ?u8 = switch (byte) {
            '\\', '"' => byte,
            '\n' => 'n',
            '\r' => 'r',
            else => null,
        };
        if (short) |letter| {
            out[end] = '\\';
            out[end + 1] = letter;
            end += 2;
        } else {
            const hex = "0123456789abcdef";
            @memcpy(out[end..][0..4], "\\u00");
            out[end + 4] = hex[byte >> 4];
            out[end + 5] = hex[byte & 15];
            end += 6;
        }
        at += 1;
    }
    return end;
}

/// Length of the UTF-8 sequence that the text begins with; 0: it is none.
fn sequence(text: []const u8) usize {
    const length = std.unicode.utf8ByteSequenceLength(text[0]) catch return 0;
    if (length > text.len) return 0;
    return if (std.unicode.utf8ValidateSlice(text[0..length])) length else 0;
}

fn expectText(expected: []const u8, text: []const u8) !void {
    var buffer: [200]u8 = undefined;
    try std.testing.expectEqualStrings(expected, buffer[0..encode(&buffer, text)]);
}

test "escapes are Docker's" {
    try expectText("plain text 123 ~\x7f", "plain text 123 ~\x7f");
    try expectText("\\\\ \\\" \\n \\r \\u0009 \\u0000 \\u001b[0m", "\\ \" \n \r \t \x00 \x1b[0m");
    try expectText("\\u003ca\\u003e \\u0026", "<a> &");
    try expectText("é 😀 \\u2028\\u2029 \xe2\x80\xa7", "é 😀 \u{2028}\u{2029} \xe2\x80\xa7");
}

test "what is not UTF-8 becomes U+FFFD byte by byte" {
    try expectText("a\\ufffdb", "a\xffb");
    try expectText("\\ufffd\\ufffd", "\xe2\x82"); // cut short
    try expectText("\\ufffd\\ufffd\\ufffd", "\xed\xa0\x80"); // surrogate
    try expectText("\\ufffd\\ufffdx", "\xc0\xafx"); // overlong
    try expectText("\\ufffd\\ufffd\\ufffd\\ufffd", "\xf5\x80\x80\x80");
}

test "any bytes make valid JSON of at most six times their length" {
    var random: std.Random.DefaultPrng = .init(1);
    var text: [256]u8 = undefined;
    var out: [2 + 6 * 256]u8 = undefined;
    for (0..2000) |_| {
        random.random().bytes(&text);
        out[0] = '"';
        const length = encode(out[1 .. 1 + 6 * text.len], &text);
        out[1 + length] = '"';
        try std.testing.expect(try std.json.validate(std.testing.allocator, out[0 .. length + 2]));
    }
}
