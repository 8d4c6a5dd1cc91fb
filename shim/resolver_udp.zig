//! Queries that come by UDP, and those of them that name servers are asked: one after the other, each from a socket of its own, so that
//! the kernel chooses a port at random and lets only that server's answers in (RFC 5452 section 9.2).
const std = @import("std");
const dns = @import("dns.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const names = @import("names.zig");
const resolver_address = @import("netlink.zig").resolver_address;
const resolver = @import("resolver.zig");
const Resolver = resolver.Resolver;
const clock = @import("clock.zig");
const watch = @import("watch.zig");
const sys = linux.sys;

pub const max_pending = 128;

/// So long one server is waited for: resolver libraries give up a query after five seconds (resolv.conf(5), timeout).
const server_ms = 2000;
/// So long servers count as alive after an answer: while they do, queries that find no room wait in the socket.
const alive_ms = 1000;
/// Queries that are read before others get their turn.
const batch = 16;

/// A query that waits for a name server. One that is all zeroes is free.
pub const Pending = struct {
    taken: bool,
    watch: watch.Watch,
    asker: sys.sockaddr.in,
    asker_id: [2]u8,
    /// Which server is asked.
    server: u8,
    deadline_ms: u64,
    length: usize,
    /// With an id of ours.
    query: [resolver.max_query]u8,
};

/// There is no room for one more, but soon there will be.
pub fn holdsBack(m: *const Monitor, r: *const Resolver) bool {
    return r.waiting == max_pending and m.timers.isSet(.servers);
}

pub fn readQueries(m: *Monitor, r: *Resolver) void {
    m.useBuffers();
    for (0..batch) |_| {
        if (holdsBack(m, r)) return;
        var asker: sys.sockaddr.in = undefined;
        var length: sys.socklen_t = @sizeOf(sys.sockaddr.in);
        const packet = &r.memory.packet;
        const rc = sys.recvfrom(r.udp.fd, packet, packet.len, sys.MSG.DONTWAIT | sys.MSG.TRUNC, @ptrCast(&asker), &length);
        if (sys.errno(rc) == .INTR) continue;
        if (sys.errno(rc) != .SUCCESS) return;
        if (rc > packet.len) continue;
        switch (resolver.judge(r, packet[0..rc], &r.memory.answer, true)) {
            .answer => |answer| send(r, &asker, answer),
            .pass_on => passOn(m, r, packet[0..rc], &asker),
            .silence => {},
        }
    }
}

/// ip(7), IP_PKTINFO: a control message with the source address.
const Source = extern struct {
    header: sys.cmsghdr = .{ .len = @sizeOf(sys.cmsghdr) + 12, .level = sys.SOL.IP, .type = 8 },
    interface: i32 = 0,
    source: [4]u8 = resolver_address,
    destination: [4]u8 = @splat(0),
};

/// From the address that was asked (netlink.zig). What does not fit into the socket is lost: the asker asks again.
fn send(r: *Resolver, to: *const sys.sockaddr.in, packet: []const u8) void {
    const vector = [_]std.posix.iovec_const{.{ .base = packet.ptr, .len = packet.len }};
    const source: Source = .{};
    const message: sys.msghdr_const = .{
        .name = @ptrCast(to),
        .namelen = @sizeOf(sys.sockaddr.in),
        .iov = &vector,
        .iovlen = 1,
        .control = &source,
        .controllen = @sizeOf(Source),
        .flags = 0,
    };
    _ = sys.sendmsg(r.udp.fd, &message, sys.MSG.DONTWAIT | sys.MSG.NOSIGNAL);
}

fn passOn(m: *Monitor, r: *Resolver, packet: []const u8, asker: *const sys.sockaddr.in) void {
    const index = for (&r.memory.pending, 0..) |*pending, index| {
        if (!pending.taken) break index;
    } else return send(r, asker, resolver.failure(packet, &r.memory.answer));
    const pending = &r.memory.pending[index];
    pending.taken = true;
    pending.watch = .{ .source = .names_upstream, .index = @intCast(index) };
    pending.asker = asker.*;
    pending.asker_id = packet[0..2].*;
    pending.server = 0;
    pending.length = packet.len;
    @memcpy(pending.query[0..packet.len], packet);
    if (r.waiting == 0) countAsAlive(m);
    r.waiting += 1;
    resolver.keepLooking(m);
    ask(m, r, pending);
}

fn countAsAlive(m: *Monitor) void {
    m.timers.stop(.servers);
    m.timers.start(.servers, alive_ms);
}

/// Asks the server whose turn it is, or the next that can be asked; when there is none, the asker is told.
fn ask(m: *Monitor, r: *Resolver, pending: *Pending) void {
    const servers = names.servers(r.view);
    while (pending.server < servers.count) : (pending.server += 1) {
        const server = &servers.list[pending.server];
        const rc = sys.socket(server.family(), sys.SOCK.DGRAM | sys.SOCK.CLOEXEC | sys.SOCK.NONBLOCK, 0);
        if (sys.errno(rc) != .SUCCESS) continue;
        pending.watch.fd = @intCast(rc);
        dns.setId(&pending.query, resolver.randomId());
        if (sys.errno(server.connect(pending.watch.fd)) == .SUCCESS and
            sys.errno(sys.sendto(pending.watch.fd, &pending.query, pending.length, sys.MSG.NOSIGNAL, null, 0)) == .SUCCESS)
        {
            pending.watch.want(m.epoll, watch.in);
            pending.deadline_ms = clock.monotonicMilliseconds() + server_ms;
            return;
        }
        pending.watch.close();
    }
    dns.setId(&pending.query, pending.asker_id);
    send(r, &pending.asker, resolver.failure(pending.query[0..pending.length], &r.memory.answer));
    free(r, pending);
}

fn askNext(m: *Monitor, r: *Resolver, pending: *Pending) void {
    pending.watch.close();
    pending.server += 1;
    ask(m, r, pending);
}

fn free(r: *Resolver, pending: *Pending) void {
    pending.watch.close();
    pending.taken = false;
    r.waiting -= 1;
}

/// From a server. What is no answer to the query is not heard.
pub fn heard(m: *Monitor, r: *Resolver, index: u32) void {
    const pending = &r.memory.pending[index];
    m.useBuffers();
    for (0..batch) |_| {
        if (!pending.taken) return;
        const answer = &r.memory.answer;
        const rc = sys.recvfrom(pending.watch.fd, answer, answer.len, sys.MSG.DONTWAIT, null, null);
        switch (sys.errno(rc)) {
            .SUCCESS => {},
            .INTR => continue,
            .AGAIN => return,
            else => return askNext(m, r, pending), // nobody is there (ICMP)
        }
        const packet = answer[0..rc];
        if (!dns.belongs(packet, pending.query[0..pending.length])) continue;
        countAsAlive(m);
        if (resolver.isUnhelpful(packet) and pending.server + 1 < names.servers(r.view).count) return askNext(m, r, pending);
        dns.setId(packet, pending.asker_id);
        send(r, &pending.asker, packet);
        return free(r, pending);
    }
}

pub fn dropOverdue(m: *Monitor, r: *Resolver) void {
    if (r.waiting == 0) return;
    const now = clock.monotonicMilliseconds();
    for (&r.memory.pending) |*pending| {
        if (pending.taken and pending.deadline_ms <= now) askNext(m, r, pending);
    }
}

pub fn end(r: *Resolver) void {
    if (r.waiting == 0) return; // not to touch its pages
    for (&r.memory.pending) |*pending| if (pending.taken) free(r, pending);
}
