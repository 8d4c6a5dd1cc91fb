//! The monitor's loop: says what is to be waited for, waits, and passes each event to the one it concerns.
const std = @import("std");
const attach = @import("attach.zig");
const cage = @import("cage.zig");
const ending = @import("ending.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const socket = @import("socket.zig");
const stream = @import("stream.zig");
const watch = @import("watch.zig");
const sys = linux.sys;

/// Buffers that were used are given back when nothing happened for so long.
const idle_ms = 1000;
/// How often a pty whose other side is closed is looked at again.
const retry_ms = 500;

pub fn serve(m: *Monitor) noreturn {
    while (true) {
        const busy = express(m);
        const timeout: i32 = if (busy) 0 else if (m.terminal_idle) retry_ms else if (m.buffers_used) idle_ms else -1;
        var events: [16]sys.epoll_event = undefined;
        const rc = sys.epoll_pwait(m.epoll, &events, events.len, timeout, null);
        const count: usize = if (sys.errno(rc) == .SUCCESS) rc else 0;
        for (events[0..count]) |event| dispatch(m, event);
        if (busy) stream.readHandedInput(m);
        if (count == 0 and !busy) rest(m);
        if (m.phase == .running) stream.tellCut(m);
        ending.proceed(m);
    }
}

/// Sets what each descriptor is waited for. True: one of them is always ready and wants its turn.
fn express(m: *Monitor) bool {
    const running = m.phase == .running;
    const input_free = m.input.queue.empty();
    m.up.want(m.epoll, watch.in);
    m.channel.want(m.epoll, watch.in);
    m.process.want(m.epoll, if (running) watch.in else 0);
    var free = false;
    for (&m.clients) |*client| {
        free = free or client.watch.fd < 0;
        const typed = client.streams & attach.takes_stdin == 0 or input_free;
        client.watch.want(m.epoll, (if (typed) watch.in else 0) | (if (client.queue.empty()) 0 else watch.out));
    }
    m.listener.want(m.epoll, if (free) watch.in else 0);
    for (&m.outputs, &m.handed_outputs, 0..) |*output, *handed, index| {
        const read = m.discards or (!m.terminal_idle and !stream.heldBack(m, @intCast(index)));
        output.want(m.epoll, if (read) watch.in else 0);
        handed.watch.want(m.epoll, if (handed.queue.empty()) 0 else watch.out);
    }
    m.input.watch.want(m.epoll, if (input_free) 0 else watch.out);
    const feed = running and input_free and m.input.watch.fd >= 0;
    m.handed_input.watch.want(m.epoll, if (feed) watch.in else 0);
    return feed and m.handed_input.watch.fd >= 0 and m.handed_input.watch.always;
}

fn dispatch(m: *Monitor, event: sys.epoll_event) void {
    const data = event.data.u64;
    const index: u32 = @truncate(data);
    switch (@as(watch.Source, @fromBackingInt(@as(u32, @intCast(data >> 32))))) {
        .up => fromBelow(m),
        .channel => fromChannel(m),
        .listener => attach.accept(m),
        .client => {
            m.clients[index].flush();
            attach.read(m, index);
        },
        .output => _ = stream.readOutput(m, @intCast(index)),
        .handed_output => m.handed_outputs[index].flush(),
        .input => m.input.flush(),
        .handed_input => stream.readHandedInput(m),
        .process => processEnded(m),
    }
}

/// Messages of init and cage. Their end says nothing: it comes at init's execve already (the cage holds the other copy),
/// and a killed cage closes it before the kernel has killed what is in it.
fn fromBelow(m: *Monitor) void {
    var bytes: [8]u8 = undefined;
    var descriptors: [1]i32 = .{-1};
    while (m.up.fd >= 0) {
        const got = socket.receive(m.up.fd, &bytes, &descriptors, false) catch |err| switch (err) {
            error.Failed => {
                if (linux.failure.errno == @backingInt(sys.E.AGAIN)) return;
                return m.up.close();
            },
        };
        if (got.length == 0) return m.up.close();
        const came: i32 = if (got.descriptors.len == 1) got.descriptors[0] else -1;
        switch (bytes[0]) {
            cage.Up.master => terminalCame(m, came),
            cage.Up.mounts => m.mounts = came,
            cage.Up.process => if (came >= 0) {
                m.process.close();
                m.process.fd = came;
                // Its last act was to say so.
                var status: u32 = 0;
                _ = linux.wait(m.forerunner, &status, 0);
            },
            cage.Up.ready => {
                m.ready = true;
                // The command does the same; the container has started even if it is killed now.
                if (m.record >= 0) _ = sys.renameat(m.record, "state.new", m.record, "state.json");
                // From here on nobody waits at the other end who would clean up.
                if (!m.client_cleans) m.channel.close();
            },
            cage.Up.status => ending.begin(m, bytes[1]),
            else => {},
        }
    }
}

/// One descriptor to read from and a duplicate to write to: they are waited for separately.
fn terminalCame(m: *Monitor, master: i32) void {
    if (master < 0) return;
    linux.setNonblocking(master);
    m.outputs[0].fd = master;
    const rc = sys.fcntl(master, 1030, 3); // F_DUPFD_CLOEXEC
    if (sys.errno(rc) == .SUCCESS) m.input.watch.fd = @intCast(rc);
}

fn fromChannel(m: *Monitor) void {
    var byte: [1]u8 = undefined;
    const rc = sys.recvfrom(m.channel.fd, &byte, 1, sys.MSG.DONTWAIT, null, null);
    switch (sys.errno(rc)) {
        .AGAIN, .INTR => return,
        .SUCCESS => if (rc == 1) {
            m.cleaned = m.cleaned or byte[0] == 'd';
            return;
        },
        else => {},
    }
    // The client is gone, and with it those whose descriptors it handed over.
    m.channel.close();
    m.handed_outputs[0].drop();
    m.handed_outputs[1].drop();
    m.handed_input.drop();
    m.feederEnded(.handed);
}

/// An exec'd process, or the cage with everything in it, is dead. A cage that has not said how init ended was killed.
fn processEnded(m: *Monitor) void {
    fromBelow(m);
    var status: u32 = 0;
    const rc = linux.wait(-1, &status, sys.W.NOHANG);
    if (sys.errno(rc) != .SUCCESS or rc == 0) return;
    ending.begin(m, if (m.contains_cage) 137 else cage.shellStatus(status));
}

fn rest(m: *Monitor) void {
    m.terminal_idle = false;
    if (!m.buffers_used) return;
    m.buffers_used = false;
    linux.forgetMemory(m.buffer);
    if (m.log) |*log| log.idle();
    m.input.queue.trim();
    for (&m.handed_outputs) |*handed| handed.queue.trim();
    for (&m.clients) |*client| client.queue.trim();
}
