//! The program's standard streams between its pipes (or pty) and those who read and write them: the log, the attached
//! clients and the descriptors of a foreground client. Nobody is waited for: what a reader does not take is queued, and
//! while it has a queue the program's pipe is not read: a reader that is slow gets everything. One that takes nothing at
//! all for the plan's `reader_ms` is dropped, while the program runs and after it: the log says so, and the program goes on.
const std = @import("std");
const attach = @import("attach.zig");
const linux = @import("linux.zig");
const plan = @import("plan.zig");
const report = @import("report.zig");
const Monitor = @import("monitor.zig").Monitor;
const queues = @import("queue.zig");
const Queue = queues.Queue;
const watch = @import("watch.zig");
const sys = linux.sys;

/// A client whose output nobody reads is told, as a program would be by SIGPIPE. The container's program goes on.
pub fn tellCut(m: *Monitor) void {
    for (&m.handed_outputs) |*h| {
        if (h.broken) sayCut(m, false);
        h.broken = false;
    }
}

fn sayCut(m: *Monitor, stalled: bool) void {
    if (m.phase != .running or !m.client_cleans or m.channel.fd < 0) return;
    _ = report.send(m.channel.fd, .{ .cut = .{ .stalled = stalled } }, &.{});
}

/// So soon a reader that has to be waited for is looked at first.
const first_look_ms = 1000;

/// Some reader has a queue.
pub fn watchReader(m: *Monitor) void {
    m.timers.start(.readers, @min(m.reader_ms, first_look_ms));
}

/// Drops those that have taken nothing for too long, and comes back when the next one may have.
pub fn dropStalled(m: *Monitor) void {
    var next: ?u64 = null;
    for (&m.handed_outputs) |*h| {
        if (h.queue.empty()) continue;
        const stalled = h.queue.stalled(h.watch.fd, if (h.socket) queues.unread_of_socket else queues.unread_of_pipe);
        if (stalled < m.reader_ms) {
            next = @min(next orelse m.reader_ms, m.reader_ms - stalled);
            continue;
        }
        h.drop();
        noteStalled(m, true);
    }
    for (&m.clients) |*client| {
        if (client.queue.empty()) continue;
        const stalled = client.queue.stalled(client.watch.fd, queues.unread_of_socket);
        if (stalled < m.reader_ms) {
            next = @min(next orelse m.reader_ms, m.reader_ms - stalled);
            continue;
        }
        const planned = client.planned;
        attach.leave(m, client);
        noteStalled(m, planned);
    }
    if (next) |milliseconds| m.timers.start(.readers, milliseconds);
}

/// `own`: the reader was the client's that started the container.
noinline fn noteStalled(m: *Monitor, own: bool) void {
    if (own) sayCut(m, true);
    const log = if (m.log) |*log| log else return;
    var buffer: [100]u8 = undefined;
    const text = linux.decimal(&buffer, "a reader that took nothing for ", m.reader_ms / 1000);
    const rest = " s was dropped: what follows is in the log only";
    @memcpy(buffer[text.len..][0..rest.len], rest);
    log.say(buffer[0 .. text.len + rest.len]);
}

/// A client's descriptor that was handed over with the plan.
pub const Handed = struct {
    watch: watch.Watch,
    socket: bool = false,
    queue: Queue = .{},
    /// The reader is gone, and the client has not been told.
    broken: bool = false,

    /// Pipes and devices are opened anew, so that O_NONBLOCK is ours alone; sockets cannot be and take MSG_DONTWAIT;
    /// files never block, and their offset is shared with the client for a reason.
    pub fn open(h: *Handed, fd: ?plan.Fd, mode: std.posix.ACCMODE) void {
        const given = linux.number(fd orelse return);
        const stat = linux.stat(given) catch return;
        h.watch.fd = given;
        switch (stat.mode & 0o170000) {
            0o140000 => h.socket = true,
            0o010000, 0o020000 => {
                var buffer: [40]u8 = undefined;
                const flags: sys.O = .{ .ACCMODE = mode, .NONBLOCK = true, .NOCTTY = true, .CLOEXEC = true };
                const rc = sys.openat(linux.AT_FDCWD, linux.fdPath(&buffer, given), flags, 0);
                if (sys.errno(rc) == .SUCCESS) {
                    h.watch.fd = @intCast(rc);
                    linux.close(given);
                }
            },
            else => {},
        }
    }

    /// Gives it up: the client is gone, or does not listen any more.
    pub fn drop(h: *Handed) void {
        h.watch.close();
        h.queue.free();
    }

    fn put(h: *Handed, bytes: []const u8) void {
        if (h.watch.fd < 0) return;
        const written = if (h.queue.empty()) h.write(bytes) else 0;
        if (!h.queue.append(&.{bytes[written..]})) h.drop();
    }

    pub fn flush(h: *Handed) void {
        if (h.watch.fd < 0) return;
        const written = h.write(h.queue.pending());
        if (h.watch.fd >= 0) h.queue.consume(written); // given up, it has no queue any more
    }

    fn write(h: *Handed, bytes: []const u8) usize {
        var done: usize = 0;
        while (done < bytes.len) {
            const rest = bytes[done..];
            const rc = if (h.socket)
                sys.sendto(h.watch.fd, rest.ptr, rest.len, sys.MSG.DONTWAIT | sys.MSG.NOSIGNAL, null, 0)
            else
                sys.write(h.watch.fd, rest.ptr, rest.len);
            switch (sys.errno(rc)) {
                .SUCCESS => done += rc,
                .INTR => {},
                .AGAIN => return done,
                else => |failure| {
                    h.broken = failure == .PIPE or failure == .CONNRESET;
                    h.drop();
                    return bytes.len;
                },
            }
        }
        return done;
    }
};

