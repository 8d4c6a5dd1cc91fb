//! DNS messages (RFC 1035 section 4; RFC 6891 for EDNS): what a query asks, an answer to it, and whether an answer belongs to
//! a query. Pure. Whoever asks is an attacker: nothing is followed, and nothing is read beyond what came.
const std = @import("std");

pub const header_length = 12;
/// What everybody takes by UDP (RFC 1035 section 4.2.1).
pub const plain_size = 512;
/// What we send at most by UDP, and say that we take: every resolver library asks for no more.
pub const edns_size = 4096;
/// A name on the wire (RFC 1035 section 2.3.4); as text it is two bytes shorter.
pub const name_max = 255;

pub const class_in = 1;
pub const class_any = 255;

pub const Type = struct {
    pub const a = 1;
    pub const ptr = 12;
    pub const aaaa = 28;
    pub const opt = 41;
    pub const any = 255;
};

pub const Rcode = struct {
    pub const success = 0;
    pub const format_error = 1;
    pub const server_failure = 2;
    pub const not_implemented = 4;
    pub const refused = 5;
    /// Extended: its upper bits are in the OPT record (RFC 6891 section 9).
    pub const bad_version = 16;
};

/// Bits of the header's second word.
const Flags = struct {
    const response = 0x8000;
    const opcode = 0x7800;
    const truncated = 0x0200;
    const recursion_desired = 0x0100;
    const recursion_available = 0x0080;
    const checking_disabled = 0x0010;
    const rcode = 0x000f;
};

/// Silence: it is no query at all, and an answer could meet one in return, for ever.
pub const Error = error{ Silence, FormatError, NotImplemented };

pub const Edns = struct { size: u16, version: u8, wants_dnssec: bool };

pub const Query = struct {
    id: u16,
    flags: u16,
    /// The question section, of the packet.
    question: []const u8,
    type: u16,
    class: u16,
    /// Null: the asker speaks no EDNS.
    edns: ?Edns = null,
    text: [name_max]u8 = undefined,
    length: usize = 0,

    /// The name in lower case, without a dot at the end. Empty: the root, or a name with other bytes than letters, digits, "-"
    /// and "_": nobody of ours is called so, and no such byte may become a part of a path.
    pub fn name(query: *const Query) []const u8 {
        return query.text[0..query.length];
    }
};

/// A query for one name with nothing in it but, perhaps, EDNS. Compression pointers are an error: nothing precedes the name.
pub fn parse(packet: []const u8) Error!Query {
    if (packet.len < header_length) return error.Silence;
    const flags = word(packet, 2);
    if (flags & Flags.response != 0) return error.Silence;
    if (flags & Flags.opcode != 0) return error.NotImplemented;
    if (word(packet, 4) != 1 or word(packet, 6) != 0 or word(packet, 8) != 0) return error.FormatError;
    var query: Query = .{ .id = word(packet, 0), .flags = flags, .question = &.{}, .type = 0, .class = 0 };
    const end = try readName(packet, header_length, &query);
    if (packet.len - end < 4) return error.FormatError;
    query.type = word(packet, end);
    query.class = word(packet, end + 2);
    query.question = packet[header_length .. end + 4];
    query.edns = try findEdns(packet, end + 4);
    return query;
}

/// Where the name ends. `query`: takes its text, null where nobody asks.
fn readName(packet: []const u8, start: usize, query: ?*Query) Error!usize {
    var at = start;
    var plain = true;
    while (true) {
        if (at >= packet.len or packet[at] > 63) return error.FormatError;
        const length = packet[at];
        at += 1;
        if (length == 0) break;
        if (packet.len - at < length or at + length - start >= name_max) return error.FormatError;
        if (query) |q| {
            if (q.length > 0) {
                q.text[q.length] = '.';
                q.length += 1;
            }
            for (packet[at..][0..length]) |byte| {
                const lower = std.ascii.toLower(byte);
                plain = plain and isPlain(lower);
                q.text[q.length] = lower;
                q.length += 1;
            }
        }
        at += length;
    }
    if (query) |q| if (!plain) {
        q.length = 0;
    };
    return at;
}

fn isPlain(byte: u8) bool {
    return std.ascii.isAlphanumeric(byte) or byte == '-' or byte == '_';
}

/// Whether a text can be a name of ours: labels of such bytes, none of them empty.
pub fn isName(text: []const u8) bool {
    if (text.len == 0 or text.len > name_max - 2) return false;
    var labels = std.mem.splitScalar(u8, text, '.');
    while (labels.next()) |label| {
        if (label.len == 0 or label.len > 63) return false;
        for (label) |byte| if (!isPlain(byte)) return false;
    }
    return true;
}

/// The OPT record among the additional ones (RFC 6891 section 6.1.2); a second one is an error.
fn findEdns(packet: []const u8, start: usize) Error!?Edns {
    var found: ?Edns = null;
    var at = start;
    for (0..word(packet, 10)) |_| {
        const end = try readName(packet, at, null);
        if (packet.len - end < 10) return error.FormatError;
        const length = word(packet, end + 8);
        if (packet.len - end - 10 < length) return error.FormatError;
        if (word(packet, end) == Type.opt) {
            if (found != null or end != at + 1) return error.FormatError;
            found = .{ .size = word(packet, end + 2), .version = packet[end + 5], .wants_dnssec = packet[end + 6] & 0x80 != 0 };
        }
        at = end + 10 + length;
    }
    return found;
}

