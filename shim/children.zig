//! Children that nobody waits for: reaped in passing, once they have ended.
const std = @import("std");
const linux = @import("linux.zig");
const sys = linux.sys;

pub const Children = struct {
    /// 0: none.
    pids: [8]i32 = @splat(0),

    /// One more; where too many live already it stays a zombie until we end.
    pub fn adopt(children: *Children, pid: i32) void {
        children.reap();
        for (&children.pids) |*place| {
            if (place.* != 0) continue;
            place.* = pid;
            return;
        }
    }

    pub fn reap(children: *Children) void {
        var status: u32 = 0;
        for (&children.pids) |*pid| {
            if (pid.* != 0 and linux.wait(pid.*, &status, sys.W.NOHANG) != 0) pid.* = 0;
        }
    }
};

test "one that ends late is reaped by the next" {
    var children: Children = .{};
    const moment: sys.timespec = .{ .sec = 0, .nsec = 20_000_000 };
    for (0..3) |_| {
        const rc = linux.clone(0, null, null);
        if (rc == 0) {
            _ = sys.nanosleep(&moment, null);
            sys.exit_group(0);
        }
        children.adopt(@intCast(rc));
    }
    for (0..100) |_| {
        _ = sys.nanosleep(&moment, null);
        children.reap();
        if (std.mem.allEqual(i32, &children.pids, 0)) return;
    }
    return error.TestUnexpectedResult;
}
