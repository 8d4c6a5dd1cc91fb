//! The cage: PID 1 of an intermediate pid namespace. It stands between monitor and init so that death is structural: it
//! dies with the monitor (PR_SET_PDEATHSIG, which it never loses because it never changes credentials), and the kernel
//! takes everything below along, whatever a container's PID 1 did to its own PDEATHSIG. It reaps init and the exec
//! monitors, and tells the monitor init's status. Killing it is how a container is killed.
const std = @import("std");
const launch = @import("launch.zig");
const linux = @import("linux.zig");
const plan = @import("plan.zig");
const process = @import("process.zig");
const report = @import("report.zig");
const socket = @import("socket.zig");
const sys = linux.sys;

/// What travels from cage and init to the monitor: a kind, with a descriptor or a byte.
pub const Up = struct {
    /// The cage asks whether the monitor still lives.
    pub const alive = 'l';
    /// From init: the pty's master (a descriptor).
    pub const master = 'm';
    /// From init: its mount namespace (a descriptor).
    pub const mounts = 'n';
    /// From an exec'd process's forerunner, its last word: the process (a pidfd).
    pub const process = 'p';
    /// From init: it has reported `ready`.
    pub const ready = 'r';
    /// From the cage, its last word: init's exit status (a byte), as a shell says it.
    pub const status = 's';
};

/// `ends[0]` is the monitor's end of the socket pair, `ends[1]` ours.
pub fn start(request: *const launch.Request, run: *const plan.Run, ends: [2]i32, stdio: [3]i32) noreturn {
    linux.close(ends[0]);
    linux.close(linux.number(run.run_lock));
    _ = linux.prctl(.SET_PDEATHSIG, 9);
    // The monitor may have died before that was set.
    if (sys.errno(socket.send(ends[1], &.{Up.alive})) != .SUCCESS) sys.exit_group(137);

    const cgroup: ?i32 = if (run.cgroup) |fd| linux.number(fd) else null;
    const rc = linux.clone(run.namespaces | linux.CLONE_NEWPID, cgroup, null);
    const init = linux.check(rc, "clone3", "container") catch {
        report.sendFailure(linux.number(run.report), "launch", 0);
        end(ends[1], 125);
    };
    if (init == 0) process.start(.{
        .request = request,
        .report = linux.number(run.report),
        .up = ends[1],
        .stdio = stdio,
        .hold_mounts = run.hold_mounts,
    });

    const up: i32 = 3; // all that is left, with /dev/null
    if (ends[1] != up) _ = sys.dup3(ends[1], up, linux.CLOSE_ON_EXEC);
    linux.closeFrom(up + 1) catch end(up, 125);
    linux.unmapMemory(request.memory);
    reap(up, @intCast(init));
}

fn reap(up: i32, init: i32) noreturn {
    while (true) {
        var status: u32 = 0;
        const rc = linux.wait(-1, &status, 0);
        switch (sys.errno(rc)) {
            .SUCCESS => if (rc == init) end(up, shellStatus(status)),
            else => end(up, 137), // never: init is our child
        }
    }
}

fn end(up: i32, status: u8) noreturn {
    _ = socket.send(up, &.{ Up.status, status });
    sys.exit_group(0);
}

/// A wait status as a shell says it: the exit status, or 128 and the signal.
pub fn shellStatus(status: u32) u8 {
    const signal: u8 = @intCast(status & 0x7f);
    return if (signal == 0) @intCast(status >> 8 & 0xff) else 128 + signal;
}

test "a wait status as a shell says it" {
    try std.testing.expectEqual(3, shellStatus(3 << 8));
    try std.testing.expectEqual(255, shellStatus(255 << 8));
    try std.testing.expectEqual(137, shellStatus(9));
    try std.testing.expectEqual(139, shellStatus(11 | 0x80));
}