/// What the asker takes by UDP (RFC 6891 section 6.2.3).
pub fn datagramSize(query: *const Query) usize {
    const edns = query.edns orelse return plain_size;
    return std.math.clamp(edns.size, plain_size, edns_size);
}

/// Seconds that an answer may be kept: none. Containers come and go, and whoever asks does so on its own loopback.
const ttl = 0;

const opt_length = 11;

/// An answer as it grows.
pub const Answer = struct {
    buffer: []u8,
    /// What the asker takes of it, and how much of that is for records.
    room: usize,
    query: *const Query,
    rcode: u16,
    end: usize,
    count: u16 = 0,
    truncated: bool = false,

    /// `buffer` holds `size`, which is at least what everybody takes.
    pub fn begin(buffer: []u8, size: usize, query: *const Query, rcode: u16) Answer {
        const question = query.question;
        @memcpy(buffer[header_length..][0..question.len], question);
        const reserved: usize = if (query.edns == null) 0 else opt_length;
        return .{ .buffer = buffer, .room = size - reserved, .query = query, .rcode = rcode, .end = header_length + question.len };
    }

    /// One more record of the name that was asked for. What does not fit is left out, and that is told: the asker comes by TCP.
    pub fn add(answer: *Answer, kind: u16, data: []const u8) void {
        const length = 12 + data.len;
        if (answer.truncated or answer.room - answer.end < length) {
            answer.truncated = true;
            return;
        }
        const record = answer.buffer[answer.end..][0..length];
        put(record, 0, 0xc000 | header_length); // the name: that of the question
        put(record, 2, kind);
        put(record, 4, class_in);
        put(record, 6, 0);
        put(record, 8, ttl);
        put(record, 10, @intCast(data.len));
        @memcpy(record[12..], data);
        answer.end += length;
        answer.count += 1;
    }

    pub fn finish(answer: *Answer) []u8 {
        const query = answer.query;
        if (query.edns) |edns| {
            const record = answer.buffer[answer.end..][0..opt_length];
            record.* = .{ 0, 0, Type.opt, 0, 0, @intCast(answer.rcode >> 4), 0, 0, 0, 0, 0 };
            put(record, 3, edns_size);
            if (edns.wants_dnssec) record[7] = 0x80;
            answer.end += opt_length;
        }
        const packet = answer.buffer[0..answer.end];
        writeHeader(packet, query.id, query.flags, answer.rcode);
        if (answer.truncated) packet[2] |= Flags.truncated >> 8;
        put(packet, 4, 1);
        put(packet, 6, answer.count);
        put(packet, 10, @intFromBool(query.edns != null));
        return packet;
    }
};

/// The answer to what could not be read: a header only. `packet` has one.
pub fn refuse(buffer: []u8, packet: []const u8, rcode: u16) []u8 {
    writeHeader(buffer, word(packet, 0), word(packet, 2), rcode);
    return buffer[0..header_length];
}

/// Flags of the query that an answer repeats (RFC 1035 section 4.1.1, RFC 4035 section 3.2.2).
const repeated = Flags.opcode | Flags.recursion_desired | Flags.checking_disabled;

fn writeHeader(packet: []u8, id: u16, flags: u16, rcode: u16) void {
    @memset(packet[0..header_length], 0);
    put(packet, 0, id);
    put(packet, 2, Flags.response | Flags.recursion_available | (flags & repeated) | (rcode & Flags.rcode));
}

/// A name as the data of a record: labels, not compressed. Null: it is none.
pub fn encodeName(buffer: *[name_max]u8, text: []const u8) ?[]const u8 {
    if (!isName(text)) return null;
    var at: usize = 0;
    var labels = std.mem.splitScalar(u8, text, '.');
    while (labels.next()) |label| {
        buffer[at] = @intCast(label.len);
        @memcpy(buffer[at + 1 ..][0..label.len], label);
        at += 1 + label.len;
    }
    buffer[at] = 0;
    return buffer[0 .. at + 1];
}

pub fn setId(packet: []u8, id: [2]u8) void {
    packet[0..2].* = id;
}

/// Whether an answer is one to this query (with its id): same question (RFC 5452 section 9.1). Who could not read the query may
/// leave the question out when it says so.
pub fn belongs(answer: []const u8, query: []const u8) bool {
    if (answer.len < header_length or !std.mem.eql(u8, answer[0..2], query[0..2])) return false;
    if (word(answer, 2) & (Flags.response | Flags.opcode) != Flags.response) return false;
    if (word(answer, 4) == 0) return rcodeOf(answer) != Rcode.success;
    const end = (readName(query, header_length, null) catch return false) + 4;
    return word(answer, 4) == 1 and answer.len >= end and
        std.ascii.eqlIgnoreCase(answer[header_length..end], query[header_length..end]);
}

/// Of a packet that has a header.
pub fn rcodeOf(packet: []const u8) u16 {
    return word(packet, 2) & Flags.rcode;
}

fn word(bytes: []const u8, at: usize) u16 {
    return std.mem.readInt(u16, bytes[at..][0..2], .big);
}

fn put(bytes: []u8, at: usize, value: u16) void {
    std.mem.writeInt(u16, bytes[at..][0..2], value, .big);
}

test {
    _ = @import("dns_test.zig");
}
