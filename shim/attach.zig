//! Clients that attach to a container or wait for its end, over SOCK_SEQPACKET: a message is a kind and what belongs to it.
//!
//!   monitor → client   'h' protocol      its first message: the version below, u16, little-endian
//!   client → monitor   'a' flags         attach: 1 writes stdin, 2 takes stdout, 4 takes stderr
//!                      'x'               wait for the end only
//!                      'c'               wait for the end, then clean up in the monitor's stead
//!                      'd'               cleaned up
//!                      'l'               leave: a container that was to be started again is not any more
//!                      'i' bytes         stdin
//!                      'e'               stdin ends (ignored for a terminal)
//!                      'w' rows columns  window size, two u16, little-endian
//!                      'n'               with three descriptors: names are resolved (resolver.zig)
//!                      'p' address       the ports that the monitor serves lead there now (proxy.zig); without one nowhere
//!   monitor → client   'o' bytes         stdout, or the terminal's output
//!                      'r' bytes         stderr
//!                      'n' taken         1: it is the monitor's resolver now; 0: it has one, or the container has ended
//!                      'p'               so they do
//!                      'x' code oom      it has ended; two bytes, the last message
//!
//! A message is at most 32 KiB. Closing detaches. Where stdin_once holds, stdin ends with the first client that attached
//! with flag 1. A client that does not read holds back the program, not the monitor, and not for ever
//! (stream.zig).
//!
//! Monitors outlive upgrades. The protocol grows without a new version: either side ignores kinds that it does not know, and
//! what follows the fields of a message. A change that those before it cannot ignore is a new version.
const std = @import("std");
const ending = @import("ending.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const proxy = @import("proxy.zig");
const Queue = @import("queue.zig").Queue;
const resolver = @import("resolver.zig");
const socket = @import("socket.zig");
const watch = @import("watch.zig");
const sys = linux.sys;

/// The same as PROTOCOL in src/runtime/protocol.ts.
pub const protocol: u16 = 1;

pub const max_message = 32 << 10;
pub const max_clients = 32;

pub const takes_stdin = 1;

pub const Client = struct {
    watch: watch.Watch = .{ .source = .client },
    /// 1 stdin, 2 stdout, 4 stderr; 0: waits, or has not said yet.
    streams: u8 = 0,
    /// Messages, each after its length (u32).
    queue: Queue = .{},
    /// The end was its last message.
    told: bool = false,
    /// The command that started the container: it came with the plan.
    planned: bool = false,
    /// It cleans up when it has learned of the end; gone without 'd' the monitor has it done.
    cleans: bool = false,

    pub fn takes(client: *const Client, index: u1) bool {
        return client.watch.fd >= 0 and client.streams >> (@as(u3, 1) + index) & 1 == 1;
    }

    pub noinline fn put(client: *Client, message: []const u8) void {
        if (client.watch.fd < 0) return;
        if (client.queue.empty()) {
            switch (sys.errno(socket.send(client.watch.fd, message))) {
                .SUCCESS => return,
                .AGAIN, .INTR => {},
                else => return client.deaf(),
            }
        }
        const length: u32 = @intCast(message.len);
        if (!client.queue.append(&.{ std.mem.asBytes(&length), message })) client.deaf();
    }

    /// Takes nothing any more. What it has sent is still read, up to its end of file.
    fn deaf(client: *Client) void {
        client.streams &= takes_stdin;
        client.queue.free();
    }

    pub noinline fn flush(client: *Client) void {
        while (!client.queue.empty()) {
            const pending = client.queue.pending();
            const length = std.mem.readInt(u32, pending[0..4], .little);
            switch (sys.errno(socket.send(client.watch.fd, pending[4..][0..length]))) {
                .SUCCESS => client.queue.consume(4 + length),
                .INTR => {},
                .AGAIN => return,
                else => return client.deaf(),
            }
        }
    }

    pub noinline fn close(client: *Client) void {
        client.watch.close();
        client.queue.free();
        client.streams = 0;
        client.told = false;
        client.planned = false;
        client.cleans = false;
    }
};

pub fn accept(m: *Monitor) void {
    const place = for (&m.clients, 0..) |*client, index| {
        if (client.watch.fd < 0) break index;
    } else return;
    const rc = sys.accept4(m.listener.fd, null, null, sys.SOCK.CLOEXEC | sys.SOCK.NONBLOCK);
    if (sys.errno(rc) == .SUCCESS) _ = add(m, place, @intCast(rc));
}

pub noinline fn add(m: *Monitor, index: usize, fd: i32) *Client {
    const client = &m.clients[index];
    client.* = .{ .watch = .{ .source = .client, .index = @intCast(index), .fd = fd } };
    var message: [3]u8 = .{ 'h', 0, 0 };
    std.mem.writeInt(u16, message[1..3], protocol, .little);
    client.put(&message);
    return client;
}

/// Messages of one client. What somebody types waits until the program takes it; one that is gone must not keep its place so
/// long, and has no more to say than its socket holds.
pub noinline fn read(m: *Monitor, index: u32, gone: bool) void {
    const client = &m.clients[index];
    for (0..16) |_| {
        const waits = !gone and client.streams & takes_stdin != 0 and !m.input.queue.empty();
        if (client.watch.fd < 0 or waits) return;
        m.useBuffers();
        var descriptors: [resolver.descriptor_count]i32 = undefined;
        const got = socket.receive(client.watch.fd, m.buffer[0..max_message], &descriptors, false) catch {
            if (linux.failure.errno == @backingInt(sys.E.AGAIN)) return;
            return leave(m, client);
        };
        if (got.length > 0 and m.buffer[0] == 'n') offer(m, client, got.descriptors) else for (got.descriptors) |fd| linux.close(fd);
        if (got.length == 0) return leave(m, client);
        if (m.buffer[0] == 'p') turn(m, client, m.buffer[1..got.length]);
        handle(m, index, m.buffer[0..got.length]);
    }
}

/// A container that joins its first network with names when it runs.
fn offer(m: *Monitor, client: *Client, descriptors: []const i32) void {
    const taken = m.phase == .running and resolver.take(m, descriptors);
    if (!taken) for (descriptors) |fd| linux.close(fd);
    client.put(&.{ 'n', @intFromBool(taken) });
}

/// A container whose networks have changed: before somebody else can have the address that its ports led to.
fn turn(m: *Monitor, client: *Client, address: []const u8) void {
    proxy.turn(m, address);
    client.put("p");
}

/// A client that is gone, or is to be.
pub noinline fn leave(m: *Monitor, client: *Client) void {
    const index = client.watch.index;
    client.close();
    m.feederEnded(.{ .client = index });
}

fn handle(m: *Monitor, index: u32, message: []const u8) void {
    const client = &m.clients[index];
    const rest = message[1..];
    switch (message[0]) {
        'a' => if (rest.len >= 1) hello(m, index, rest[0]),
        'i' => if (client.streams & takes_stdin != 0 and m.open_stdin) m.input.put(rest),
        'c' => client.cleans = true,
        'd' => m.cleaned = m.cleaned or client.cleans,
        'e' => m.feederEnded(.{ .client = index }),
        'l' => ending.giveUpWaiting(m),
        'w' => if (rest.len >= 4 and m.input.terminal and m.input.watch.fd >= 0) {
            const size = [4]u16{ std.mem.readInt(u16, rest[0..2], .little), std.mem.readInt(u16, rest[2..4], .little), 0, 0 };
            _ = sys.ioctl(m.input.watch.fd, 0x5414, @intFromPtr(&size)); // TIOCSWINSZ
        },
        else => {}, // 'x' says nothing that is not known: everybody is told of the end
    }
    // Who comes after the end learns it at once.
    if (m.told and (message[0] == 'a' or message[0] == 'x' or message[0] == 'c')) tell(m, client);
}

pub fn hello(m: *Monitor, index: u32, flags: u8) void {
    m.clients[index].streams = flags & 7;
    if (flags & takes_stdin != 0 and m.feeder == .nobody) m.feeder = .{ .client = index };
}

pub fn tell(m: *const Monitor, client: *Client) void {
    if (client.told) return;
    client.told = true;
    client.put(&.{ 'x', m.code, @intFromBool(m.oom) });
}

/// Whether somebody said that it would clean up, and is there.
pub fn awaitsCleaner(m: *const Monitor) bool {
    for (&m.clients) |*client| if (client.watch.fd >= 0 and client.cleans) return true;
    return false;
}

/// The end, to those that clean up.
pub fn tellCleaners(m: *const Monitor, clients: []Client) void {
    for (clients) |*client| if (client.cleans) tell(m, client);
}

/// The end, to everybody that is connected, also those that have not been accepted yet.
pub fn tellAll(m: *Monitor) void {
    m.told = true;
    for (&m.clients) |*client| tell(m, client);
}
