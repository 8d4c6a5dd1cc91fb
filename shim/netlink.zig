//! Sockets and settings of another network namespace: `mdk-shim netlink WORD …`. Who asks stays where it is.
//!
//!   3   SOCK_SEQPACKET: "n" goes out here with the sockets, in the order of the words; or "f", the index of the word that failed and the
//!       errno, one byte each: whatever came before it is done. The end without a message: the namespace cannot be entered
//!   4   the network namespace
//!
//!   route, netfilter    a netlink socket
//!   resolver:PORT       the sockets of a resolver, UDP and TCP; port 0: any
//!   net.NAME=VALUE      a setting is written, by its name of sysctl(8)
const std = @import("std");
const linux = @import("linux.zig");
const socket = @import("socket.zig");
const sys = linux.sys;

const channel = 3;
const namespace = 4;

const Protocol = enum(u32) { route = 0, netfilter = 12 }; // include/uapi/linux/netlink.h

pub fn main(words: []const [*:0]const u8) u8 {
    _ = linux.check(sys.setns(namespace, sys.CLONE.NEWNET), "setns", "") catch return 125;
    var descriptors: [16]i32 = undefined;
    var count: usize = 0;
    for (words, 0..) |word, index| {
        const made = carryOut(std.mem.span(word), descriptors[count..]) catch {
            _ = socket.send(channel, &.{ 'f', @truncate(index), @truncate(linux.failure.errno) });
            return 1;
        };
        count += made;
    }
    _ = linux.check(socket.sendDescriptors(channel, "n", descriptors[0..count]), "sendmsg", "") catch return 125;
    return 0;
}

/// How many sockets the word has made.
fn carryOut(word: []const u8, made: []i32) linux.Error!usize {
    if (made.len < 2) return linux.fail(.@"2BIG", "netlink", "words");
    if (std.meta.stringToEnum(Protocol, word)) |protocol| {
        made[0] = try open(protocol);
        return 1;
    }
    if (std.mem.cutPrefix(u8, word, "resolver:")) |text| {
        const port = std.fmt.parseInt(u16, text, 10) catch return linux.fail(.INVAL, "netlink", "port");
        made[0..2].* = try openResolver(port);
        return 2;
    }
    const equals = std.mem.indexOfScalar(u8, word, '=') orelse return linux.fail(.INVAL, "netlink", "word");
    try writeSetting(word[0..equals], word[equals + 1 ..]);
    return 0;
}

/// A netlink socket of our namespace.
pub fn open(protocol: Protocol) linux.Error!i32 {
    return linux.checkFd(sys.socket(sys.AF.NETLINK, sys.SOCK.RAW | sys.SOCK.CLOEXEC, @backingInt(protocol)), "socket", @tagName(protocol));
}

/// Docker's address of a container's resolver.
pub const resolver_address = [4]u8{ 127, 0, 0, 11 };
/// What a burst of queries may fill: some thousand wait for the monitor.
const receive_bytes: i32 = 1 << 20;

/// UDP and TCP on the resolver's address, the latter listening. The loopback device may still be down: they are bound without it (ip(7),
/// IP_FREEBIND). A datagram socket that was bound so has no source address of its own: it wants to be said with each datagram (IP_PKTINFO).
pub fn openResolver(port: u16) linux.Error![2]i32 {
    const udp = try openBound(sys.SOCK.DGRAM, port);
    errdefer linux.close(udp);
    const SO_RCVBUFFORCE = 33;
    _ = sys.setsockopt(udp, sys.SOL.SOCKET, SO_RCVBUFFORCE, @ptrCast(&receive_bytes), @sizeOf(i32)); // less will do
    const tcp = try openBound(sys.SOCK.STREAM, port);
    errdefer linux.close(tcp);
    _ = try linux.check(sys.listen(tcp, 64), "listen", "resolver");
    return .{ udp, tcp };
}

fn openBound(kind: u32, port: u16) linux.Error!i32 {
    const fd = try linux.checkFd(sys.socket(sys.AF.INET, kind | sys.SOCK.CLOEXEC, 0), "socket", "resolver");
    errdefer linux.close(fd);
    const IP_FREEBIND = 15;
    const on: i32 = 1;
    _ = try linux.check(sys.setsockopt(fd, sys.SOL.IP, IP_FREEBIND, @ptrCast(&on), @sizeOf(i32)), "setsockopt", "IP_FREEBIND");
    const address: sys.sockaddr.in = .{ .port = std.mem.nativeToBig(u16, port), .addr = @bitCast(resolver_address) };
    _ = try linux.check(sys.bind(fd, @ptrCast(&address), @sizeOf(sys.sockaddr.in)), "bind", "127.0.0.11");
    return fd;
}

/// Below /proc/sys/net, which shows whoever opens it its own namespace's. Where /proc/sys is mounted read-only it is written through a
/// procfs of our own.
fn writeSetting(name: []const u8, value: []const u8) linux.Error!void {
    var buffer: [256]u8 = undefined;
    const path = try settingPath(&buffer, name);
    const flags: sys.O = .{ .ACCMODE = .WRONLY, .CLOEXEC = true };
    var rc = sys.openat(linux.AT_FDCWD, path, flags, 0);
    if (sys.errno(rc) == .ROFS) {
        const mount = try mountProc();
        defer linux.close(mount);
        rc = sys.openat(mount, path["/proc/".len..], flags, 0);
    }
    const fd = try linux.checkFd(rc, "openat", "sysctl");
    defer linux.close(fd);
    _ = try linux.check(sys.write(fd, value.ptr, value.len), "write", "sysctl");
}

/// "net.ipv4.ip_forward" → "/proc/sys/net/ipv4/ip_forward". A name that leads anywhere else is refused.
fn settingPath(buffer: *[256]u8, name: []const u8) linux.Error![:0]const u8 {
    const root = "/proc/sys/";
    if (!std.mem.startsWith(u8, name, "net.") or name.len + root.len >= buffer.len) return linux.fail(.INVAL, "sysctl", "name");
    @memcpy(buffer[0..root.len], root);
    var parts = std.mem.splitScalar(u8, name, '.');
    var at: usize = root.len;
    while (parts.next()) |part| {
        if (part.len == 0) return linux.fail(.INVAL, "sysctl", "name");
        for (part) |byte| if (!std.ascii.isAlphanumeric(byte) and byte != '_' and byte != '-') return linux.fail(.INVAL, "sysctl", "name");
        @memcpy(buffer[at..][0..part.len], part);
        buffer[at + part.len] = '/';
        at += part.len + 1;
    }
    buffer[at - 1] = 0;
    return buffer[0 .. at - 1 :0];
}

fn mountProc() linux.Error!i32 {
    const context = try linux.checkFd(linux.fsopen("proc"), "fsopen", "proc");
    defer linux.close(context);
    _ = try linux.check(sys.syscall5(.fsconfig, @intCast(context), 6, 0, 0, 0), "fsconfig", "proc"); // FSCONFIG_CMD_CREATE
    return linux.checkFd(linux.fsmount(context, 0xe), "fsmount", "proc"); // MOUNT_ATTR_NOSUID | NODEV | NOEXEC
}

test "a setting's name leads below net only" {
    const t = std.testing;
    var buffer: [256]u8 = undefined;
    try t.expectEqualStrings("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", try settingPath(&buffer, "net.ipv6.conf.eth0.disable_ipv6"));
    for ([_][]const u8{ "", "net", "kernel.core_pattern", "net..ipv4", "net.ipv4/../../kernel", "net.a\x00b", "net.ipv4.", "net." }) |name|
        try t.expectError(error.Failed, settingPath(&buffer, name));
}
