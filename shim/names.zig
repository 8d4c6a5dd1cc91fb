//! Who is called what: a container's view of the names in its networks, as TypeScript has written it (src/runtime/names.ts).
//! It is read at every query, so that a change is seen at once.
//!
//!     networks/<position>-<id>/<name>/<endpoint> → "172.18.0.2", "172.18.0.2 fd00::2", or of a reverse name a host name
//!     links/<alias>                              → the name that is meant
//!     upstream                                   → "192.0.2.1 192.0.2.2": who is asked for everything else
//!
//! What stands behind an arrow is the target of a symbolic link: it is read, never followed. Of the directories only those in
//! `networks` are links, which lead to what the members of a network share.
const std = @import("std");
const address = @import("server_address.zig");
const dns = @import("dns.zig");
const linux = @import("linux.zig");
const sys = linux.sys;

/// Networks of a container that are asked.
const max_networks = 32;
/// Name servers that are asked, as of /etc/resolv.conf (resolv.conf(5)).
const max_servers = 3;
const max_records = 512;
/// Of a symbolic link's target; what is longer is none of ours.
const max_target = 300;

const Record = struct {
    type: u16,
    length: u8,
    bytes: [dns.name_max]u8,
};

/// Where a lookup works; its content means nothing afterwards.
pub const Scratch = struct {
    entries: [4096]u8 align(8),
    networks: [max_networks][96]u8,
    network_count: usize,
    order: [max_records]u16,
    records: [max_records]Record,
    count: usize,
};

/// Looks the query's name up. Null: it is nobody's. Else what there is of the type that was asked for, which may be nothing, is
/// added to the answer, in random order.
pub fn find(view: i32, query: *const dns.Query, scratch: *Scratch) ?[]const Record {
    if (query.length == 0 or query.class != dns.class_in and query.class != dns.class_any) return null;
    listNetworks(view, scratch);
    scratch.count = 0;
    var linked: [max_target]u8 = undefined;
    var known = false;
    // Links first: an alias of one's own hides what others are called.
    if (readLink(view, "links/", query.name(), &linked)) |meant| {
        if (dns.isName(meant)) known = findName(view, meant, query.type, scratch);
    }
    if (scratch.count == 0) known = findName(view, query.name(), query.type, scratch) or known;
    return if (known) scratch.records[0..scratch.count] else null;
}

/// The records of a lookup, so that each may be the first.
pub fn answer(records: []const Record, scratch: *Scratch, into: *dns.Answer) void {
    const order = scratch.order[0..records.len];
    for (order, 0..) |*place, index| place.* = @intCast(index);
    if (order.len > 1) shuffle(order);
    for (order) |index| {
        const record = &records[index];
        into.add(record.type, record.bytes[0..record.length]);
    }
}

/// Fisher-Yates; a hair uneven, which matters to nobody.
fn shuffle(order: []u16) void {
    var random: [max_records]u16 = undefined;
    linux.random(std.mem.sliceAsBytes(random[0..order.len]));
    var rest = order.len;
    while (rest > 1) : (rest -= 1) std.mem.swap(u16, &order[rest - 1], &order[random[rest - 1] % rest]);
}

/// True: a network knows somebody of that name. The first one that has what is asked for answers alone.
fn findName(view: i32, name: []const u8, kind: u16, scratch: *Scratch) bool {
    var known = false;
    var path: [16 + 96 + dns.name_max]u8 = undefined;
    for (scratch.networks[0..scratch.network_count]) |*entry| {
        const network = std.mem.sliceTo(entry, 0);
        const directory = openDirectory(view, join(&path, "networks/", network), false) orelse continue;
        defer linux.close(directory);
        const place = openDirectory(directory, join(&path, name, ""), true) orelse continue;
        defer linux.close(place);
        known = collect(place, name, kind, scratch) or known;
        if (scratch.count > 0) break;
    }
    return known;
}

/// What the endpoints in a name's directory have of a type. False: there are none.
fn collect(place: i32, name: []const u8, kind: u16, scratch: *Scratch) bool {
    const reverse = std.mem.endsWith(u8, name, ".in-addr.arpa") or std.mem.endsWith(u8, name, ".ip6.arpa");
    var entries: Entries = .{ .directory = place, .buffer = &scratch.entries };
    var some = false;
    while (entries.next()) |entry| {
        var buffer: [max_target]u8 = undefined;
        const target = readLink(place, "", entry, &buffer) orelse continue;
        some = true;
        if (reverse) {
            var encoded: [dns.name_max]u8 = undefined;
            if (kind == dns.Type.ptr or kind == dns.Type.any) if (dns.encodeName(&encoded, target)) |data| add(scratch, dns.Type.ptr, data);
            continue;
        }
        var texts = std.mem.tokenizeScalar(u8, target, ' ');
        while (texts.next()) |text| {
            if (kind == dns.Type.a or kind == dns.Type.any) if (address.parse4(text)) |bytes| add(scratch, dns.Type.a, &bytes);
            if (kind == dns.Type.aaaa or kind == dns.Type.any) if (address.parse6(text)) |bytes| add(scratch, dns.Type.aaaa, &bytes);
        }
    }
    return some;
}

