//! As whom the container sees a client of a published port: as itself, where the kernel allows it.
//!
//! The connection is made within the container's network namespace, to the container's own address, from the client's (ip(7),
//! IP_TRANSPARENT): it goes by the loopback device. Answers would take the default route to the client; but what is sent has a mark
//! (SO_MARK), the socket that the program accepts has the mark of its connection (ip-sysctl, tcp_fwmark_accept), and a rule of
//! the namespace says that whatever is marked is local (src/network/proxy-route.ts). All of that dies with the namespace, other connections of the
//! container do not meet it, and no firewall is needed.
//!
//! Datagrams have no connection to take a mark from: a program's answer is sent without one (net/ipv4/udp.c), and cannot be told from
//! any other datagram to that address. Clients of UDP ports come as the host.
const std = @import("std");
const linux = @import("linux.zig");
const Port = @import("proxy.zig").Port;
const Proxy = @import("proxy.zig").Proxy;
const Server = @import("server_address.zig").Server;
const sys = linux.sys;

/// PROXY_MARK of src/network/proxy-route.ts.
const mark: i32 = 0x6d646b;

const IP_TRANSPARENT = 19;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPV6_TRANSPARENT = 75;

/// Room for an address of either family.
pub const Name = extern union {
    family: sys.sa_family_t,
    four: sys.sockaddr.in,
    six: sys.sockaddr.in6,
};

/// A socket that is being connected to where the port leads. Null: it cannot be; the client is to be refused.
pub fn connect(p: *const Proxy, port: *const Port, client: *const Name) ?i32 {
    if (p.nowhere) return null;
    if (p.inside < 0) return begin(open(port.target.family()), port, null) catch null;
    var source = sourceOf(port, client) orelse return begin(openInside(p, port.target.family()), port, null) catch null;
    // From the client's own port as a rule, which is no other connection's: looking for a free one takes long where many were used lately.
    return begin(openInside(p, port.target.family()), port, &source) catch {
        switch (source) {
            inline else => |*address| address.port = 0,
        }
        return begin(openInside(p, port.target.family()), port, &source) catch null;
    };
}

fn begin(socket: ?i32, port: *const Port, source: ?*const Server) linux.Error!i32 {
    const fd = socket orelse return error.Failed;
    errdefer linux.close(fd);
    if (source) |from| try dress(fd, from);
    const rc = port.target.connect(fd);
    if (sys.errno(rc) != .INPROGRESS) _ = try linux.check(rc, "connect", "container");
    return fd;
}

fn open(family: u32) ?i32 {
    const rc = sys.socket(family, sys.SOCK.STREAM | sys.SOCK.CLOEXEC | sys.SOCK.NONBLOCK, 0);
    return if (sys.errno(rc) == .SUCCESS) @intCast(rc) else null;
}

/// A socket of the container's namespace; we are a single thread, and back at once.
fn openInside(p: *const Proxy, family: u32) ?i32 {
    if (sys.errno(sys.setns(p.inside, sys.CLONE.NEWNET)) != .SUCCESS) return null;
    defer while (sys.errno(sys.setns(p.outside, sys.CLONE.NEWNET)) != .SUCCESS) {}; // for want of memory only (copy_namespaces)
    return open(family);
}

/// Port 0 becomes one when it connects: it may be in use with another peer.
fn dress(fd: i32, from: *const Server) linux.Error!void {
    const on: i32 = 1;
    try set(fd, sys.SOL.SOCKET, sys.SO.MARK, mark);
    try set(fd, sys.SOL.SOCKET, sys.SO.REUSEADDR, on);
    try set(fd, sys.SOL.IP, IP_BIND_ADDRESS_NO_PORT, on);
    switch (from.*) {
        .four => |*address| {
            try set(fd, sys.SOL.IP, IP_TRANSPARENT, on);
            _ = try linux.check(sys.bind(fd, @ptrCast(address), @sizeOf(sys.sockaddr.in)), "bind", "client");
        },
        .six => |*address| {
            try set(fd, sys.SOL.IPV6, IPV6_TRANSPARENT, on);
            _ = try linux.check(sys.bind(fd, @ptrCast(address), @sizeOf(sys.sockaddr.in6)), "bind", "client");
        },
    }
}

fn set(fd: i32, level: i32, option: u32, value: i32) linux.Error!void {
    _ = try linux.check(sys.setsockopt(fd, level, option, @ptrCast(&value), @sizeOf(i32)), "setsockopt", "client");
}

/// The client's address, or the gateway's, with the client's port. The gateway's for who comes from the host's loopback device, which in the container would be the
/// container itself, from an address that is of a link only, or by the other family.
fn sourceOf(port: *const Port, client: *const Name) ?Server {
    const client_port = if (client.family == sys.AF.INET) client.four.port else client.six.port;
    if (client.family != port.target.family()) return gatewayOf(port, client_port);
    if (client.family == sys.AF.INET) {
        const bytes: [4]u8 = @bitCast(client.four.addr);
        return if (bytes[0] == 127 or bytes[0] == 0) gatewayOf(port, client_port) else .{ .four = .{ .port = client_port, .addr = client.four.addr } };
    }
    const bytes = &client.six.addr;
    const link_only = bytes[0] == 0xfe and bytes[1] & 0xc0 == 0x80;
    const special = std.mem.allEqual(u8, bytes[0..10], 0); // ::, ::1, ::ffff:0:0/96
    return if (link_only or special) gatewayOf(port, client_port) else .{ .six = .{ .port = client_port, .flowinfo = 0, .addr = bytes.*, .scope_id = 0 } };
}

fn gatewayOf(port: *const Port, client_port: u16) ?Server {
    var gateway = port.gateway orelse return null;
    switch (gateway) {
        inline else => |*address| address.port = client_port,
    }
    return gateway;
}

test "clients come as themselves, but for those of the host, of a link, or of the other family" {
    const t = std.testing;
    const at = @import("server_address.zig").at;
    const four: Port = .{ .watch = .{ .source = .proxy_tcp }, .target = at("172.17.0.2", 80).?, .gateway = at("172.17.0.1", 0) };
    const six: Port = .{ .watch = .{ .source = .proxy_tcp }, .target = at("fd00::2", 80).?, .gateway = at("fd00::1", 0) };
    for ([_]struct { *const Port, []const u8, []const u8 }{
        .{ &four, "203.0.113.5", "203.0.113.5" },
        .{ &four, "127.0.0.1", "172.17.0.1" },
        .{ &four, "2001:db8::1", "172.17.0.1" },
        .{ &six, "2001:db8::1", "2001:db8::1" },
        .{ &six, "::1", "fd00::1" },
        .{ &six, "fe80::1", "fd00::1" },
        .{ &six, "::ffff:1:2", "fd00::1" },
        .{ &six, "203.0.113.5", "fd00::1" },
    }) |sample| {
        const name: Name = switch (at(sample[1], 4711).?) {
            .four => |address| .{ .four = address },
            .six => |address| .{ .six = address },
        };
        try t.expectEqual(at(sample[2], 4711).?, sourceOf(sample[0], &name).?);
    }
}
