//! The resolver by TCP (RFC 7766): a connection's queries are answered one after the other, each message after its length. What is not
//! ours is asked of name servers by TCP, too, on a connection of its own.
const std = @import("std");
const clock = @import("clock.zig");
const dns = @import("dns.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const names = @import("names.zig");
const resolver = @import("resolver.zig");
const Resolver = resolver.Resolver;
const watch = @import("watch.zig");
const sys = linux.sys;

pub const max_connections = 16;

/// So long a connection may say nothing, or take nothing.
const idle_ms = 10_000;
/// So long one server is waited for.
const server_ms = 2000;

const Phase = enum {
    /// The next query is read.
    query,
    /// A server is connected to, and gets it.
    asking,
    /// Its answer is read.
    hearing,
    /// An answer is written.
    answering,
};

/// A message after its length, as far as it has come.
const Buffers = struct {
    query: [2 + resolver.max_query]u8,
    answer: [2 + resolver.max_answer]u8,
};

pub const Connection = struct {
    client: watch.Watch = .{ .source = .names_client },
    server: watch.Watch = .{ .source = .names_server },
    /// While the connection is there.
    buffers: *Buffers = undefined,
    phase: Phase = .query,
    /// Bytes that have come, or gone, of what the phase is about.
    done: usize = 0,
    query_length: usize = 0,
    answer_length: usize = 0,
    asker_id: [2]u8 = undefined,
    /// Which server is asked.
    turn: usize = 0,
    deadline_ms: u64 = 0,

    pub fn place(c: *Connection, index: u32) void {
        c.client.index = index;
        c.server.index = index;
    }

    /// A new phase, from its beginning, that has so much time.
    fn enter(c: *Connection, phase: Phase, milliseconds: u64) void {
        c.phase = phase;
        c.done = 0;
        c.deadline_ms = clock.monotonicMilliseconds() + milliseconds;
    }

    fn close(c: *Connection) void {
        if (c.client.fd < 0) return;
        c.client.close();
        c.server.close();
        linux.unmapMemory(std.mem.asBytes(c.buffers));
    }
};

pub fn hasRoom(r: *const Resolver) bool {
    for (&r.connections) |*c| if (c.client.fd < 0) return true;
    return false;
}

pub fn isIdle(r: *const Resolver) bool {
    for (&r.connections) |*c| if (c.client.fd >= 0) return false;
    return true;
}

pub fn accept(m: *Monitor, r: *Resolver) void {
    const c = for (&r.connections) |*c| {
        if (c.client.fd < 0) break c;
    } else return;
    const rc = sys.accept4(r.listener.fd, null, null, sys.SOCK.CLOEXEC | sys.SOCK.NONBLOCK);
    if (sys.errno(rc) != .SUCCESS) return;
    const memory = linux.mapMemory(@sizeOf(Buffers)) catch return linux.close(@intCast(rc));
    c.buffers = @ptrCast(memory.ptr);
    c.client.fd = @intCast(rc);
    c.enter(.query, idle_ms);
    c.client.want(m.epoll, watch.in);
    resolver.keepLooking(m);
}

/// The client is ready for what its connection is at.
pub fn proceed(m: *Monitor, r: *Resolver, index: u32) void {
    const c = &r.connections[index];
    if (c.client.fd < 0) return;
    switch (c.phase) {
        .query => readQuery(m, r, c),
        .answering => writeAnswer(m, c),
        // It has gone, or this event is older than the phase.
        .asking, .hearing => {},
    }
}

/// Reads no further than the query goes: the next one waits in the socket.
fn readQuery(m: *Monitor, r: *Resolver, c: *Connection) void {
    const length = receive(&c.client, &c.buffers.query, &c.done) orelse return c.close();
    if (length == 0) return;
    m.useBuffers();
    const packet = c.buffers.query[2..length];
    c.query_length = packet.len;
    switch (resolver.judge(r, packet, c.buffers.answer[2..], false)) {
        .answer => |answer| reply(m, c, answer.len),
        .silence => c.close(),
        .pass_on => {
            c.client.want(m.epoll, 0);
            c.asker_id = packet[0..2].*;
            c.turn = 0;
            ask(m, r, c);
        },
    }
}

/// Goes on reading a message. Its length when it is whole, 0 while it is not; null: the other end is gone, or it is too long.
fn receive(from: *const watch.Watch, buffer: []u8, done: *usize) ?usize {
    while (true) {
        const whole = if (done.* < 2) 2 else 2 + @as(usize, std.mem.readInt(u16, buffer[0..2], .big));
        if (whole > buffer.len) return null;
        if (done.* >= 2 and done.* == whole) return if (whole > 2) whole else null;
        const rc = sys.recvfrom(from.fd, buffer[done.*..].ptr, whole - done.*, sys.MSG.DONTWAIT, null, null);
        switch (sys.errno(rc)) {
            .SUCCESS => if (rc == 0) return null,
            .INTR => continue,
            .AGAIN => return 0,
            else => return null,
        }
        done.* += rc;
    }
}

/// The answer lies behind its length.
fn reply(m: *Monitor, c: *Connection, length: usize) void {
    std.mem.writeInt(u16, c.buffers.answer[0..2], @intCast(length), .big);
    c.answer_length = 2 + length;
    c.enter(.answering, idle_ms);
    writeAnswer(m, c);
}

fn writeAnswer(m: *Monitor, c: *Connection) void {
    while (c.done < c.answer_length) {
        const rest = c.buffers.answer[c.done..c.answer_length];
        const rc = sys.sendto(c.client.fd, rest.ptr, rest.len, sys.MSG.DONTWAIT | sys.MSG.NOSIGNAL, null, 0);
        switch (sys.errno(rc)) {
            .SUCCESS => c.done += rc,
            .INTR => {},
            .AGAIN => return c.client.want(m.epoll, watch.out),
            else => return c.close(),
        }
    }
    c.enter(.query, idle_ms);
    c.client.want(m.epoll, watch.in);
}

/// Connects to the server whose turn it is, or the next that can be; when there is none, the asker is told.
fn ask(m: *Monitor, r: *Resolver, c: *Connection) void {
    const servers = names.servers(r.view);
    while (c.turn < servers.count) : (c.turn += 1) {
        const server = &servers.list[c.turn];
        const rc = sys.socket(server.family(), sys.SOCK.STREAM | sys.SOCK.CLOEXEC | sys.SOCK.NONBLOCK, 0);
        if (sys.errno(rc) != .SUCCESS) continue;
        c.server.fd = @intCast(rc);
        const connected = sys.errno(server.connect(c.server.fd));
        if (connected == .SUCCESS or connected == .INPROGRESS) {
            dns.setId(c.buffers.query[2..], resolver.randomId());
            c.enter(.asking, server_ms);
            return c.server.want(m.epoll, watch.out);
        }
        c.server.close();
    }
    const packet = c.buffers.query[2..][0..c.query_length];
    dns.setId(packet, c.asker_id);
    reply(m, c, resolver.failure(packet, c.buffers.answer[2..]).len);
}

fn askNext(m: *Monitor, r: *Resolver, c: *Connection) void {
    c.server.close();
    c.turn += 1;
    ask(m, r, c);
}

/// The server is ready for the query, or says something.
pub fn heard(m: *Monitor, r: *Resolver, index: u32) void {
    const c = &r.connections[index];
    if (c.client.fd < 0 or c.server.fd < 0) return;
    if (c.phase == .asking) {
        // A new connection has room for all of it, or there is none.
        const rc = sys.sendto(c.server.fd, &c.buffers.query, 2 + c.query_length, sys.MSG.DONTWAIT | sys.MSG.NOSIGNAL, null, 0);
        if (sys.errno(rc) == .AGAIN) return;
        if (sys.errno(rc) != .SUCCESS or rc != 2 + c.query_length) return askNext(m, r, c);
        c.enter(.hearing, server_ms);
        return c.server.want(m.epoll, watch.in);
    }
    const length = receive(&c.server, &c.buffers.answer, &c.done) orelse return askNext(m, r, c);
    if (length == 0) return;
    const packet = c.buffers.answer[2..length];
    const belongs = dns.belongs(packet, c.buffers.query[2..][0..c.query_length]);
    if (!belongs or resolver.isUnhelpful(packet) and c.turn + 1 < names.servers(r.view).count) return askNext(m, r, c);
    c.server.close();
    dns.setId(packet, c.asker_id);
    reply(m, c, packet.len);
}

pub fn dropOverdue(m: *Monitor, r: *Resolver) void {
    const now = clock.monotonicMilliseconds();
    for (&r.connections) |*c| {
        if (c.client.fd < 0 or c.deadline_ms > now) continue;
        switch (c.phase) {
            .asking, .hearing => askNext(m, r, c),
            .query, .answering => c.close(),
        }
    }
}

pub fn end(r: *Resolver) void {
    for (&r.connections) |*c| c.close();
}
