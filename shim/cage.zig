//! The cage: PID 1 of an intermediate pid namespace. It stands between monitor and init so that death is structural: it
//! dies with the monitor (PR_SET_PDEATHSIG, which it never loses because it never changes credentials), and the kernel
//! takes everything below along, whatever a container's PID 1 did to its own PDEATHSIG. It reaps init and the exec
//! monitors, and tells the monitor init's status. Killing it is how a container is killed.
//!
//! Where the container has no pid namespace of its own there is nothing to take along: the cage is an ordinary process then, which
//! outlives the monitor for the moment that it takes to kill the container's cgroup. The monitor does the same for the cage, so that
//! killing either is killing the container.
const std = @import("std");
const Descriptors = @import("descriptors.zig").Descriptors;
const Group = @import("group.zig").Group;
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
    const own = run.namespaces & linux.CLONE_NEWPID != 0;
    // Orphans of a shared pid namespace come to the cage: its PID 1 may be one that reaps nobody.
    _ = if (own) linux.prctl(.SET_PDEATHSIG, 9) else linux.prctl(.SET_CHILD_SUBREAPER, 1);
    // The monitor may have died before that was set.
    if (sys.errno(socket.send(ends[1], &.{Up.alive})) != .SUCCESS) sys.exit_group(137);

    var heir: [2]i32 = .{ -1, -1 };
    if (!own and sys.errno(sys.pipe2(&heir, .{ .CLOEXEC = true, .NONBLOCK = true })) != .SUCCESS) end(ends[1], 125);
    const init = born(run) catch {
        report.sendFailure(linux.number(run.report), "launch", 0);
        end(ends[1], 125);
    };
    if (init == 0) process.start(.{
        .request = request,
        .report = linux.number(run.report),
        .up = ends[1],
        .stdio = stdio,
        .hold_mounts = run.hold_mounts,
        .heir = heir[1],
    });
    const group: Group = .of(&run.monitor);
    const children = if (own) -1 else signals() catch end(ends[1], 125);
    keep(&.{ 2, ends[1], group.procs, group.kill, children, heir[0] }) catch end(ends[1], 125);
    linux.unmapMemory(request.memory);
    linux.forgetStack();
    if (own) reap(ends[1], init) else guard(ends[1], .{ .init = init, .heir = heir[0] }, children, &group);
}

fn born(run: *const plan.Run) linux.Error!i32 {
    const cgroup: ?i32 = if (run.cgroup) |fd| linux.number(fd) else null;
    return @intCast(try linux.check(linux.clone(run.namespaces, cgroup, null), "clone3", "container"));
}

fn keep(fds: []const i32) linux.Error!void {
    var list: Descriptors = .{};
    for (fds) |fd| list.add(fd);
    try list.closeOthers();
}

/// Readable when a child has ended: every signal is blocked.
fn signals() linux.Error!i32 {
    const child: u64 = 1 << (17 - 1); // SIGCHLD
    return linux.checkFd(sys.syscall4(.signalfd4, std.math.maxInt(usize), @intFromPtr(&child), 8, linux.CLOSE_ON_EXEC), "signalfd4", "");
}

/// Until init or the monitor ends; then nothing of the container's may live.
fn guard(up: i32, born_first: Family, children: i32, group: *const Group) noreturn {
    var family = born_first;
    var status: ?u8 = null;
    while (status == null) {
        var fds = [_]sys.pollfd{ .{ .fd = children, .events = 1, .revents = 0 }, .{ .fd = up, .events = 0, .revents = 0 } };
        _ = sys.syscall5(.ppoll, @intFromPtr(&fds), fds.len, 0, 0, 0);
        var signal: [128]u8 = undefined; // struct signalfd_siginfo; one stands for all that came meanwhile
        if (fds[0].revents != 0) _ = sys.read(children, &signal, signal.len);
        status = family.reap();
        if (fds[1].revents != 0) status = status orelse 137;
    }
    group.killAll();
    end(up, status.?);
}

/// Who of our children is init.
const Family = struct {
    init: i32,
    /// Here the first init says whom it leaves its steps to (plan.CloneInto).
    heir: i32,
    /// One that ended before that was known: the heir, when it failed at once.
    early: struct { pid: i32 = 0, status: u8 = 0 } = .{},

    /// All that have ended; init's status when it is among them.
    fn reap(family: *Family) ?u8 {
        var result: ?u8 = null;
        while (true) {
            var status: u32 = 0;
            const rc = linux.wait(-1, &status, sys.W.NOHANG);
            if (sys.errno(rc) != .SUCCESS or rc == 0) return result;
            if (rc != family.init) {
                family.early = .{ .pid = @intCast(rc), .status = shellStatus(status) };
            } else if (!family.inherits()) {
                result = shellStatus(status);
            } else if (family.early.pid == family.init) result = family.early.status;
        }
    }

    fn inherits(family: *Family) bool {
        var pid: i32 = 0;
        const rc = sys.read(family.heir, @ptrCast(&pid), @sizeOf(i32));
        linux.close(family.heir);
        family.heir = -1;
        if (sys.errno(rc) != .SUCCESS or rc != @sizeOf(i32)) return false;
        family.init = pid;
        return true;
    }
};

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
