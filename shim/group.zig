//! The processes of a container that has no pid namespace of its own: known and killed by their cgroup.
const std = @import("std");
const linux = @import("linux.zig");
const plan = @import("plan.zig");
const sys = linux.sys;

pub const Group = struct {
    /// Its cgroup.procs; -1: the container has a pid namespace of its own, and its end is enough.
    procs: i32 = -1,
    /// Its cgroup.kill; -1: this kernel has none.
    kill: i32 = -1,

    pub fn of(monitor: *const plan.Monitor) Group {
        return .{
            .procs = if (monitor.procs) |fd| linux.number(fd) else -1,
            .kill = if (monitor.kill) |fd| linux.number(fd) else -1,
        };
    }

    /// Every process of it, until there is none. Orphans have become the caller's children (PR_SET_CHILD_SUBREAPER): a zombie that waits
    /// for a PID 1 that reaps nobody would keep the pid namespace that it is in from ending.
    pub fn killAll(group: *const Group) void {
        if (group.procs < 0) return;
        group.killListed();
        var status: u32 = 0;
        while (true) {
            const rc = linux.wait(-1, &status, sys.W.NOHANG);
            if (sys.errno(rc) != .SUCCESS or rc == 0) return;
        }
    }

    /// Bounded: one that hangs in the kernel cannot be waited for.
    fn killListed(group: *const Group) void {
        var delay_us: isize = 200;
        for (0..200) |_| {
            var text: [4096]u8 = undefined;
            const rc = sys.pread(group.procs, &text, text.len, 0);
            const listed = sys.errno(rc) == .SUCCESS and rc > 0;
            // What is in groups below it is not listed, and dies all the same.
            if (group.kill >= 0) _ = sys.pwrite(group.kill, "1", 1, 0);
            if (!listed) return;
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
};
