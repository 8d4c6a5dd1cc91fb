//! The steps that give a process its standard streams: a pseudo terminal of the container's own, or the monitor's pipes.
const std = @import("std");
const cage = @import("cage.zig");
const linux = @import("linux.zig");
const plan = @import("plan.zig");
const Process = @import("process.zig").Process;
const socket = @import("socket.zig");
const check = linux.check;
const sys = linux.sys;

const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;
const TIOCGPTPEER = 0x5441;
const TIOCSPTLCK = 0x40045431;

/// Opens a terminal in the container's devpts: with one of the host's, `tty` would fail inside. The multiplexer is
/// checked to be one, since an image or a volume can put anything at its path.
pub fn open(p: *const Process, a: plan.Terminal) linux.Error!void {
    const path = "/dev/pts/ptmx";
    const flags: sys.O = .{ .ACCMODE = .RDWR, .NOCTTY = true, .CLOEXEC = true };
    const master = try linux.openResolved(path, flags, linux.RESOLVE_NO_SYMLINKS);
    defer linux.close(master);
    const stat = try linux.stat(master);
    if (try linux.fstatfsType(master) != linux.DEVPTS_SUPER_MAGIC or stat.rdev_major != 5 or stat.rdev_minor != 2)
        return linux.fail(.NODEV, "fstatfs", path);

    var unlocked: c_int = 0;
    _ = try check(sys.ioctl(master, TIOCSPTLCK, @intFromPtr(&unlocked)), "ioctl", "TIOCSPTLCK");
    const slave = try linux.checkFd(sys.ioctl(master, TIOCGPTPEER, @as(u32, @bitCast(flags))), "ioctl", "TIOCGPTPEER");
    defer if (slave > 2) linux.close(slave);
    if (a.rows != 0 and a.columns != 0) {
        const size = [4]u16{ a.rows, a.columns, 0, 0 };
        _ = try check(sys.ioctl(master, TIOCSWINSZ, @intFromPtr(&size)), "ioctl", "TIOCSWINSZ");
    }
    const keep_group: u32 = std.math.maxInt(u32); // devpts' gid= option chose it
    _ = try check(sys.fchown(slave, a.uid, keep_group), "fchown", "terminal");
    _ = try check(socket.sendDescriptors(p.up, &.{cage.Up.master}, &.{master}), "sendmsg", "monitor");

    if (a.console) try bindConsole(slave);
    _ = try check(sys.setsid(), "setsid", "");
    if (a.console) try control(slave);
    try takeStreams(.{ slave, slave, slave });
}

/// Of the session that the caller leads.
pub fn control(slave: i32) linux.Error!void {
    _ = try check(sys.ioctl(slave, TIOCSCTTY, 0), "ioctl", "TIOCSCTTY");
}

/// By descriptor on both sides, and never through a link: a path could be exchanged in between (CVE-2025-52565).
fn bindConsole(slave: i32) linux.Error!void {
    const tree = try linux.checkFd(linux.openTree(slave, "", linux.AT_EMPTY_PATH), "open_tree", "terminal");
    defer linux.close(tree);
    const console = try linux.openPath("/dev/console", linux.RESOLVE_NO_SYMLINKS);
    defer linux.close(console);
    _ = try check(linux.moveMount(tree, console), "move_mount", "/dev/console");
}

/// The ends belong to the user, who could not open /dev/stdout otherwise.
pub fn dupStreams(p: *const Process, a: plan.Owner) linux.Error!void {
    var streams = p.stdio;
    for (streams) |fd| {
        if (fd >= 0) _ = try check(sys.fchown(fd, a.uid, a.gid), "fchown", "pipe");
    }
    _ = try check(sys.setsid(), "setsid", "");
    for (&streams) |*fd| {
        if (fd.* < 0) fd.* = try openNull();
    }
    try takeStreams(streams);
}

/// The container's /dev/null; where something else has been put there, a pipe that nobody writes to. Never what we were born
/// with: by a descriptor of the host's own /dev/null its root changes that one's mode and owner for everybody.
fn openNull() linux.Error!i32 {
    const flags: sys.O = .{ .ACCMODE = .RDWR, .CLOEXEC = true, .NOCTTY = true, .NONBLOCK = true };
    const fd = linux.openResolved("/dev/null", flags, linux.RESOLVE_NO_SYMLINKS) catch return endedPipe();
    const stat = try linux.stat(fd);
    if (stat.mode & 0o170000 != 0o020000 or stat.rdev_major != 1 or stat.rdev_minor != 3) {
        linux.close(fd);
        return endedPipe();
    }
    _ = sys.fcntl(fd, sys.F.SETFL, 2); // O_RDWR: opened without blocking in case it is a pipe
    return fd;
}

fn endedPipe() linux.Error!i32 {
    var ends: [2]i32 = undefined;
    _ = try check(sys.pipe2(&ends, .{ .CLOEXEC = true }), "pipe2", "");
    linux.close(ends[1]);
    return ends[0];
}

fn takeStreams(streams: [3]i32) linux.Error!void {
    for (streams, 0..) |fd, number| {
        if (fd != number) _ = try check(sys.dup2(fd, @intCast(number)), "dup2", "");
    }
}
