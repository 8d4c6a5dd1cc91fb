//! Datagrams to published UDP ports. Each client has a socket of its own to the container, by which answers find back to it: a flow. A flow
//! that is silent for long is forgotten; where there are too many, the one that has been silent longest gives way.
const std = @import("std");
const clock = @import("clock.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const Port = @import("proxy.zig").Port;
const Proxy = @import("proxy.zig").Proxy;
const Name = @import("proxy_source.zig").Name;
const watch = @import("watch.zig");
const sys = linux.sys;

/// At a time, of a container.
pub const max_flows = 1024;
/// As long as docker-proxy keeps one (libnetwork, UDPConnTrackTimeout).
const idle_ms = 90_000;
/// How often that is looked at.
const look_ms = 10_000;
/// Datagrams that are read before others get their turn.
const batch = 32;
const max_datagram = 65_535;
const buckets = 1024;

/// Who talks to which port, and to which of the host's addresses: answers come from that one. Compared as bytes, without padding.
const Key = extern struct {
    port: u32,
    /// Interface of a link-local address; else 0.
    link: u32,
    client: [28]u8,
    local: [16]u8,
};

const Flow = struct {
    key: Key,
    watch: watch.Watch,
    used_ms: u64,
    /// Neighbours by use, and in the bucket; of a free one, `chain` is the next that is. Each plus one: 0 is none.
    newer: u32,
    older: u32,
    chain: u32,
};

const Memory = struct {
    datagram: [std.mem.alignForward(usize, max_datagram, 4096)]u8 align(4096),
    heads: [buckets]u32,
    list: [max_flows]Flow,
};

pub const Flows = struct {
    /// From the first datagram on.
    memory: ?*align(4096) Memory,
    room: usize,
    count: usize,
    /// As in proxy_tcp.zig.
    fresh: u32,
    free: u32,
    newest: u32,
    oldest: u32,
};

const SOL_IP = 0;
const SOL_IPV6 = 41;
const IP_PKTINFO = 8;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;

/// What a burst may fill of a socket: as much as this of datagrams waits for us.
const receive_bytes: i32 = 1 << 20;

fn widen(fd: i32) void {
    const SO_RCVBUFFORCE = 33;
    _ = sys.setsockopt(fd, sys.SOL.SOCKET, SO_RCVBUFFORCE, @ptrCast(&receive_bytes), @sizeOf(i32)); // less will do
}

/// It says to which address a datagram came (ip(7), ipv6(7)).
pub fn prepare(port: *const Port) void {
    widen(port.watch.fd);
    const on: i32 = 1;
    _ = sys.setsockopt(port.watch.fd, SOL_IP, IP_PKTINFO, @ptrCast(&on), @sizeOf(i32));
    _ = sys.setsockopt(port.watch.fd, SOL_IPV6, IPV6_RECVPKTINFO, @ptrCast(&on), @sizeOf(i32));
}

const Info4 = extern struct { header: sys.cmsghdr, link: i32, source: [4]u8, address: [4]u8, pad: u32 };
const Info6 = extern struct { header: sys.cmsghdr, address: [16]u8, link: u32, pad: u32 };
const Control = extern union { header: sys.cmsghdr, four: Info4, six: Info6, room: [64]u8 };

pub fn readClients(m: *Monitor, p: *Proxy, port: *const Port) void {
    const all = &p.flows;
    const memory = all.memory orelse (makeMemory(all) catch return);
    m.useBuffers();
    for (0..batch) |_| {
        var key: Key = std.mem.zeroes(Key);
        const length = receive(port, &memory.datagram, &key) catch |err| switch (err) {
            error.Empty => return,
            error.Strange => continue,
        };
        const flow = find(all, &key) orelse open(m, p, port, &key) orelse continue;
        use(all, flow);
        // What fails was lost on its way, as far as the client can tell.
        _ = sys.sendto(flow.watch.fd, &memory.datagram, length, sys.MSG.DONTWAIT | sys.MSG.NOSIGNAL, null, 0);
    }
}

fn makeMemory(all: *Flows) linux.Error!*align(4096) Memory {
    const memory = try linux.mapMemory(std.mem.alignForward(usize, @sizeOf(Memory), 4096));
    all.memory = @ptrCast(memory.ptr);
    return all.memory.?;
}

fn receive(port: *const Port, datagram: []u8, key: *Key) error{ Empty, Strange }!usize {
    var control: Control = undefined;
    var vector = [_]std.posix.iovec{.{ .base = datagram.ptr, .len = datagram.len }};
    var message: sys.msghdr = .{
        .name = @ptrCast(&key.client),
        .namelen = @sizeOf(@TypeOf(key.client)),
        .iov = &vector,
        .iovlen = 1,
        .control = &control,
        .controllen = @sizeOf(Control),
        .flags = 0,
    };
    const rc = sys.recvmsg(port.watch.fd, &message, sys.MSG.DONTWAIT);
    if (sys.errno(rc) == .AGAIN) return error.Empty;
    if (sys.errno(rc) != .SUCCESS or message.controllen < @sizeOf(sys.cmsghdr)) return error.Strange;
    key.port = port.watch.index;
    if (control.header.type == IPV6_PKTINFO) {
        key.local = control.six.address;
        // One that is of a link only is none without it.
        if (key.local[0] == 0xfe and key.local[1] & 0xc0 == 0x80) key.link = control.six.link;
    } else key.local[0..4].* = control.four.source; // what an answer comes from: to a broadcast, too
    return rc;
}

fn bucketOf(memory: *Memory, key: *const Key) *u32 {
    return &memory.heads[std.hash.Wyhash.hash(0, std.mem.asBytes(key)) % buckets];
}

fn find(all: *Flows, key: *const Key) ?*Flow {
    const memory = all.memory.?;
    var next = bucketOf(memory, key).*;
    while (next > 0) : (next = memory.list[next - 1].chain) {
        if (std.mem.eql(u8, std.mem.asBytes(key), std.mem.asBytes(&memory.list[next - 1].key))) return &memory.list[next - 1];
    }
    return null;
}

fn open(m: *Monitor, p: *Proxy, port: *const Port, key: *const Key) ?*Flow {
    const all = &p.flows;
    if (all.room == 0 or p.nowhere) return null;
    if (all.count == all.room) forget(all, all.oldest - 1);
    const rc = sys.socket(port.target.family(), sys.SOCK.DGRAM | sys.SOCK.CLOEXEC | sys.SOCK.NONBLOCK, 0);
    if (sys.errno(rc) != .SUCCESS) return null;
    const fd: i32 = @intCast(rc);
    if (sys.errno(port.target.connect(fd)) != .SUCCESS) {
        linux.close(fd);
        return null;
    }
    widen(fd);
    const memory = all.memory.?;
    const index = if (all.free > 0) all.free - 1 else all.fresh;
    if (all.free > 0) all.free = memory.list[index].chain else all.fresh += 1;
    const head = bucketOf(memory, key);
    const flow = &memory.list[index];
    flow.* = .{ .key = key.*, .watch = .{ .fd = fd, .source = .proxy_flow, .index = index }, .used_ms = 0, .newer = 0, .older = 0, .chain = head.* };
    head.* = index + 1;
    all.count += 1;
    link(all, flow);
    flow.watch.want(m.epoll, watch.in);
    m.timers.start(.flows, look_ms);
    return flow;
}

/// The newest.
fn link(all: *Flows, flow: *Flow) void {
    const own = flow.watch.index + 1;
    flow.older = all.newest;
    flow.newer = 0;
    if (all.newest > 0) all.memory.?.list[all.newest - 1].newer = own else all.oldest = own;
    all.newest = own;
}

fn unlink(all: *Flows, flow: *const Flow) void {
    const list = &all.memory.?.list;
    if (flow.newer > 0) list[flow.newer - 1].older = flow.older else all.newest = flow.older;
    if (flow.older > 0) list[flow.older - 1].newer = flow.newer else all.oldest = flow.newer;
}

fn use(all: *Flows, flow: *Flow) void {
    flow.used_ms = clock.monotonicMilliseconds();
    if (all.newest == flow.watch.index + 1) return;
    unlink(all, flow);
    link(all, flow);
}

fn forget(all: *Flows, index: u32) void {
    const memory = all.memory.?;
    const flow = &memory.list[index];
    unlink(all, flow);
    var place = bucketOf(memory, &flow.key);
    while (place.* != index + 1) place = &memory.list[place.* - 1].chain;
    place.* = flow.chain;
    flow.watch.close();
    flow.chain = all.free;
    all.free = index + 1;
    all.count -= 1;
}

/// From the container. An event may be older than the flow.
pub fn readContainer(m: *Monitor, p: *Proxy, index: u32) void {
    const all = &p.flows;
    const memory = all.memory orelse return;
    const flow = &memory.list[index];
    m.useBuffers();
    for (0..batch) |_| {
        if (flow.watch.fd < 0) return;
        const rc = sys.recvfrom(flow.watch.fd, &memory.datagram, memory.datagram.len, sys.MSG.DONTWAIT, null, null);
        switch (sys.errno(rc)) {
            .SUCCESS => {},
            .AGAIN => return,
            else => continue, // nobody listens there (ICMP): perhaps later
        }
        use(all, flow);
        answer(&p.ports[flow.key.port], &flow.key, memory.datagram[0..rc]);
    }
}

/// From the address that the client has talked to.
fn answer(port: *const Port, key: *Key, datagram: []const u8) void {
    const name: *const Name = @ptrCast(@alignCast(&key.client));
    const is_four = name.family == sys.AF.INET;
    const vector = [_]std.posix.iovec_const{.{ .base = datagram.ptr, .len = datagram.len }};
    const control: Control = if (is_four) .{ .four = .{
        .header = .{ .len = @sizeOf(sys.cmsghdr) + 12, .level = SOL_IP, .type = IP_PKTINFO },
        .link = 0,
        .source = key.local[0..4].*,
        .address = @splat(0),
        .pad = 0,
    } } else .{ .six = .{
        .header = .{ .len = @sizeOf(sys.cmsghdr) + 20, .level = SOL_IPV6, .type = IPV6_PKTINFO },
        .address = key.local,
        .link = key.link,
        .pad = 0,
    } };
    const message: sys.msghdr_const = .{
        .name = @ptrCast(name),
        .namelen = if (is_four) @sizeOf(sys.sockaddr.in) else @sizeOf(sys.sockaddr.in6),
        .iov = &vector,
        .iovlen = 1,
        .control = &control,
        .controllen = if (is_four) @sizeOf(Info4) else @sizeOf(Info6),
        .flags = 0,
    };
    _ = sys.sendmsg(port.watch.fd, &message, sys.MSG.DONTWAIT | sys.MSG.NOSIGNAL);
}

pub fn dropIdle(m: *Monitor, p: *Proxy) void {
    const all = &p.flows;
    const now = clock.monotonicMilliseconds();
    while (all.oldest > 0 and all.memory.?.list[all.oldest - 1].used_ms + idle_ms <= now) forget(all, all.oldest - 1);
    if (all.count > 0) m.timers.start(.flows, look_ms) else m.useBuffers();
}

pub fn forgetAll(all: *Flows) void {
    while (all.oldest > 0) forget(all, all.oldest - 1);
}

pub fn end(all: *Flows) void {
    const memory = all.memory orelse return;
    forgetAll(all);
    linux.unmapMemory(std.mem.asBytes(memory));
    all.memory = null;
}

/// What datagrams have filled; and all of it without flows.
pub fn giveBack(all: *Flows) void {
    const memory = all.memory orelse return;
    if (all.count > 0) return linux.forgetMemory(&memory.datagram);
    all.fresh = 0;
    all.free = 0;
    linux.forgetMemory(std.mem.asBytes(memory));
}
