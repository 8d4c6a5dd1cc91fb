//! JSON text → the generated types. One interpreter walks the text beside a constant description of the type (tables made
//! by `describe` at compile time): a sixth of the code that a parser for each type would be, and a fifth of its memory.
//!
//! Strings are unescaped in place and their closing quote becomes the NUL, so the text must stay. Refused: unknown,
//! missing or repeated fields, numbers that do not fit, 64-bit numbers that are no decimal strings, strings with NUL or
//! control characters, descriptors beyond those that came, anything after the end.
const std = @import("std");
const Type = @import("describe.zig").Type;
const List = @import("describe.zig").List;
const Field = @import("describe.zig").Field;
const describe = @import("describe.zig").describe;
const largest = @import("describe.zig").largest;

pub const Error = error{Refused};

pub const Decoder = struct {
    /// Zero-terminated, and written to.
    text: [:0]u8,
    descriptors: []const i32,
    /// Where lists are put, from `used` on; aligned to 16.
    memory: []align(16) u8,
    used: usize = 0,
    at: usize = 0,
    /// Why the text was refused; `at` is where.
    reason: []const u8 = "",

    /// The whole text as a T. What it holds lies in the text and in `memory`.
    pub fn decode(d: *Decoder, comptime T: type) Error!T {
        var result: T = undefined;
        try d.value(describe(T), @ptrCast(&result), 0);
        d.blanks();
        if (d.at != d.text.len) return d.refuse("text after the end");
        return result;
    }

    /// `count` values of a type, from the same memory as the lists.
    pub fn allocate(d: *Decoder, comptime T: type, count: usize) Error![]T {
        const bytes = try d.reserve(@sizeOf(T) * count);
        return @as([*]T, @ptrCast(@alignCast(bytes.ptr)))[0..count];
    }

    fn reserve(d: *Decoder, size: usize) Error![]align(16) u8 {
        const start = std.mem.alignForward(usize, d.used, 16);
        if (start > d.memory.len or size > d.memory.len - start) return d.refuse("too large");
        d.used = start + size;
        return @alignCast(d.memory[start..d.used]);
    }

    fn refuse(d: *Decoder, reason: []const u8) Error {
        d.reason = reason;
        return error.Refused;
    }

    fn blanks(d: *Decoder) void {
        while (true) : (d.at += 1) switch (d.text[d.at]) {
            ' ', '\t', '\n', '\r' => {},
            else => return,
        };
    }

    /// The next character that is no blank, if it is this one.
    fn take(d: *Decoder, char: u8) bool {
        d.blanks();
        if (d.text[d.at] != char) return false;
        d.at += 1;
        return true;
    }

    fn expect(d: *Decoder, char: u8, reason: []const u8) Error!void {
        if (!d.take(char)) return d.refuse(reason);
    }

    fn keyword(d: *Decoder, word: []const u8) bool {
        d.blanks();
        if (!std.mem.startsWith(u8, d.text[d.at..], word)) return false;
        d.at += word.len;
        return true;
    }

    fn value(d: *Decoder, t: *const Type, place: *anyopaque, depth: u8) Error!void {
        if (depth > 16) return d.refuse("nested too deep");
        switch (t.kind) {
            .boolean => {
                const typed: *bool = @ptrCast(place);
                if (d.keyword("true")) typed.* = true else if (d.keyword("false")) typed.* = false else return d.refuse("no boolean");
            },
            .integer => |signedness| try d.integer(t.size, signedness, place),
            .descriptor => {
                const index = try d.digits();
                if (index >= d.descriptors.len) return d.refuse("no such descriptor");
                @as(*u32, @ptrCast(@alignCast(place))).* = @bitCast(d.descriptors[@intCast(index)]);
            },
            .text => @as(*[:0]const u8, @ptrCast(@alignCast(place))).* = try d.string(),
            .maybe => |m| {
                if (d.keyword("null")) return m.set(place, null);
                var aside: [largest]u8 align(16) = undefined;
                try d.value(m.type, &aside, depth + 1);
                m.set(place, &aside);
            },
            .list => |l| try d.items(l, place, depth),
            .object => |o| try d.object(o, place, depth),
            .choice => |c| {
                try d.expect('{', "no object");
                const name = try d.string();
                try d.expect(':', "no colon");
                const variant = for (c) |*candidate| {
                    if (std.mem.eql(u8, candidate.name, name)) break candidate;
                } else return d.refuse("unknown kind");
                var aside: [largest]u8 align(16) = undefined;
                try d.value(variant.type, &aside, depth + 1);
                variant.set(place, &aside);
                try d.expect('}', "more than one member");
            },
        }
    }

    fn object(d: *Decoder, o: []const Field, place: *anyopaque, depth: u8) Error!void {
        try d.expect('{', "no object");
        var missing: u64 = if (o.len == 64) std.math.maxInt(u64) else (@as(u64, 1) << @intCast(o.len)) - 1;
        if (!d.take('}')) while (true) {
            const name = try d.string();
            try d.expect(':', "no colon");
            const index = for (o, 0..) |*field, i| {
                if (std.mem.eql(u8, field.name, name)) break i;
            } else return d.refuse("unknown field");
            const bit = @as(u64, 1) << @intCast(index);
            if (missing & bit == 0) return d.refuse("repeated field");
            missing &= ~bit;
            const base: [*]u8 = @ptrCast(place);
            try d.value(o[index].type, base + o[index].offset, depth + 1);
            if (d.take('}')) break;
            try d.expect(',', "no comma");
        };
        if (missing != 0) return d.refuse("missing field");
    }

    fn items(d: *Decoder, l: List, place: *anyopaque, depth: u8) Error!void {
        try d.expect('[', "no list");
        const count = try d.countItems();
        const bytes = try d.reserve(count * l.type.size);
        for (0..count) |index| {
            if (index > 0) try d.expect(',', "no comma");
            try d.value(l.type, bytes.ptr + index * l.type.size, depth + 1);
        }
        try d.expect(']', "list does not end");
        l.set(place, bytes.ptr, count);
    }

    /// Looks ahead to the end of the list: it is then put in one piece.
    fn countItems(d: *Decoder) Error!usize {
        d.blanks();
        if (d.text[d.at] == ']') return 0;
        var count: usize = 1;
        var depth: usize = 0;
        var at = d.at;
        while (at < d.text.len) : (at += 1) switch (d.text[at]) {
            '"' => {
                at += 1;
                while (at < d.text.len and d.text[at] != '"') : (at += 1) {
                    if (d.text[at] == '\\') at += 1;
                }
            },
            '[', '{' => depth += 1,
            ']', '}' => {
                if (depth == 0) return count;
                depth -= 1;
            },
            ',' => count += @intFromBool(depth == 0),
            else => {},
        };
        return d.refuse("list does not end");
    }

    fn integer(d: *Decoder, size: usize, signedness: std.lang.Signedness, place: *anyopaque) Error!void {
        d.blanks();
        const quoted = size == 8;
        if (quoted) try d.expect('"', "no decimal string");
        const negative = d.text[d.at] == '-' and signedness == .signed;
        if (negative) d.at += 1;
        const magnitude = try d.digits();
        if (quoted and d.text[d.at] != '"') return d.refuse("no decimal string");
        if (quoted) d.at += 1;

        const bits: u6 = @intCast(size * 8 - 1);
        const half = @as(u64, 1) << bits;
        const limit = if (signedness == .unsigned) half - 1 + half else if (negative) half else half - 1;
        if (magnitude > limit) return d.refuse("number out of range");
        const wide: u64 = if (negative) 0 -% magnitude else magnitude;
        const target: [*]u8 = @ptrCast(place);
        @memcpy(target[0..size], std.mem.asBytes(&wide)[0..size]); // little-endian
    }

    fn digits(d: *Decoder) Error!u64 {
        d.blanks();
        const start = d.at;
        var result: u64 = 0;
        while (true) : (d.at += 1) {
            const digit = d.text[d.at] -% '0';
            if (digit > 9) break;
            const scaled = @mulWithOverflow(result, 10);
            const added = @addWithOverflow(scaled[0], digit);
            if (scaled[1] | added[1] != 0) return d.refuse("number out of range");
            result = added[0];
        }
        if (d.at == start) return d.refuse("no number");
        if (d.text[start] == '0' and d.at > start + 1) return d.refuse("number with a leading zero");
        return result;
    }

    fn string(d: *Decoder) Error![:0]const u8 {
        try d.expect('"', "no string");
        const start = d.at;
        var end = d.at;
        while (true) {
            const char = d.text[d.at];
            switch (char) {
                '"' => break,
                '\\' => end += try d.escape(end),
                0...0x1f => return d.refuse(if (d.at == d.text.len) "string does not end" else "control character in a string"),
                else => {
                    d.text[end] = char;
                    end += 1;
                    d.at += 1;
                },
            }
        }
        d.at += 1;
        d.text[end] = 0;
        return d.text[start..end :0];
    }

    /// Puts what the escape at `at` stands for to `end` and returns its length; it is never longer than the escape.
    fn escape(d: *Decoder, end: usize) Error!usize {
        const char = d.text[d.at + 1]; // at worst the terminator
        if (char != 'u') {
            d.text[end] = switch (char) {
                '"', '\\', '/' => char,
                'b' => 8,
                'f' => 12,
                'n' => 10,
                'r' => 13,
                't' => 9,
                else => return d.refuse("unknown escape"),
            };
            d.at += 2;
            return 1;
        }
        d.at += 2;
        var point: u21 = try d.hex();
        if (point == 0) return d.refuse("string with NUL");
        if (point >= 0xdc00 and point <= 0xdfff) return d.refuse("lone surrogate");
        if (point >= 0xd800 and point <= 0xdbff) {
            if (d.text[d.at] != '\\' or d.text[d.at + 1] != 'u') return d.refuse("lone surrogate");
            d.at += 2;
            const low: u21 = try d.hex();
            if (low < 0xdc00 or low > 0xdfff) return d.refuse("lone surrogate");
            point = 0x10000 + ((point - 0xd800) << 10 | (low - 0xdc00));
        }
        return std.unicode.utf8Encode(point, d.text[end..]) catch d.refuse("no character");
    }

    fn hex(d: *Decoder) Error!u16 {
        var result: u16 = 0;
        for (0..4) |_| {
            const digit: u8 = switch (d.text[d.at]) {
                '0'...'9' => |c| c - '0',
                'a'...'f' => |c| c - 'a' + 10,
                'A'...'F' => |c| c - 'A' + 10,
                else => return d.refuse("no hexadecimal digit"),
            };
            result = result << 4 | digit;
            d.at += 1;
        }
        return result;
    }
};

test {
    _ = @import("decode_test.zig");
}
