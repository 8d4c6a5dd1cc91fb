//! A container's file system for somebody who stays where he is. Two faces:
//!
//!   mdk-shim root           the root of a running container's mount namespace, whatever its PID 1 has chrooted to
//!     3   SOCK_SEQPACKET: the directory goes out here; the end without one means that the container has ended
//!     4   pidfd of its init
//!   mdk-shim hold PLACE …   a stopped one's: mounts attached to a detached root, for as long as the channel is open
//!     3   SOCK_SEQPACKET: one byte when they are attached, or the errno and the place's number of what failed
//!     4   the root's mount
//!     5…  the detached mounts, one for each PLACE (a path in the root, its links followed within it)
const std = @import("std");
const linux = @import("linux.zig");
const socket = @import("socket.zig");
const sys = linux.sys;

const channel = 3;
const subject = 4;

/// setns(2) makes the namespace's root our own: what is mounted on top of all others at "/" (fs/namespace.c, mntns_install).
pub fn root() u8 {
    _ = linux.check(sys.setns(subject, sys.CLONE.NEWNS), "setns", "") catch return 125;
    const flags: sys.O = .{ .DIRECTORY = true, .CLOEXEC = true };
    const fd = linux.checkFd(sys.openat(linux.AT_FDCWD, "/", flags, 0), "openat", "/") catch return 125;
    _ = linux.check(socket.sendDescriptors(channel, "r", &.{fd}), "sendmsg", "") catch return 125;
    return 0;
}

pub fn hold(places: []const [*:0]const u8) u8 {
    linux.blockSignals();
    var index: u8 = 0;
    attachAll(places, &index) catch {
        _ = socket.send(channel, &.{ 'f', @truncate(linux.failure.errno), index });
        return 125;
    };
    _ = linux.check(socket.send(channel, "h"), "sendto", "") catch return 125;
    // Nothing comes: the end of file says that nobody looks any more. With us goes the namespace, and with it the mounts.
    var byte: [1]u8 = undefined;
    _ = socket.receive(channel, &byte, &.{}, true) catch {};
    return 0;
}

/// In a mount namespace of our own, whose mounts the host's do not see; the host's unmounts still arrive.
fn attachAll(places: []const [*:0]const u8, index: *u8) linux.Error!void {
    const MS_REC = 0x4000;
    const MS_SLAVE = 1 << 19;
    _ = try linux.check(sys.unshare(linux.CLONE_NEWNS), "unshare", "");
    _ = try linux.check(sys.mount(null, "/", null, MS_REC | MS_SLAVE, 0), "mount", "/");
    const top = try linux.openPath("/", 0);
    _ = try linux.check(linux.moveMount(subject, top), "move_mount", "/");
    for (places, 0..) |place, number| {
        index.* = @intCast(number);
        const target = try linux.openPathIn(subject, std.mem.span(place));
        defer linux.close(target);
        const mounted: i32 = @intCast(subject + 1 + number);
        _ = try linux.check(linux.moveMount(mounted, target), "move_mount", "");
    }
}
