//! Connections to published TCP ports: accepted, connected to the container, and passed on in both directions (relay.zig) until both have
//! ended. One that is idle stays, whatever it waits for; a client that has vanished is noticed by the kernel (SO_KEEPALIVE). What fails on one side
//! is passed on, too: the other side's connection is reset.
const std = @import("std");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const Port = @import("proxy.zig").Port;
const Proxy = @import("proxy.zig").Proxy;
const proxy_source = @import("proxy_source.zig");
const relay = @import("relay.zig");
const watch = @import("watch.zig");
const sys = linux.sys;

/// At a time, of a container: more wait in the kernel's queue until one ends.
pub const max_connections = 1024;
/// Two sockets, and two pipes while neither side takes anything.
pub const descriptors_each = 6;

/// Accepted before others get their turn.
const batch = 16;
/// So long nobody is accepted after the kernel has refused us something.
const shortage_ms = 100;

/// All zeroes: free.
pub const Connection = struct {
    taken: bool,
    client: watch.Watch,
    server: watch.Watch,
    connected: bool,
    /// What the client says, and what the container says.
    forth: relay.Way,
    back: relay.Way,
    /// Of one that is free: the next that is.
    next: u32,
};

pub const Connections = struct {
    /// In pages of their own, from the first one on.
    list: ?*align(4096) [max_connections]Connection,
    /// How many there may be.
    room: usize,
    count: usize,
    /// Those from here on have never been used.
    fresh: u32,
    /// First free one below, plus one; 0: none.
    free: u32,
    /// Plus one, so that zeroes are none.
    spare: [2]i32,
    /// The container has ended: what clients say is for nobody.
    leaving: bool,

    pub fn hasRoom(c: *const Connections) bool {
        return c.count < c.room;
    }
};

const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;

/// Its connections are looked after: after a minute of silence the client is asked whether it is still there.
pub fn prepare(port: *const Port) void {
    const fd = port.watch.fd;
    for ([_]struct { i32, u32, i32 }{
        .{ sys.SOL.SOCKET, sys.SO.KEEPALIVE, 1 },
        .{ sys.IPPROTO.TCP, TCP_KEEPIDLE, 60 },
        .{ sys.IPPROTO.TCP, TCP_KEEPINTVL, 15 },
        .{ sys.IPPROTO.TCP, TCP_NODELAY, 1 },
    }) |option| set(fd, option[0], option[1], option[2]);
}

fn set(fd: i32, level: i32, option: u32, value: i32) void {
    _ = sys.setsockopt(fd, level, option, @ptrCast(&value), @sizeOf(i32));
}

pub fn accept(m: *Monitor, p: *Proxy, port: *const Port) void {
    const all = &p.connections;
    for (0..batch) |_| {
        if (!all.hasRoom()) return;
        var name: proxy_source.Name = undefined;
        var length: sys.socklen_t = @sizeOf(proxy_source.Name);
        const rc = sys.accept4(port.watch.fd, @ptrCast(&name), &length, sys.SOCK.CLOEXEC | sys.SOCK.NONBLOCK);
        switch (sys.errno(rc)) {
            .SUCCESS => {},
            .AGAIN => return,
            .INTR, .CONNABORTED => continue,
            else => return m.timers.start(.shortage, shortage_ms),
        }
        const client: i32 = @intCast(rc);
        const server = proxy_source.connect(p, port, &name) orelse {
            reset(client);
            continue;
        };
        const c = take(all) catch {
            reset(client);
            linux.close(server);
            return m.timers.start(.shortage, shortage_ms);
        };
        set(server, sys.IPPROTO.TCP, TCP_NODELAY, 1);
        c.client.fd = client;
        c.server.fd = server;
        express(m, all, c);
    }
}

/// A connection without sockets.
fn take(all: *Connections) linux.Error!*Connection {
    const list = all.list orelse made: {
        const memory = try linux.mapMemory(std.mem.alignForward(usize, @sizeOf([max_connections]Connection), 4096));
        all.list = @ptrCast(memory.ptr);
        break :made all.list.?;
    };
    const index = if (all.free > 0) all.free - 1 else all.fresh;
    if (all.free > 0) all.free = list[index].next else all.fresh += 1;
    all.count += 1;
    list[index] = .{
        .taken = true,
        .client = .{ .source = .proxy_client, .index = index },
        .server = .{ .source = .proxy_server, .index = index },
        .connected = false,
        .forth = .{},
        .back = .{},
        .next = 0,
    };
    return &list[index];
}