fn add(scratch: *Scratch, kind: u16, data: []const u8) void {
    if (scratch.count == max_records) return;
    const record = &scratch.records[scratch.count];
    record.type = kind;
    record.length = @intCast(data.len);
    @memcpy(record.bytes[0..data.len], data);
    scratch.count += 1;
}

/// The names in `networks`, sorted.
fn listNetworks(view: i32, scratch: *Scratch) void {
    scratch.network_count = 0;
    const directory = openDirectory(view, "networks", true) orelse return;
    defer linux.close(directory);
    var entries: Entries = .{ .directory = directory, .buffer = &scratch.entries };
    while (entries.next()) |entry| {
        if (scratch.network_count == max_networks or entry.len >= scratch.networks[0].len) continue;
        var at = scratch.network_count;
        while (at > 0 and std.mem.lessThan(u8, entry, std.mem.sliceTo(&scratch.networks[at - 1], 0))) : (at -= 1)
            scratch.networks[at] = scratch.networks[at - 1];
        scratch.networks[at] = @splat(0);
        @memcpy(scratch.networks[at][0..entry.len], entry);
        scratch.network_count += 1;
    }
}

pub const Servers = struct {
    list: [max_servers]address.Server = undefined,
    count: usize = 0,
};

/// Who is asked for what is nobody's here. None: nothing may leave the container's networks by way of names (CVE-2024-29018).
pub fn servers(view: i32) Servers {
    var result: Servers = .{};
    var buffer: [max_target]u8 = undefined;
    const text = readLink(view, "", "upstream", &buffer) orelse return result;
    var words = std.mem.tokenizeScalar(u8, text, ' ');
    while (words.next()) |text_of_one| {
        if (result.count == max_servers) break;
        result.list[result.count] = address.parseServer(text_of_one) orelse continue;
        result.count += 1;
    }
    return result;
}

/// Entries of a directory but "." and ".."; each is valid until the next one is asked for.
const Entries = struct {
    directory: i32,
    buffer: []align(8) u8,
    at: usize = 0,
    end: usize = 0,

    fn next(entries: *Entries) ?[]const u8 {
        while (true) {
            if (entries.at >= entries.end) {
                const rc = sys.getdents64(entries.directory, entries.buffer.ptr, @intCast(entries.buffer.len));
                if (sys.errno(rc) != .SUCCESS or rc == 0) return null;
                entries.at = 0;
                entries.end = rc;
            }
            const entry = entries.buffer[entries.at..entries.end];
            entries.at += std.mem.readInt(u16, entry[16..18], .little); // struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name
            const name = std.mem.sliceTo(entry[19..], 0);
            if (name[0] != '.') return name;
        }
    }
};

/// `own`: it is a directory, no link to one.
fn openDirectory(at: i32, path: [:0]const u8, own: bool) ?i32 {
    const rc = sys.openat(at, path, .{ .DIRECTORY = true, .NOFOLLOW = own, .CLOEXEC = true }, 0);
    return if (sys.errno(rc) == .SUCCESS) @intCast(rc) else null;
}

fn readLink(at: i32, folder: []const u8, name: []const u8, buffer: *[max_target]u8) ?[]const u8 {
    var path: [16 + 256]u8 = undefined;
    if (name.len > 255) return null;
    const rc = sys.readlinkat(at, join(&path, folder, name), buffer, buffer.len);
    return if (sys.errno(rc) == .SUCCESS and rc < buffer.len) buffer[0..rc] else null;
}

fn join(buffer: []u8, first: []const u8, second: []const u8) [:0]const u8 {
    @memcpy(buffer[0..first.len], first);
    @memcpy(buffer[first.len..][0..second.len], second);
    const length = first.len + second.len;
    buffer[length] = 0;
    return buffer[0..length :0];
}

test "every order of records comes" {
    var seen: u8 = 0;
    for (0..300) |_| {
        var order: [3]u16 = .{ 0, 1, 2 };
        shuffle(&order);
        seen |= @as(u8, 1) << @intCast(order[0] * 2 + @intFromBool(order[1] > order[2]));
    }
    try std.testing.expectEqual(0b111111, seen);
}
