//! Messages over SOCK_SEQPACKET sockets, with descriptors (SCM_RIGHTS).
const std = @import("std");
const linux = @import("linux.zig");
const sys = linux.sys;

/// SCM_MAX_FD of net/scm.h.
pub const max_descriptors = 253;

const header_size = @sizeOf(sys.cmsghdr);

/// Sends one message without waiting and without SIGPIPE; returns the kernel's result.
pub fn send(fd: i32, bytes: []const u8) usize {
    return sys.sendto(fd, bytes.ptr, bytes.len, sys.MSG.NOSIGNAL | sys.MSG.DONTWAIT, null, 0);
}

/// Sends one message with descriptors; waits for room.
pub noinline fn sendDescriptors(fd: i32, bytes: []const u8, descriptors: []const i32) usize {
    var control: [header_size + max_descriptors * 4 + 4]u8 align(8) = undefined;
    const data = std.mem.sliceAsBytes(descriptors);
    const header: *sys.cmsghdr = @ptrCast(&control);
    header.* = .{ .len = header_size + data.len, .level = sys.SOL.SOCKET, .type = sys.SCM.RIGHTS };
    @memcpy(control[header_size..][0..data.len], data);
    const vector = [_]std.posix.iovec_const{.{ .base = bytes.ptr, .len = bytes.len }};
    const message: sys.msghdr_const = .{
        .name = null,
        .namelen = 0,
        .iov = &vector,
        .iovlen = 1,
        .control = if (descriptors.len > 0) &control else null,
        .controllen = if (descriptors.len > 0) header_size + std.mem.alignForward(usize, data.len, 8) else 0,
        .flags = 0,
    };
    while (true) {
        const rc = sys.sendmsg(fd, &message, sys.MSG.NOSIGNAL);
        if (sys.errno(rc) != .INTR) return rc;
    }
}

pub const Received = struct { length: usize, descriptors: []i32 };

/// Receives one message; what came with it is close-on-exec. Zero length and no descriptors: the peer has closed.
pub noinline fn receive(fd: i32, bytes: []u8, descriptors: []i32, wait: bool) linux.Error!Received {
    var control: [header_size + max_descriptors * 4 + 4]u8 align(8) = undefined;
    var vector = [_]std.posix.iovec{.{ .base = bytes.ptr, .len = bytes.len }};
    var message: sys.msghdr = .{
        .name = null,
        .namelen = 0,
        .iov = &vector,
        .iovlen = 1,
        .control = &control,
        .controllen = header_size + std.mem.alignForward(usize, descriptors.len * 4, 8),
        .flags = 0,
    };
    const flags: u32 = sys.MSG.CMSG_CLOEXEC | @as(u32, if (wait) 0 else sys.MSG.DONTWAIT);
    const length = while (true) {
        const rc = sys.recvmsg(fd, &message, flags);
        if (sys.errno(rc) != .INTR) break try linux.check(rc, "recvmsg", "");
    };
    var count: usize = 0;
    if (message.controllen >= header_size) {
        const header: *const sys.cmsghdr = @ptrCast(&control);
        if (header.level == sys.SOL.SOCKET and header.type == sys.SCM.RIGHTS) {
            for (std.mem.bytesAsSlice(i32, control[header_size..header.len])) |descriptor| {
                if (count < descriptors.len) {
                    descriptors[count] = descriptor;
                    count += 1;
                } else linux.close(descriptor);
            }
        }
    }
    if (message.flags & sys.MSG.CTRUNC != 0 and descriptors.len > 0) { // RLIMIT_NOFILE
        for (descriptors[0..count]) |descriptor| linux.close(descriptor);
        return linux.fail(.MFILE, "recvmsg", "descriptors");
    }
    return .{ .length = length, .descriptors = descriptors[0..count] };
}

test "a message and its descriptor cross a pair" {
    var pair: [2]i32 = undefined;
    _ = try linux.check(sys.socketpair(sys.AF.UNIX, sys.SOCK.SEQPACKET | sys.SOCK.CLOEXEC, 0, &pair), "socketpair", "");
    defer for (pair) |fd| linux.close(fd);
    _ = try linux.check(sendDescriptors(pair[0], "hi", &.{ pair[0], pair[1] }), "sendmsg", "");
    var bytes: [10]u8 = undefined;
    var descriptors: [3]i32 = undefined;
    const got = try receive(pair[1], &bytes, &descriptors, true);
    try std.testing.expectEqualStrings("hi", bytes[0..got.length]);
    try std.testing.expectEqual(2, got.descriptors.len);
    for (got.descriptors) |fd| linux.close(fd);
}
