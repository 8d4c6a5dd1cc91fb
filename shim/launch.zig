//! The launcher: takes a plan from the channel, checks all of it, takes the run lock and leaves the monitor behind.
//!
//! The channel is descriptor 3, a SOCK_SEQPACKET socket; 0 to 2 are /dev/null. Its first message is the plan's length
//! (4 bytes, little-endian) with the plan's memfd and the descriptors that the plan's Fd indexes refer to. What fails
//! here is told as `failed` with step "launch", on the channel and, once it is known, on the report socket.
const std = @import("std");
const decode = @import("decode.zig");
const linux = @import("linux.zig");
const monitor = @import("monitor.zig");
const plan = @import("plan.zig");
const report = @import("report.zig");
const socket = @import("socket.zig");
const sys = linux.sys;

pub const channel: i32 = 3;
const max_text = 4 << 20;
/// A plan's lists are at most some twelve times its text (`{"ready":{}}` becomes a Step); only what is used is paid for.
const max_heap = 64 << 20;

/// A plan with everything that belongs to it, in one piece of memory that its users give back.
pub const Request = struct {
    plan: plan.Plan,
    memory: []align(4096) u8,
    /// The execve step's vectors as the kernel wants them.
    argv: [*:null]const ?[*:0]const u8,
    envp: [*:null]const ?[*:0]const u8,
    cleanup_argv: [*:null]const ?[*:0]const u8,
    cleanup_envp: [*:null]const ?[*:0]const u8,

    pub fn steps(request: *const Request) []const plan.Step {
        return switch (request.plan) {
            inline else => |p| p.steps,
        };
    }

    pub fn reportFd(request: *const Request) i32 {
        return switch (request.plan) {
            inline else => |p| linux.number(p.report),
        };
    }

    pub fn monitorPlan(request: *const Request) *const plan.Monitor {
        return switch (request.plan) {
            inline else => |*p| &p.monitor,
        };
    }
};

pub fn main(face: []const u8) u8 {
    linux.blockSignals();
    // Inherited by all that is cloned: an exec'd process is in the container's sight from its birth (CVE-2016-9962).
    _ = linux.prctl(.SET_DUMPABLE, 0);
    var request: Request = undefined;
    receive(&request) catch return failed(null);
    if (!std.mem.eql(u8, face, @tagName(request.plan))) {
        linux.fail(.INVAL, "plan", "not for this face") catch {};
        return failed(&request);
    }
    switch (request.plan) {
        .run => |*run| startRun(&request, run) catch return failed(&request),
        .exec => |*exec| startExec(&request, exec) catch return failed(&request),
    }
    return 0;
}

fn failed(request: ?*const Request) u8 {
    report.sendFailure(channel, "launch", 0);
    if (request) |r| report.sendFailure(r.reportFd(), "launch", 0);
    return 125;
}

fn receive(request: *Request) linux.Error!void {
    const State = struct {
        /// As long as the plan is: its Fd's have been replaced by these.
        var descriptors: [socket.max_descriptors]i32 = undefined;
    };
    var bytes: [4]u8 = undefined;
    const got = try socket.receive(channel, &bytes, &State.descriptors, true);
    if (got.length != 4 or got.descriptors.len == 0) return linux.fail(.PROTO, "recvmsg", "the first message");
    const length = std.mem.readInt(u32, &bytes, .little);
    if (length > max_text) return linux.fail(.@"2BIG", "plan", "");

    const memory = try linux.mapMemory(max_text + 4096 + max_heap);
    const file = got.descriptors[0];
    var read: usize = 0;
    while (read < length) {
        const rc = sys.pread(file, memory[read..].ptr, length - read, @intCast(read));
        const count = try linux.check(rc, "pread", "plan");
        if (count == 0) return linux.fail(.IO, "pread", "plan");
        read += count;
    }
    linux.close(file);

    var decoder: decode.Decoder = .{
        .text = memory[0..length :0],
        .descriptors = got.descriptors[1..],
        .memory = @alignCast(memory[std.mem.alignForward(usize, length + 1, 4096)..]),
    };
    request.memory = memory;
    request.plan = decoder.decode(plan.Plan) catch return refused(&decoder);
    vectors(request, &decoder) catch return refused(&decoder);
}

