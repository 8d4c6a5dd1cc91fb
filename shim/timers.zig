//! What is to happen at a time: one deadline a purpose, on the clock that never jumps. Whatever else comes to have a time
//! is one more name here and one more line in `serve`.
const std = @import("std");
const clock = @import("clock.zig");

pub const Timer = enum {
    /// Buffers that were used are given back.
    buffers,
    /// A pty whose other side is closed is looked at again.
    terminal,
    /// Readers that take nothing are looked at.
    readers,
    /// The status of an exec'd process that is dead is asked for again.
    status,
    /// Held mounts are closed, whether the end was dealt with or not.
    mounts,
    /// Who was to clean up is waited for no longer.
    cleanup,
    /// The cleanup is run again: it starts the container anew.
    again,
    /// The next health probe.
    health,
    /// The probe that runs has taken too long.
    probe,
    /// Queries that wait for a name server, and clients of the resolver, are looked at.
    names,
    /// Until then name servers count as alive.
    servers,
    /// Until then no connection to a published port is accepted: the kernel was short of something.
    shortage,
    /// After the container's end: connections whose clients take what it has said are looked at.
    leaving,
    /// Clients of published UDP ports that say nothing any more are forgotten.
    flows,
};

pub const Timers = struct {
    /// Milliseconds of the monotonic clock; 0: not set.
    deadlines: [std.enums.values(Timer).len]u64 = @splat(0),

    /// So many milliseconds from now; one that is set already stays as it is.
    pub noinline fn start(t: *Timers, timer: Timer, milliseconds: u64) void {
        if (!t.isSet(timer)) t.deadlines[@backingInt(timer)] = clock.monotonicMilliseconds() + milliseconds;
    }

    pub fn stop(t: *Timers, timer: Timer) void {
        t.deadlines[@backingInt(timer)] = 0;
    }

    pub fn isSet(t: *const Timers, timer: Timer) bool {
        return t.deadlines[@backingInt(timer)] != 0;
    }

    /// epoll_wait's timeout: milliseconds until the first, -1 when none is set.
    pub fn timeout(t: *const Timers) i32 {
        var first: u64 = 0;
        for (t.deadlines) |deadline| {
            if (deadline != 0 and (first == 0 or deadline < first)) first = deadline;
        }
        if (first == 0) return -1;
        return @intCast(@min(first -| clock.monotonicMilliseconds(), std.math.maxInt(i32)));
    }

    /// One whose time has come, which then is not set any more; null when there is none.
    pub fn due(t: *Timers) ?Timer {
        var now: u64 = 0;
        for (&t.deadlines, 0..) |*deadline, index| {
            if (deadline.* == 0) continue;
            if (now == 0) now = clock.monotonicMilliseconds();
            if (deadline.* > now) continue;
            deadline.* = 0;
            return @fromBackingInt(@intCast(index));
        }
        return null;
    }
};

test "timers come due once, in their own time, and the first one bounds the wait" {
    var timers: Timers = .{};
    try std.testing.expectEqual(-1, timers.timeout());
    timers.start(.mounts, 0);
    timers.start(.buffers, 60_000);
    timers.start(.buffers, 0); // it is set already
    try std.testing.expectEqual(0, timers.timeout());
    try std.testing.expectEqual(.mounts, timers.due());
    try std.testing.expectEqual(null, timers.due());
    try std.testing.expect(timers.timeout() > 50_000 and timers.isSet(.buffers));
    timers.stop(.buffers);
    try std.testing.expectEqual(-1, timers.timeout());
}
