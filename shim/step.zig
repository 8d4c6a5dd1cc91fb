//! One function for each kind of step. A step never decides; what it needs was decided by the planner.
const std = @import("std");
const cage = @import("cage.zig");
const Descriptors = @import("descriptors.zig").Descriptors;
const linux = @import("linux.zig");
const mount = @import("mount.zig");
const netlink = @import("netlink.zig");
const plan = @import("plan.zig");
const process = @import("process.zig");
const Process = process.Process;
const report = @import("report.zig");
const socket = @import("socket.zig");
const terminal = @import("terminal.zig");
const check = linux.check;
const number = linux.number;
const sys = linux.sys;

/// Aborted: the client went away instead of saying go; nobody is told.
pub const Error = linux.Error || error{Aborted};

pub fn run(p: *const Process, s: *const plan.Step) Error!void {
    switch (s.*) {
        .write => |a| try write(number(a.fd), a.text, ""),
        .write_proc => |a| try writeProc(a),
        .unshare => |a| _ = try check(sys.unshare(a.flags), "unshare", ""),
        .setns => |a| _ = try check(sys.setns(number(a.fd), a.flags), "setns", ""),
        .setns_path => |a| try setnsPath(a),
        .mount => |a| try mount.mount(a),
        .fsmount => |a| try mount.fsmount(a),
        .move_mount => |a| try mount.attach(number(a.fd), a.target, a.resolve),
        .open_tree => |a| try mount.openTree(a),
        .borrow_tree => |a| try mount.borrowTree(a),
        .mount_setattr => |a| try mount.setattr(a),
        .pivot_root => |a| try mount.pivotRoot(a),
        .mkdir => |a| try mkdir(a),
        .mknod => |a| try mknod(a),
        .symlink => |a| _ = try check(sys.symlinkat(a.target, linux.AT_FDCWD, a.path), "symlinkat", a.path),
        .sethostname => |a| _ = try check(sys.syscall2(.sethostname, @intFromPtr(a.name.ptr), a.name.len), "sethostname", a.name),
        .setdomainname => |a| _ = try check(sys.syscall2(.setdomainname, @intFromPtr(a.name.ptr), a.name.len), "setdomainname", a.name),
        .terminal => |a| try terminal.open(p, a),
        .dup_streams => |a| try terminal.dupStreams(p, a),
        .created => |a| try created(p, a),
        .wait_go => try waitGo(p),
        .keyctl_join => |a| try joinKeyring(a),
        .setrlimit => |a| try setrlimit(a),
        .prctl => |a| _ = try check(sys.prctl(a.option, a.arg2, a.arg3, a.arg4, a.arg5), "prctl", ""),
        .drop_bounding => |a| try dropBounding(a.keep),
        .capset => |a| try capset(a),
        .setgroups => |a| _ = try check(sys.setgroups(a.gids.len, a.gids.ptr), "setgroups", ""),
        .setresgid => |a| _ = try check(sys.setresgid(a.id, a.id, a.id), "setresgid", ""),
        .setresuid => |a| _ = try check(sys.setresuid(a.id, a.id, a.id), "setresuid", ""),
        .umask => |a| _ = sys.syscall1(.umask, a.mask),
        .chdir => |a| try chdir(a.path),
        .seccomp => |a| try seccomp(a),
        .clone_inside => |a| try cloneInside(p, a),
        .clone_into => |a| try cloneInto(p, a, s),
        .ready => {
            // The monitor first: of what the client has heard there is a record when it ends. A client that is gone is no error.
            _ = try check(socket.send(p.up, &.{cage.Up.ready}), "sendto", "monitor");
            const rc = report.send(p.report, .{ .ready = .{} }, &.{});
            if (sys.errno(rc) != .PIPE) _ = try check(rc, "sendmsg", "client");
        },
        .execve => |a| try execve(p, a),
    }
}

fn setnsPath(a: plan.SetnsPath) linux.Error!void {
    const fd = try linux.checkFd(sys.openat(linux.AT_FDCWD, a.path, .{ .CLOEXEC = true }, 0), "openat", a.path);
    defer linux.close(fd);
    _ = try check(sys.setns(fd, a.flags), "setns", a.path);
}

fn write(fd: i32, text: []const u8, object: []const u8) linux.Error!void {
    var rest = text;
    while (rest.len > 0) rest = rest[try check(sys.write(fd, rest.ptr, rest.len), "write", object)..];
}

/// The image may have put anything where /proc is expected: only procfs itself is written to (CVE-2025-52881).
fn writeProc(a: plan.WriteProc) linux.Error!void {
    const rc = sys.openat(linux.AT_FDCWD, a.path, .{ .ACCMODE = .WRONLY, .NOFOLLOW = true, .CLOEXEC = true }, 0);
    const fd = try linux.checkFd(rc, "openat", a.path);
    defer linux.close(fd);
    if (try linux.fstatfsType(fd) != linux.PROC_SUPER_MAGIC) return linux.fail(.PERM, "fstatfs", a.path);
    try write(fd, a.text, a.path);
}