/// Either side is ready for something, or gone. An event may be older than the connection: then there is nothing to do.
pub fn proceed(m: *Monitor, p: *Proxy, index: u32, events: u32) void {
    if (p.connections.list != null) proceedWith(m, &p.connections, index, events);
}

fn proceedWith(m: *Monitor, all: *Connections, index: u32, events: u32) void {
    const c = &all.list.?[index];
    if (!c.taken) return;
    const state: enum { goes_on, over, broken } = if (pass(all, c))
        if (c.back.isOver() and (c.forth.isOver() or all.leaving)) .over else if (events & watch.failed != 0) .broken else .goes_on
    else |_|
        .broken;
    if (state == .goes_on) return express(m, all, c);
    close(all, c, state == .broken);
    if (all.count == 0) m.useBuffers(); // which are then given back
}

/// Whatever can go on, in both directions.
fn pass(all: *Connections, c: *Connection) linux.Error!void {
    if (!c.connected) {
        // Answers with an error, or with a peer once it is connected.
        var name: proxy_source.Name = undefined;
        var length: sys.socklen_t = @sizeOf(proxy_source.Name);
        if (sys.errno(sys.getpeername(c.server.fd, @ptrCast(&name), &length)) != .SUCCESS) return;
        c.connected = true;
    }
    var spare = spareOf(all);
    defer all.spare = .{ spare[0] + 1, spare[1] + 1 };
    if (!all.leaving) try c.forth.move(c.client.fd, c.server.fd, &spare);
    try c.back.move(c.server.fd, c.client.fd, &spare);
}

fn spareOf(all: *const Connections) relay.Pipe {
    return .{ all.spare[0] - 1, all.spare[1] - 1 };
}

fn express(m: *Monitor, all: *const Connections, c: *Connection) void {
    const read: u32 = if (c.connected and c.forth.wantsSource() and !all.leaving) watch.in else 0;
    const answer: u32 = if (c.connected and c.back.wantsSource()) watch.in else 0;
    const heard: u32 = if (c.back.wantsTarget()) watch.out else 0;
    const told: u32 = if (!c.connected or (c.forth.wantsTarget() and !all.leaving)) watch.out else 0;
    c.client.want(m.epoll, if (read | heard == 0) watch.once else read | heard);
    c.server.want(m.epoll, if (answer | told == 0) watch.once else answer | told);
}

fn close(all: *Connections, c: *Connection, broken: bool) void {
    if (broken) for ([_]i32{ c.client.fd, c.server.fd }) |fd| abort(fd);
    c.client.close();
    c.server.close();
    c.forth.close();
    c.back.close();
    const index: u32 = @intCast(c - &all.list.?[0]);
    c.taken = false;
    c.next = all.free;
    all.free = index + 1;
    all.count -= 1;
}

/// Its close says RST, not that all was said (socket(7), SO_LINGER).
fn abort(fd: i32) void {
    const linger = [2]i32{ 1, 0 };
    _ = sys.setsockopt(fd, sys.SOL.SOCKET, sys.SO.LINGER, @ptrCast(&linger), @sizeOf([2]i32));
}

fn reset(fd: i32) void {
    abort(fd);
    linux.close(fd);
}

/// What the container has said before its end is still in the kernel's sockets: connections are over when it was taken.
pub fn leave(m: *Monitor, all: *Connections) void {
    const list = all.list orelse return;
    all.leaving = true;
    for (list[0..all.fresh], 0..) |*c, index| {
        if (!c.taken) continue;
        if (c.connected) proceedWith(m, all, @intCast(index), 0) else close(all, c, true);
    }
}

/// Those of which nothing waits for the client and nothing came, but that have not ended: who was talked to lives on, and is not the container's.
pub fn dropSilent(all: *Connections) void {
    const list = all.list orelse return;
    for (list[0..all.fresh]) |*c| if (c.taken and !c.back.wantsTarget()) close(all, c, true);
}

pub fn end(all: *Connections) void {
    const list = all.list orelse return;
    for (list[0..all.fresh]) |*c| if (c.taken) close(all, c, true);
    relay.closePipe(spareOf(all));
    linux.unmapMemory(std.mem.asBytes(list));
    all.list = null;
}

/// Without connections their pages are nobody's, and the pipe's neither.
pub fn giveBack(all: *Connections) void {
    const list = all.list orelse return;
    if (all.count > 0) return;
    relay.closePipe(spareOf(all));
    all.spare = .{ 0, 0 };
    all.fresh = 0;
    all.free = 0;
    linux.forgetMemory(@alignCast(std.mem.asBytes(list)));
}
