//! The container's resolver: what it is asked on 127.0.0.11 is answered from the names in its networks (names.zig), or passed on to
//! name servers of the host's side (resolver_udp.zig, resolver_tcp.zig). Its rules are those of moby's (libnetwork, resolver.go), but
//! for one: a name of ours has what we know of it, whatever else is asked for; moby asks others for a TXT or HTTPS record
//! of a container, and is told that there is no such name.
//!
//! The sockets are of the container's network namespace, and would keep it alive: they are closed at the container's end. Everything
//! is bounded; whoever asks too much waits, and nobody else with it.
const std = @import("std");
const dns = @import("dns.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const names = @import("names.zig");
const resolver_tcp = @import("resolver_tcp.zig");
const resolver_udp = @import("resolver_udp.zig");
const watch = @import("watch.zig");

/// UDP socket, listening TCP socket, and a descriptor of the container's view of names.
pub const descriptor_count = 3;

/// How often what waits is looked at.
const look_ms = 250;

/// A longer query is no query: a name, a question and EDNS are less.
pub const max_query = 512;
pub const max_answer = 65_535;

/// Used at a query, and given back.
pub const Memory = struct {
    packet: [4096]u8,
    answer: [max_answer]u8,
    scratch: names.Scratch,
    pending: [resolver_udp.max_pending]resolver_udp.Pending,
};

pub const Resolver = struct {
    udp: watch.Watch = .{ .source = .names },
    listener: watch.Watch = .{ .source = .names_listener },
    /// What names.zig reads.
    view: i32,
    memory: *align(4096) Memory,
    /// How many of `memory.pending` are taken.
    waiting: usize = 0,
    connections: [resolver_tcp.max_connections]resolver_tcp.Connection,
};

/// Sockets and view, from the command that starts the container or joins it to a network. True: they are ours now.
pub fn take(m: *Monitor, descriptors: []const i32) bool {
    if (m.resolver != null or !m.contains_cage or descriptors.len != descriptor_count) return false;
    const own = comptime std.mem.alignForward(usize, @sizeOf(Resolver), 4096);
    const memory = linux.mapMemory(own + @sizeOf(Memory)) catch return false;
    const r: *Resolver = @ptrCast(memory.ptr);
    r.* = .{
        .view = descriptors[2],
        .memory = @ptrCast(@alignCast(memory[own..].ptr)),
        .connections = @splat(.{}),
    };
    for (&r.connections, 0..) |*connection, index| connection.place(@intCast(index));
    r.udp.fd = descriptors[0];
    r.listener.fd = descriptors[1];
    linux.setNonblocking(r.listener.fd); // who connected may be gone when we accept
    m.resolver = r;
    return true;
}

/// The container has ended.
pub fn end(m: *Monitor) void {
    const r = m.resolver orelse return;
    m.timers.stop(.names);
    m.timers.stop(.servers);
    resolver_udp.end(r);
    resolver_tcp.end(r);
    r.udp.close();
    r.listener.close();
    linux.close(r.view);
    m.resolver = null;
    const own = comptime std.mem.alignForward(usize, @sizeOf(Resolver), 4096);
    linux.unmapMemory(@as([*]const u8, @ptrCast(r))[0 .. own + @sizeOf(Memory)]);
}

pub fn express(m: *Monitor, r: *Resolver) void {
    r.udp.want(m.epoll, if (resolver_udp.holdsBack(m, r)) 0 else watch.in);
    r.listener.want(m.epoll, if (resolver_tcp.hasRoom(r)) watch.in else 0);
}

/// Something waits, and may do so for too long.
pub fn keepLooking(m: *Monitor) void {
    m.timers.start(.names, look_ms);
}

pub fn lookAround(m: *Monitor, r: *Resolver) void {
    resolver_udp.dropOverdue(m, r);
    resolver_tcp.dropOverdue(m, r);
    if (r.waiting > 0 or !resolver_tcp.isIdle(r)) keepLooking(m);
}

/// Entries of `pending` that are zeroes are free: all of it may be forgotten, unless one is taken.
pub fn giveBack(m: *Monitor, r: *Resolver) void {
    if (r.waiting > 0) return m.useBuffers();
    linux.forgetMemory(std.mem.asBytes(r.memory));
}

pub const Verdict = union(enum) {
    answer: []u8,
    /// It is for name servers.
    pass_on,
    silence,
};

/// What becomes of a query. `size`: null by TCP, where the asker takes everything. An answer is in `buffer`, of `max_answer` bytes.
pub fn judge(r: *Resolver, packet: []const u8, buffer: []u8, datagram: bool) Verdict {
    const query = dns.parse(packet) catch |err| return switch (err) {
        error.Silence => .silence,
        error.FormatError => .{ .answer = dns.refuse(buffer, packet, dns.Rcode.format_error) },
        error.NotImplemented => .{ .answer = dns.refuse(buffer, packet, dns.Rcode.not_implemented) },
    };
    const scratch = &r.memory.scratch;
    const records = names.find(r.view, &query, scratch) orelse {
        return if (packet.len > max_query) .{ .answer = dns.refuse(buffer, packet, dns.Rcode.format_error) } else .pass_on;
    };
    const version = if (query.edns) |edns| edns.version else 0;
    const size = if (datagram) dns.datagramSize(&query) else max_answer;
    var answer: dns.Answer = .begin(buffer, size, &query, if (version == 0) dns.Rcode.success else dns.Rcode.bad_version);
    if (version == 0) names.answer(records, scratch, &answer);
    return .{ .answer = answer.finish() };
}

/// For what nobody could answer, as moby says it: a resolver library tries again, or the next server.
pub fn failure(packet: []const u8, buffer: []u8) []u8 {
    const query = dns.parse(packet) catch return dns.refuse(buffer, packet, dns.Rcode.server_failure);
    var answer: dns.Answer = .begin(buffer, dns.plain_size, &query, dns.Rcode.server_failure);
    return answer.finish();
}

/// Whether the next name server might do better (moby's rule).
pub fn isUnhelpful(answer: []const u8) bool {
    const rcode = dns.rcodeOf(answer);
    return rcode == dns.Rcode.server_failure or rcode == dns.Rcode.refused;
}

/// An id that cannot be guessed (RFC 5452 section 9.2).
pub fn randomId() [2]u8 {
    var id: [2]u8 = undefined;
    linux.random(&id);
    return id;
}