/// A name in an open directory. Links of a user's directory may lead there, but none of /proc's: our own descriptors, still open
/// here, lead to other mounts' folders.
const Place = struct {
    directory: i32,
    name: [:0]const u8,

    fn open(path: [:0]const u8) linux.Error!Place {
        var above: [4096]u8 = undefined; // PATH_MAX
        const slash = std.mem.lastIndexOfScalar(u8, path, '/') orelse return linux.fail(.INVAL, "openat2", path);
        if (slash + 1 >= above.len) return linux.fail(.NAMETOOLONG, "openat2", path);
        const length = @max(slash, 1); // of "/name" it is the slash itself
        @memcpy(above[0..length], path[0..length]);
        above[length] = 0;
        const directory = try linux.openPath(above[0..length :0], linux.RESOLVE_IN_ROOT | linux.RESOLVE_NO_MAGICLINKS);
        return .{ .directory = directory, .name = path[slash + 1 ..] };
    }
};

fn mkdir(a: plan.Mkdir) linux.Error!void {
    const place = try Place.open(a.path);
    defer linux.close(place.directory);
    const rc = sys.mkdirat(place.directory, place.name, a.mode);
    if (sys.errno(rc) == .EXIST and a.exist_ok) return;
    _ = try check(rc, "mkdirat", a.path);
}

fn mknod(a: plan.Mknod) linux.Error!void {
    const place = try Place.open(a.path);
    defer linux.close(place.directory);
    const rc = sys.mknodat(place.directory, place.name, a.mode, a.dev);
    if (sys.errno(rc) == .EXIST and a.exist_ok) return;
    _ = try check(rc, "mknodat", a.path);
    _ = try check(sys.fchmodat(place.directory, place.name, a.mode & 0o7777), "fchmodat", a.path);
    if (a.uid == 0 and a.gid == 0) return;
    _ = try check(sys.fchownat(place.directory, place.name, a.uid, a.gid, sys.AT.SYMLINK_NOFOLLOW), "fchownat", a.path);
}

/// The pid is the one that the host's /proc knows: this comes before the container's own is mounted.
fn created(p: *const Process, a: plan.Created) linux.Error!void {
    var digits: [24]u8 = undefined;
    const length = try check(sys.readlink("/proc/self", &digits, digits.len), "readlink", "/proc/self");
    const pid = std.fmt.parseInt(i32, digits[0..length], 10) catch return linux.fail(.INVAL, "readlink", "/proc/self");
    if (p.hold_mounts) {
        const mounts = try openNamespace("/proc/self/ns/mnt");
        defer linux.close(mounts);
        _ = try check(socket.sendDescriptors(p.up, &.{cage.Up.mounts}, &.{mounts}), "sendmsg", "monitor");
    }
    var descriptors: [5]i32 = @splat(-1);
    var count: usize = 0;
    defer for (descriptors) |fd| linux.close(fd);
    if (a.network) {
        descriptors[0] = try openNamespace("/proc/self/ns/net");
        descriptors[1] = try netlink.open(.route);
        count = 2;
        if (a.resolver_port) |port| {
            descriptors[2..4].* = try netlink.openResolver(port);
            count = 4;
            if (netlink.open(.netfilter)) |fd| {
                descriptors[4] = fd;
                count = 5;
            } else |_| {}
        }
    }
    try sayCreated(p, pid, descriptors[0..count]);
}

fn sayCreated(p: *const Process, pid: i32, descriptors: []const i32) linux.Error!void {
    _ = try check(report.send(p.report, .{ .created = .{ .pid = pid } }, descriptors), "sendmsg", "client");
}

fn openNamespace(path: [:0]const u8) linux.Error!i32 {
    return linux.checkFd(sys.openat(linux.AT_FDCWD, path, .{ .CLOEXEC = true }, 0), "openat", path);
}

/// Exactly one "g" means go; the end of file means that the client is gone, and so is its container.
fn waitGo(p: *const Process) Error!void {
    var bytes: [2]u8 = undefined;
    while (true) {
        const rc = sys.read(p.report, &bytes, bytes.len);
        if (sys.errno(rc) == .INTR) continue;
        if (sys.errno(rc) != .SUCCESS or rc != 1 or bytes[0] != 'g') return error.Aborted;
        return;
    }
}

/// An own session keyring, so that the host's is not reachable. A kernel without keys has nothing to keep apart.
fn joinKeyring(a: plan.Name) linux.Error!void {
    const rc = sys.syscall2(.keyctl, 1, @intFromPtr(a.name.ptr)); // KEYCTL_JOIN_SESSION_KEYRING
    if (sys.errno(rc) != .NOSYS) _ = try check(rc, "keyctl", a.name);
}

fn setrlimit(a: plan.Rlimit) linux.Error!void {
    const limit = [2]u64{ a.soft, a.hard };
    _ = try check(sys.syscall4(.prlimit64, 0, a.resource, @intFromPtr(&limit), 0), "prlimit64", "");
}