fn refused(decoder: *const decode.Decoder) linux.Error {
    const State = struct {
        var message: [100]u8 = undefined;
    };
    var prefix: [60]u8 = undefined;
    @memcpy(prefix[0..decoder.reason.len], decoder.reason);
    @memcpy(prefix[decoder.reason.len..][0..9], " at byte ");
    return linux.fail(.INVAL, "plan", linux.decimal(&State.message, prefix[0 .. decoder.reason.len + 9], decoder.at));
}

/// The processes that execute something allocate nothing: what execve needs is laid out here.
fn vectors(request: *Request, decoder: *decode.Decoder) decode.Error!void {
    const m = request.monitorPlan();
    request.cleanup_argv = try vector(decoder, m.cleanup);
    request.cleanup_envp = try vector(decoder, m.cleanup_env);
    request.argv = try vector(decoder, &.{});
    request.envp = request.argv;
    for (request.steps()) |step| switch (step) {
        .execve => |execve| {
            request.argv = try vector(decoder, execve.argv);
            request.envp = try vector(decoder, execve.envp);
        },
        else => {},
    };
}

fn vector(decoder: *decode.Decoder, strings: []const [:0]const u8) decode.Error![*:null]const ?[*:0]const u8 {
    const pointers = try decoder.allocate(?[*:0]const u8, strings.len + 1);
    for (strings, pointers[0..strings.len]) |string, *pointer| pointer.* = string.ptr;
    pointers[strings.len] = null;
    return pointers[0..strings.len :null].ptr;
}

fn startRun(request: *Request, run: *const plan.Run) linux.Error!void {
    if (run.namespaces & linux.CLONE_NEWPID == 0 and run.monitor.procs == null) return linux.fail(.INVAL, "plan", "neither a pid namespace nor procs");
    try takeRunLock(linux.number(run.run_lock));
    const cgroup: ?i32 = if (run.monitor.cgroup) |fd| linux.number(fd) else null;
    if (try linux.check(linux.clone(0, cgroup, null), "clone3", "monitor") == 0) monitor.startRun(request, run);
}

/// An open-file-description lock: it lasts as long as a descriptor of the description is open anywhere. So it is taken on
/// a description of our own, which only the monitor inherits: the client still has the one that it sent.
fn takeRunLock(fd: i32) linux.Error!void {
    var path: [40]u8 = undefined;
    const rc = sys.openat(linux.AT_FDCWD, linux.fdPath(&path, fd), .{ .ACCMODE = .RDWR, .CLOEXEC = true }, 0);
    const own = try linux.checkFd(rc, "openat", "run lock");
    var lock: sys.Flock = .{ .type = sys.F.WRLCK, .whence = sys.SEEK.SET, .start = 0, .len = 0, .pid = 0, ._unused = {} };
    const F_OFD_SETLK = 37;
    _ = try linux.check(sys.fcntl(own, F_OFD_SETLK, @intFromPtr(&lock)), "fcntl", "run lock");
    _ = try linux.check(sys.dup3(own, fd, linux.CLOSE_ON_EXEC), "dup3", "run lock"); // under the number that the plan knows
    linux.close(own);
}

/// The exec monitor lives in the cage's pid namespace and is the cage's child, so that it dies with the container and is
/// reaped there: an orphan goes to PID 1 of its dead parent's namespace, hence the process in between.
fn startExec(request: *Request, exec: *const plan.Exec) linux.Error!void {
    _ = try linux.check(sys.setns(linux.number(exec.cage), linux.CLONE_NEWPID), "setns", "cage");
    const between = try linux.check(linux.clone(0, null, null), "clone3", "exec");
    if (between == 0) {
        const cgroup: ?i32 = if (exec.monitor.cgroup) |fd| linux.number(fd) else null;
        const pid = linux.check(linux.clone(0, cgroup, null), "clone3", "exec monitor") catch sys.exit_group(failed(request));
        if (pid == 0) monitor.startExec(request, exec);
        sys.exit_group(0);
    }
    var status: u32 = 0;
    _ = linux.wait(@intCast(between), &status, 0);
    // It has told its failure itself. Killed before it could: the container is ending.
    if (status != 0) sys.exit_group(125);
}
