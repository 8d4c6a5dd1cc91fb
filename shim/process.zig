//! A container's init, or an exec'd process, from its birth to execve: it carries out the steps in order, and the first
//! that fails ends it with a `failed` report and Docker's exit status.
const std = @import("std");
const Descriptors = @import("descriptors.zig").Descriptors;
const launch = @import("launch.zig");
const linux = @import("linux.zig");
const plan = @import("plan.zig");
const report = @import("report.zig");
const step = @import("step.zig");
const sys = linux.sys;

pub const Process = struct {
    request: *const launch.Request,
    /// `created`, `ready`, `failed` go out here, "g" comes in.
    report: i32,
    /// To the monitor (cage.Up).
    up: i32,
    /// The process's ends of the monitor's pipes; -1: none.
    stdio: [3]i32,
    hold_mounts: bool,
    /// To the cage (plan.CloneInto); -1: none.
    heir: i32 = -1,
};

pub fn start(process: Process) noreturn {
    linux.defaultSignals(); // Bun ignores SIGPIPE and SIGXFSZ, the monitor blocks all
    closeOthers(&process, process.request.steps()) catch launchFailed(&process);
    for (process.request.steps(), 0..) |*s, index| {
        step.run(&process, s) catch |err| {
            if (err == error.Aborted) sys.exit_group(125);
            report.sendFailure(process.report, @tagName(s.*), @intCast(index));
            sys.exit_group(exitStatus(s.*, linux.failure.errno));
        };
    }
    linux.fail(.INVAL, "plan", "no execve") catch {};
    launchFailed(&process);
}

fn launchFailed(process: *const Process) noreturn {
    report.sendFailure(process.report, "launch", 0);
    sys.exit_group(125);
}

/// Closes what no step needs, directories of the host above all: the container's processes may look into an exec'd one, and
/// paths of the image lead through /proc/self/fd (CVE-2016-9962, CVE-2024-21626). The op lock stays until execve.
pub fn closeOthers(process: *const Process, steps: []const plan.Step) linux.Error!void {
    var list: Descriptors = .{};
    for ([_]i32{ 2, process.report, process.up, process.heir } ++ process.stdio) |fd| list.add(fd);
    switch (process.request.plan) {
        .run => |run| if (run.op_lock) |fd| list.add(linux.number(fd)),
        .exec => {},
    }
    for (steps) |s| list.addStep(s);
    try list.closeOthers();
}

/// Docker's: 127 for a command that is not there, 126 for one that cannot be executed, 125 for anything before it.
fn exitStatus(s: plan.Step, errno: u16) u8 {
    if (s != .execve) return 125;
    const not_found = errno == @backingInt(sys.E.NOENT) or errno == @backingInt(sys.E.NOTDIR);
    return if (not_found) 127 else 126;
}