fn dropBounding(keep: u64) linux.Error!void {
    for (0..64) |capability| {
        const rc = linux.prctl(.CAPBSET_READ, capability);
        if (sys.errno(rc) == .INVAL) return; // beyond the kernel's last
        if (rc == 0 or keep >> @intCast(capability) & 1 == 1) continue;
        _ = try check(linux.prctl(.CAPBSET_DROP, capability), "prctl", "PR_CAPBSET_DROP");
    }
}

fn capset(a: plan.Capset) linux.Error!void {
    var data: [2]linux.CapData = undefined;
    for (&data, [2]u6{ 0, 32 }) |*half, shift| half.* = .{
        .effective = @truncate(a.effective >> shift),
        .permitted = @truncate(a.permitted >> shift),
        .inheritable = @truncate(a.inheritable >> shift),
    };
    _ = try check(linux.capset(&data), "capset", "");
}

/// Not through links of /proc: our own descriptors, still open here, lead out of the root (CVE-2024-21626).
fn chdir(path: [:0]const u8) linux.Error!void {
    const directory = try linux.openPath(path, linux.RESOLVE_NO_MAGICLINKS);
    defer linux.close(directory);
    _ = try check(sys.fchdir(directory), "chdir", path);
}

fn seccomp(a: plan.Seccomp) linux.Error!void {
    const State = struct {
        var filter: [4096 * 8]u8 = undefined; // BPF_MAXINSNS
    };
    const decoder = std.base64.standard.Decoder;
    const size = decoder.calcSizeForSlice(a.filter) catch return linux.fail(.INVAL, "seccomp", "base64");
    if (size > State.filter.len or size % 8 != 0) return linux.fail(.INVAL, "seccomp", "length");
    decoder.decode(State.filter[0..size], a.filter) catch return linux.fail(.INVAL, "seccomp", "base64");
    const Program = extern struct { length: u16, filter: [*]const u8 };
    const program: Program = .{ .length = @intCast(size / 8), .filter = &State.filter };
    _ = try check(sys.syscall3(.seccomp, 1, a.flags, @intFromPtr(&program)), "seccomp", ""); // SECCOMP_SET_MODE_FILTER
}

/// Returns in the child only; it is the monitor's. By clone(2), which filters let pass; clone3(2) has its flags in memory.
fn cloneInside(p: *const Process, a: plan.CloneInside) linux.Error!void {
    var list: Descriptors = .{};
    for ([_]i32{ 2, p.report, p.up }) |fd| list.add(fd);
    try list.closeOthers();
    var pidfd: i32 = -1;
    const rc = sys.syscall5(.clone, linux.CLONE_PARENT | linux.CLONE_PIDFD, 0, @intFromPtr(&pidfd), 0, 0);
    if (try check(rc, "clone", "") != 0) {
        _ = socket.sendDescriptors(p.up, &.{cage.Up.process}, &.{pidfd});
        sys.exit_group(0);
    }
    _ = try check(sys.setsid(), "setsid", "");
    if (a.terminal) try terminal.control(0);
}

/// Returns in the child only; its parent says to client and cage who it is, and ends.
fn cloneInto(p: *const Process, a: plan.CloneInto, s: *const plan.Step) linux.Error!void {
    _ = try check(sys.setns(number(a.fd), linux.CLONE_NEWPID), "setns", "pid namespace");
    const steps = p.request.steps();
    const index = (@intFromPtr(s) - @intFromPtr(steps.ptr)) / @sizeOf(plan.Step);
    try process.closeOthers(p, steps[index + 1 ..]);
    const rc = sys.syscall5(.clone, linux.CLONE_PARENT, 0, 0, 0, 0);
    const pid: i32 = @intCast(try check(rc, "clone", ""));
    if (pid == 0) return linux.close(p.heir);
    _ = sys.write(p.heir, @ptrCast(&pid), @sizeOf(i32));
    _ = report.send(p.report, .{ .created = .{ .pid = pid } }, &.{});
    sys.exit_group(0);
}

/// Nothing but the report is open while the image's links and #! lines are followed: a path through /proc/self/fd would
/// lead to what a descriptor leads to (CVE-2024-21626). As execvp(3): goes on where a path is not there or not allowed, and remembers that one was not allowed.
fn execve(p: *const Process, a: plan.Execve) linux.Error!void {
    var list: Descriptors = .{};
    for ([_]i32{ 2, p.report }) |fd| list.add(fd);
    try list.closeOthers();
    var denied: ?[]const u8 = null;
    var last: sys.E = .NOENT;
    var object: []const u8 = if (a.argv.len > 0) a.argv[0] else "";
    for (a.paths) |path| {
        last = sys.errno(sys.execve(path, p.request.argv, p.request.envp));
        object = path;
        switch (last) {
            .ACCES => denied = path,
            .NOENT, .NOTDIR, .STALE, .NODEV, .TIMEDOUT => {},
            else => break,
        }
    }
    if (denied) |path| return linux.fail(.ACCES, "execve", path);
    return linux.fail(last, "execve", object);
}
