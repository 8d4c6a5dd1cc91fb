//! The end of a container or an exec'd process, in the order on which crash safety rests: the streams are emptied, the
//! cgroup is empty, the exit record is there, waiters are told, the client is told, the mount namespace is closed, the run
//! lock is released, and somebody cleans up.
const std = @import("std");
const attach = @import("attach.zig");
const clock = @import("clock.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const report = @import("report.zig");
const stream = @import("stream.zig");
const sys = linux.sys;

pub const Phase = enum {
    running,
    /// What a foreground client has not read yet is still being written.
    flushing,
    /// The client was told and may say that it has cleaned up.
    told,
    /// Attached clients get their last messages; then the monitor ends.
    leaving,
};

/// So long the mounts stay for a client that cleans up: their last unmount keeps the disk busy, and the client writes to it.
const holding_ms = 2_000;

/// So long a client that takes nothing is waited for at the very end.
const patience_ms = 10_000;

pub fn begin(m: *Monitor, code: u8) void {
    if (m.phase != .running) return;
    m.phase = .flushing;
    m.code = code;
    for ([_]u1{ 0, 1 }) |index| emptyOutput(m, index);
    m.discards = true;
    m.input.close();
    m.handed_input.drop();
    if (m.log) |*log| log.finish();
    if (m.procs >= 0) killAll(m.procs);
    for (m.kept.hold) |fd| linux.close(fd);
    m.kept.hold.len = 0;
    m.oom = m.oom_events >= 0 and oomKilled(m.oom_events);
    // Without a record "exited" is the lock's word: it must be free before anybody is told.
    if (m.ready and m.record >= 0 and !writeRecord(m)) release(m);
    // A container that never ran has no waiters but its own client.
    if (!m.tell_after_cleanup) return attach.tellAll(m);
    attach.tellCleaners(m, &m.clients);
    // The client that cleans up does so when it has learned of the end: the plan's client is the first.
    if (m.client_cleans and m.clients[0].planned) attach.tell(m, &m.clients[0]);
}

/// Most reads that empty a pipe: none takes less than a page of it, unless that is the last. A pty has less.
fn readsToEmpty(fd: i32) usize {
    const rc = sys.fcntl(fd, 1032, 0); // F_GETPIPE_SZ
    return if (sys.errno(rc) == .SUCCESS) rc / 4096 + 1 else 1024;
}

/// What the program has written before its end, and no more than was there then: a container's processes are all dead, but may
/// have given their pipe to somebody who goes on writing. Those that an exec'd process has left behind must not die of that:
/// their pipes are read to their end (`leave`), and discarded.
fn emptyOutput(m: *Monitor, index: u1) void {
    for (0..readsToEmpty(m.outputs[index].fd)) |_| {
        if (stream.readOutput(m, index) != .data) break;
    }
    if (m.contains_cage or m.input.terminal) m.outputs[index].close();
}

/// Goes on as far as it can.
pub fn proceed(m: *Monitor) void {
    if (m.phase == .flushing) {
        const flushed = m.handed_outputs[0].queue.empty() and m.handed_outputs[1].queue.empty();
        if (!flushed and m.channel.fd >= 0) return;
        // Whoever reads the client's output waits for its end too: it must not have to wait for the mounts.
        for (&m.handed_outputs) |*output| output.drop();
        tellClient(m);
        m.phase = .told;
        m.deadline = clock.monotonicMilliseconds() + holding_ms;
    }
    if (m.phase == .told) {
        const awaited = !m.cleaned and (m.channel.fd >= 0 or attach.awaitsCleaner(m));
        if (awaited and m.run_lock >= 0 and clock.monotonicMilliseconds() < m.deadline) {
            m.buffers_used = true; // wakes up within a second
            return;
        }
        release(m);
        if (awaited) return;
        if (!m.cleaned and m.kept.cleanup.len > 0) cleanUp(m);
        m.phase = .leaving;
        m.deadline = clock.monotonicMilliseconds() + patience_ms;
        attach.tellAll(m);
        while (m.listener.fd >= 0 and acceptWaiting(m)) {}
    }
    if (m.phase == .leaving) leave(m);
}

/// One of those that no place was free for while the program ran; who has got all of its messages makes room.
fn acceptWaiting(m: *Monitor) bool {
    const free = for (&m.clients) |*client| {
        if (client.watch.fd < 0) break client;
    } else for (&m.clients) |*client| {
        if (!client.queue.empty()) continue;
        client.close();
        break client;
    } else return false;
    attach.accept(m);
    attach.tell(m, free);
    return free.watch.fd >= 0;
}

fn leave(m: *Monitor) void {
    m.listener.close();
    const patient = clock.monotonicMilliseconds() < m.deadline;
    for (&m.clients) |*client| {
        if (!patient or client.queue.empty()) continue;
        m.buffers_used = true; // wakes up within a second
        return;
    }
    if (m.outputs[0].fd >= 0 or m.outputs[1].fd >= 0) return;
    sys.exit_group(0);
}

/// `exited` is said when nothing that the client may do next stands in the way. Where the mount namespace was held,
/// closing it may take long (an overlay's last unmount writes back its whole upper file system): then it comes when the
/// client has cleaned up, and the run lock, which those wait for who mount the upper again, after that.
fn tellClient(m: *Monitor) void {
    const held = m.hold_mounts and m.ready;
    if (!held) release(m);
    if (m.channel.fd < 0) return;
    const rc = report.send(m.channel.fd, .{ .exited = .{ .code = m.code, .oom = m.oom } }, &.{});
    if (sys.errno(rc) != .SUCCESS) m.channel.close(); // no word can reach the client: its end of file must
}

fn release(m: *Monitor) void {
    if (m.run_lock < 0) return;
    linux.close(m.mounts);
    linux.close(m.run_lock);
    m.mounts = -1;
    m.run_lock = -1;
}

/// `exit` in the record directory: written aside and renamed into place. False: there is no space for it.
fn writeRecord(m: *const Monitor) bool {
    var time: [clock.max_length]u8 = undefined;
    const finished = clock.now(&time);
    var buffer: [128]u8 = undefined;
    var length = linux.decimal(&buffer, "{\"version\":1,\"code\":", m.code).len;
    for ([_][]const u8{ if (m.oom) ",\"oom\":true,\"finished\":\"" else ",\"oom\":false,\"finished\":\"", finished, "\"}\n" }) |part| {
        @memcpy(buffer[length..][0..part.len], part);
        length += part.len;
    }
    const flags: sys.O = .{ .ACCMODE = .WRONLY, .CREAT = true, .TRUNC = true, .CLOEXEC = true, .NOFOLLOW = true };
    const file = linux.checkFd(sys.openat(m.record, "exit.tmp", flags, 0o600), "openat", "exit") catch return false;
    const rc = sys.write(file, &buffer, length);
    linux.close(file);
    return sys.errno(rc) == .SUCCESS and rc == length and
        sys.errno(sys.renameat(m.record, "exit.tmp", m.record, "exit")) == .SUCCESS;
}

/// Every process that the file names, until there is none. Bounded: one that hangs in the kernel cannot be waited for.
fn killAll(procs: i32) void {
    var delay_us: isize = 200;
    for (0..200) |_| {
        var text: [4096]u8 = undefined;
        const rc = sys.pread(procs, &text, text.len, 0);
        if (sys.errno(rc) != .SUCCESS or rc == 0) return;
        var lines = std.mem.tokenizeScalar(u8, text[0..rc], '\n');
        while (lines.next()) |line| {
            const pid = std.fmt.parseInt(i32, line, 10) catch continue;
            if (pid > 1) _ = sys.kill(pid, .KILL); // 0: a process of another pid namespace, and 0 would be all of ours
        }
        const pause: sys.timespec = .{ .sec = 0, .nsec = delay_us * 1000 };
        _ = sys.nanosleep(&pause, null);
        delay_us = @min(delay_us * 2, 50_000);
    }
}

/// v2 memory.events and v1 memory.oom_control have a line "oom_kill N".
fn oomKilled(file: i32) bool {
    var text: [1024]u8 = undefined;
    const rc = sys.pread(file, &text, text.len, 0);
    return sys.errno(rc) == .SUCCESS and oomCount(text[0..rc]) > 0;
}

fn oomCount(text: []const u8) u64 {
    var lines = std.mem.splitScalar(u8, text, '\n');
    while (lines.next()) |line| {
        const value = std.mem.cutPrefix(u8, line, "oom_kill ") orelse continue;
        return std.fmt.parseInt(u64, value, 10) catch 0;
    }
    return 0;
}

/// Executes the cleanup and waits for it.
fn cleanUp(m: *Monitor) void {
    const rc = sys.fork();
    if (sys.errno(rc) != .SUCCESS) return;
    if (rc == 0) {
        linux.defaultSignals();
        linux.closeFrom(3, false);
        _ = sys.execve(m.kept.cleanup[0].?, m.kept.cleanup.ptr, m.kept.cleanup_environment.ptr);
        sys.exit_group(127); // mdk's file is gone: the next command finds the exit record
    }
    var status: u32 = 0;
    _ = linux.wait(@intCast(rc), &status, 0);
}

test "the kernel's count of processes killed for memory" {
    try std.testing.expectEqual(0, oomCount("low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\n"));
    try std.testing.expectEqual(2, oomCount("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"));
    try std.testing.expectEqual(0, oomCount(""));
}