/// What flows to the program.
pub const Input = struct {
    watch: watch.Watch = .{ .source = .input },
    queue: Queue = .{},
    /// No more comes: closed when the queue is empty.
    ended: bool = false,
    terminal: bool = false,

    pub fn put(input: *Input, bytes: []const u8) void {
        if (input.watch.fd < 0 or input.ended) return;
        const written = if (input.queue.empty()) input.write(bytes) else 0;
        _ = input.queue.append(&.{bytes[written..]});
    }

    pub fn flush(input: *Input) void {
        if (input.watch.fd >= 0) input.queue.consume(input.write(input.queue.pending()));
        if (input.ended and input.queue.empty()) input.close();
    }

    pub fn end(input: *Input) void {
        if (input.terminal) return; // a terminal has no end of file
        input.ended = true;
        if (input.queue.empty()) input.close();
    }

    pub fn close(input: *Input) void {
        input.watch.close();
        input.queue.free();
    }

    fn write(input: *Input, bytes: []const u8) usize {
        var done: usize = 0;
        while (done < bytes.len) {
            const rc = sys.write(input.watch.fd, bytes.ptr + done, bytes.len - done);
            switch (sys.errno(rc)) {
                .SUCCESS => done += rc,
                .INTR => {},
                .AGAIN => return done,
                else => { // the program does not read any more
                    input.watch.close();
                    return bytes.len;
                },
            }
        }
        return done;
    }
};

/// How often a pty whose other side is closed is looked at again.
const terminal_ms = 500;

pub const ReadResult = enum { data, nothing, end };

/// One read of the program's output, passed on to all.
pub noinline fn readOutput(m: *Monitor, index: u1) ReadResult {
    const source = &m.outputs[index];
    if (source.fd < 0) return .end;
    m.useBuffers();
    const rc = sys.read(source.fd, m.buffer.ptr + 1, m.buffer.len - 1);
    switch (sys.errno(rc)) {
        .SUCCESS => {},
        .INTR => return .data,
        .AGAIN => return .nothing,
        else => { // EIO of a pty: nobody has its other side open; somebody may open it again
            if (m.input.terminal) {
                source.want(m.epoll, 0);
                m.timers.start(.terminal, terminal_ms);
            } else source.close();
            return .end;
        },
    }
    if (rc == 0) {
        source.close();
        return .end;
    }
    deliver(m, index, m.buffer[0 .. rc + 1]);
    return .data;
}

/// `message` has room for a client's message kind before the output.
fn deliver(m: *Monitor, index: u1, message: []u8) void {
    if (m.discards) return;
    if (m.log) |*log| log.write(@fromBackingInt(index), message[1..]);
    m.handed_outputs[index].put(message[1..]);
    message[0] = if (index == 0) 'o' else 'r';
    for (&m.clients) |*client| {
        if (client.takes(index)) client.put(message);
    }
}

/// Somebody who reads this stream has a queue: the program is to wait.
pub fn heldBack(m: *const Monitor, index: u1) bool {
    if (!m.handed_outputs[index].queue.empty()) return true;
    for (&m.clients) |*client| {
        if (client.takes(index) and !client.queue.empty()) return true;
    }
    return false;
}

pub fn readHandedInput(m: *Monitor) void {
    const h = &m.handed_input;
    if (h.watch.fd < 0 or !m.input.queue.empty()) return;
    m.useBuffers();
    const rc = if (h.socket)
        sys.recvfrom(h.watch.fd, m.buffer.ptr, m.buffer.len, sys.MSG.DONTWAIT, null, null)
    else
        sys.read(h.watch.fd, m.buffer.ptr, m.buffer.len);
    switch (sys.errno(rc)) {
        .SUCCESS => if (rc > 0) return m.input.put(m.buffer[0..rc]),
        .INTR, .AGAIN => return,
        else => {},
    }
    h.drop();
    m.feederEnded(.handed);
}

test "a reader that goes while bytes wait for it holds the program back no longer" {
    var pair: [2]i32 = undefined;
    _ = try linux.check(sys.socketpair(sys.AF.UNIX, sys.SOCK.STREAM | sys.SOCK.CLOEXEC, 0, &pair), "socketpair", "");
    var handed: Handed = .{ .watch = .{ .source = .handed_output, .fd = pair[0] }, .socket = true };
    const bytes: [1 << 16]u8 = @splat('x');
    for (0..16) |_| handed.put(&bytes);
    try std.testing.expect(!handed.queue.empty());
    linux.close(pair[1]);
    handed.flush();
    try std.testing.expect(handed.broken);
    try std.testing.expect(handed.queue.empty());
}
