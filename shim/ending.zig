//! The end of a container or an exec'd process, in the order on which crash safety rests: the cgroup
//! is empty, the streams are emptied, the exit record is there, waiters are told, the client is told, the mount namespace is closed, the run
//! lock is released, and somebody cleans up. None of that waits for a reader.
const std = @import("std");
const attach = @import("attach.zig");
const clock = @import("clock.zig");
const health = @import("health.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const proxy = @import("proxy.zig");
const report = @import("report.zig");
const resolver = @import("resolver.zig");
const stream = @import("stream.zig");
const record = @import("record.zig");
const sys = linux.sys;

pub const Phase = enum {
    running,
    /// The end is recorded and told. Who cleans up is waited for, for a while.
    told,
    /// The cleanup that the monitor has started is waited for, for a while.
    cleaning,
    /// It has said when it is to be run again: the container's policy starts it anew then. Nothing of it is held meanwhile.
    waiting,
    /// Nothing of the container is held any more. Readers get what is left for them, as long as they take it; then the monitor ends.
    leaving,
};

/// So long the mounts stay for a client that cleans up: their last unmount keeps the disk busy, and the client writes to it.
const mounts_ms = 2_000;

/// So long whoever said that it would clean up is waited for; then the monitor does it. No reader is ever waited for.
const client_ms = 10_000;

/// So long the monitor's own cleanup is waited for: an upper directory may be large.
const cleanup_ms = 120_000;

pub fn begin(m: *Monitor, code: u8) void {
    if (m.phase != .running) return;
    m.phase = .told;
    m.timers.start(.mounts, mounts_ms);
    m.timers.start(.cleanup, client_ms);
    m.code = code;
    m.group.killAll();
    for ([_]u1{ 0, 1 }) |index| emptyOutput(m, index);
    m.discards = true;
    health.end(m);
    resolver.end(m);
    proxy.end(m);
    m.input.close();
    m.handed_input.drop();
    if (m.log) |*log| log.finish();
    for (m.kept.hold) |fd| linux.close(fd);
    m.kept.hold.len = 0;
    m.oom = m.oom_events >= 0 and oomKilled(m.oom_events);
    const recorded = m.ready and m.record >= 0 and record.writeExit(m);
    // From here on the log may be the next run's.
    if (m.log) |*log| log.close();
    m.log = null;
    // Held mounts are closed when the client has cleaned up: an overlay's last unmount writes back its whole upper file
    // system. Without a record "exited" is the lock's word: it must be free before anybody is told.
    if (!recorded or !m.hold_mounts) release(m);
    m.dropEmpty();
    // A container that never ran has no waiters but its own client.
    if (m.tell_after_cleanup) {
        attach.tellCleaners(m, &m.clients);
        // The client that cleans up does so when it has learned of the end: the plan's client is the first.
        if (m.client_cleans and m.clients[0].planned) attach.tell(m, &m.clients[0]);
    } else attach.tellAll(m);
    tellClient(m);
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

/// Goes on as far as it can: release and cleanup on one track, bounded by time; what readers have not taken on the other,
/// bounded by what a queue holds and by the time in which a reader takes nothing (stream.zig).
pub fn proceed(m: *Monitor) void {
    if (m.phase == .running) return;
    m.dropEmpty();
    if (m.phase == .told) {
        const somebody = m.channel.fd >= 0 or attach.awaitsCleaner(m);
        const awaited = !m.cleaned and somebody and m.timers.isSet(.cleanup);
        if (awaited and m.run_lock >= 0 and m.timers.isSet(.mounts)) return;
        release(m);
        if (awaited) return;
        clean(m);
    }
    if (m.phase == .waiting) {
        if (m.timers.isSet(.again)) return;
        clean(m);
    }
    if (m.phase == .cleaning) {
        if (m.cleaner.fd >= 0 and m.timers.isSet(.cleanup)) return;
        if (m.again) |doublings| {
            m.again = null;
            m.phase = .waiting;
            m.timers.start(.again, @min(@as(u64, again_ms) << doublings, again_max_ms));
            return;
        }
        m.phase = .leaving;
        attach.tellAll(m);
        while (m.listener.fd >= 0 and acceptWaiting(m)) {}
        m.listener.close();
    }
    leave(m);
}

fn clean(m: *Monitor) void {
    m.phase = .cleaning;
    m.timers.stop(.cleanup);
    m.timers.start(.cleanup, cleanup_ms);
    if (!m.cleaned) cleanUp(m);
}

/// Somebody has dealt with a container that was to be started again: that is nobody's business any more.
pub fn giveUpWaiting(m: *Monitor) void {
    if (m.phase != .waiting) return;
    m.timers.stop(.again);
    m.cleaned = true;
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
    if (!proxy.isThrough(m)) return;
    for (&m.clients) |*client| {
        if (!client.queue.empty()) return;
    }
    for (&m.handed_outputs) |*output| {
        if (!output.queue.empty()) return;
    }
    if (m.outputs[0].fd >= 0 or m.outputs[1].fd >= 0) return;
    sys.exit_group(0);
}

/// `exited` is said when nothing that the client may do next stands in the way.
fn tellClient(m: *Monitor) void {
    if (m.channel.fd < 0) return;
    const pending = !m.handed_outputs[0].queue.empty() or !m.handed_outputs[1].queue.empty();
    const rc = report.send(m.channel.fd, .{ .exited = .{ .code = m.code, .oom = m.oom, .pending = pending } }, &.{});
    if (sys.errno(rc) != .SUCCESS) m.channel.close(); // no word can reach the client: its end of file must
}

noinline fn release(m: *Monitor) void {
    if (m.run_lock < 0) return;
    linux.close(m.mounts);
    linux.close(m.run_lock);
    m.mounts = -1;
    m.run_lock = -1;
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

/// A cleanup that ends with this status and n more is run again, 100 ms × 2^n later: moby's back-off (restartmanager).
const again_status = 64;
const again_ms = 100;
const again_max_ms = 60_000;

/// Executes the cleanup; its end is an event.
fn cleanUp(m: *Monitor) void {
    if (m.kept.cleanup.len == 0) return;
    const rc = linux.clone(0, null, &m.cleaner.fd);
    if (sys.errno(rc) != .SUCCESS) {
        m.cleaner.fd = -1;
        return;
    }
    if (rc != 0) {
        m.cleaner_pid = @intCast(rc);
        return;
    }
    linux.defaultSignals();
    linux.closeFrom(3) catch sys.exit_group(127);
    _ = sys.execve(m.kept.cleanup[0].?, m.kept.cleanup.ptr, m.kept.cleanup_environment.ptr);
    sys.exit_group(127); // mdk's file is gone: the next command finds the exit record
}

pub fn cleanedUp(m: *Monitor) void {
    var status: u32 = 0;
    const rc = linux.wait(m.cleaner_pid, &status, sys.W.NOHANG);
    m.cleaner.close();
    if (sys.errno(rc) == .SUCCESS and rc != 0) m.again = doublingsOf(status);
}

/// Null: it need not be run again.
fn doublingsOf(status: u32) ?u5 {
    const exited = status & 0x7f == 0;
    const code = status >> 8 & 0xff;
    return if (exited and code >= again_status and code < again_status + 16) @intCast(code - again_status) else null;
}

test "a cleanup's status says whether, and when, it is run again" {
    try std.testing.expectEqual(null, doublingsOf(0));
    try std.testing.expectEqual(null, doublingsOf(1 << 8));
    try std.testing.expectEqual(null, doublingsOf(9)); // killed
    try std.testing.expectEqual(0, doublingsOf(64 << 8));
    try std.testing.expectEqual(10, doublingsOf(74 << 8));
    try std.testing.expectEqual(null, doublingsOf(80 << 8));
    try std.testing.expectEqual(null, doublingsOf(125 << 8));
}

test "the kernel's count of processes killed for memory" {
    try std.testing.expectEqual(0, oomCount("low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\n"));
    try std.testing.expectEqual(2, oomCount("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"));
    try std.testing.expectEqual(0, oomCount(""));
}
