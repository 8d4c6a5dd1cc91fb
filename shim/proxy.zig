//! The proxy of published ports, where the kernel cannot lead them (::1, IPv6 to a container without it; all of them without nf_tables with NAT): the
//! monitor takes what comes to their sockets and passes it on to the container, connections by proxy_tcp.zig, datagrams by proxy_udp.zig. As whom the container sees a client is
//! in proxy_source.zig.
//!
//! The ports' sockets are bound from the start, and served when "p" comes: the container is on its network then. Nothing is paid for
//! before a client comes; everything is bounded, and who finds no room waits in the kernel's queue.
const std = @import("std");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const plan = @import("plan.zig");
const proxy_tcp = @import("proxy_tcp.zig");
const proxy_udp = @import("proxy_udp.zig");
const server_address = @import("server_address.zig");
const watch = @import("watch.zig");
const sys = linux.sys;

/// As many as the descriptors that a plan can bring allow for.
const max_ports = 128;

pub const Port = struct {
    watch: watch.Watch,
    /// In the container's network.
    target: server_address.Server,
    /// As whom clients come that cannot come as themselves.
    gateway: ?server_address.Server,
};

pub const Proxy = struct {
    ports: [max_ports]Port,
    count: usize,
    /// Network namespaces: the container's and our own. -1: connections are made from where we are, and no client comes as itself.
    inside: i32,
    outside: i32,
    serving: bool,
    /// The container has left the network that they led to: who comes is refused.
    nowhere: bool,
    /// What the set holds of the TCP ports.
    accepting: bool,
    /// How often was looked since the container's end.
    looks: u32,
    connections: proxy_tcp.Connections,
    flows: proxy_udp.Flows,

    pub fn all(p: *Proxy) []Port {
        return p.ports[0..p.count];
    }
};

/// Takes over what the plan says of the ports.
pub fn prepare(proxied: []const plan.Proxied) linux.Error!*Proxy {
    if (proxied.len > max_ports) return linux.fail(.@"2BIG", "plan", "proxied");
    const memory = try linux.mapMemory(std.mem.alignForward(usize, @sizeOf(Proxy), 4096));
    const p: *Proxy = @ptrCast(memory.ptr);
    for (proxied, 0..) |*from, index| {
        const gateway = if (from.gateway) |text| server_address.at(text, 0) orelse return linux.fail(.INVAL, "plan", text) else null;
        p.ports[index] = .{
            .watch = .{ .fd = linux.number(from.socket), .source = if (from.datagrams) .proxy_udp else .proxy_tcp, .index = @intCast(index) },
            .target = server_address.at(from.address, from.port) orelse return linux.fail(.INVAL, "plan", from.address),
            .gateway = gateway,
        };
    }
    p.count = proxied.len;
    p.inside = -1;
    p.outside = -1;
    return p;
}

/// The container is on its network; with its namespace come clients as themselves. True: the descriptors are ours now.
pub fn begin(m: *Monitor, descriptors: []const i32) bool {
    const p = m.proxy orelse return false;
    if (p.serving or descriptors.len > 1) return false;
    // A listening socket gives those that it accepts what it has itself.
    for (p.all()) |*port| {
        linux.setNonblocking(port.watch.fd);
        if (port.watch.source == .proxy_tcp) proxy_tcp.prepare(port) else proxy_udp.prepare(port);
    }
    const room = descriptorRoom();
    p.flows.room = @min(proxy_udp.max_flows, room / 8);
    p.connections.room = @min(proxy_tcp.max_connections, (room - p.flows.room) / proxy_tcp.descriptors_each);
    p.serving = true;
    if (descriptors.len == 0) return true;
    const rc = sys.open("/proc/self/ns/net", .{ .CLOEXEC = true }, 0);
    if (sys.errno(rc) != .SUCCESS) return false;
    p.outside = @intCast(rc);
    p.inside = descriptors[0];
    return true;
}

/// The container's networks have changed: all ports lead to that address now, none where it is no address. Connections that there are stay where they are.
pub fn turn(m: *Monitor, address: []const u8) void {
    const p = m.proxy orelse return;
    p.nowhere = server_address.at(address, 0) == null;
    for (p.all()) |*port| {
        const number = switch (port.target) {
            inline else => |*target| std.mem.bigToNative(u16, target.port),
        };
        port.target = server_address.at(address, number) orelse port.target;
    }
    proxy_udp.forgetAll(&p.flows);
}

/// What the monitor itself may have open besides (descriptors.zig).
const descriptors_own = 512;

/// How many more descriptors we may have.
fn descriptorRoom() usize {
    var limit: sys.rlimit = undefined;
    const rc = sys.prlimit(0, .NOFILE, null, &limit);
    return if (sys.errno(rc) == .SUCCESS) @intCast(limit.cur -| descriptors_own) else 0;
}

/// After the container's end: how often its connections are looked at, and how often in all.
const leaving_ms = 500;
const leaving_looks = 20;

/// The container has ended: nothing is held of it but connections over which it has said more than was taken yet.
pub fn end(m: *Monitor) void {
    const p = m.proxy orelse return;
    m.timers.stop(.flows);
    m.timers.stop(.shortage);
    for (p.all()) |*port| port.watch.close();
    linux.close(p.inside);
    linux.close(p.outside);
    p.count = 0;
    p.serving = false;
    proxy_udp.end(&p.flows);
    proxy_tcp.leave(m, &p.connections);
    m.timers.start(.leaving, leaving_ms);
    _ = isThrough(m);
}

/// After the end: nobody waits for anything of the container's any more, or has done so for too long.
pub fn isThrough(m: *Monitor) bool {
    const p = m.proxy orelse return true;
    if (p.connections.count > 0 and !m.timers.isSet(.leaving)) {
        p.looks += 1;
        proxy_tcp.dropSilent(&p.connections);
        if (p.looks < leaving_looks) m.timers.start(.leaving, leaving_ms);
    }
    if (p.connections.count > 0 and m.timers.isSet(.leaving)) return false;
    m.timers.stop(.leaving);
    proxy_tcp.end(&p.connections);
    m.proxy = null;
    linux.unmapMemory(@as([*]const u8, @ptrCast(p))[0..std.mem.alignForward(usize, @sizeOf(Proxy), 4096)]);
    return true;
}

pub fn express(m: *Monitor, p: *Proxy) void {
    if (!p.serving) return;
    const accepting = p.connections.hasRoom() and !m.timers.isSet(.shortage);
    if (accepting == p.accepting) return;
    p.accepting = accepting;
    for (p.all()) |*port| {
        const wanted = port.watch.source == .proxy_udp or accepting;
        port.watch.want(m.epoll, if (wanted) watch.in else 0);
    }
}

pub fn dispatch(m: *Monitor, p: *Proxy, source: watch.Source, index: u32, events: u32) void {
    switch (source) {
        .proxy_tcp => if (p.serving) proxy_tcp.accept(m, p, &p.ports[index]),
        .proxy_client, .proxy_server => proxy_tcp.proceed(m, p, index, events),
        .proxy_udp => if (p.serving) proxy_udp.readClients(m, p, &p.ports[index]),
        else => proxy_udp.readContainer(m, p, index),
    }
}

pub fn lookAround(m: *Monitor, p: *Proxy) void {
    proxy_udp.dropIdle(m, p);
}

pub fn giveBack(p: *Proxy) void {
    proxy_tcp.giveBack(&p.connections);
    proxy_udp.giveBack(&p.flows);
}
