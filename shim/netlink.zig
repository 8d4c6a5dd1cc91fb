//! A netlink socket of another network namespace: `mdk-shim netlink`. Who asks stays where it is.
//!
//!   3   SOCK_SEQPACKET: the socket goes out here; the end without one means that it could not be opened
//!   4   the network namespace
const linux = @import("linux.zig");
const socket = @import("socket.zig");
const sys = linux.sys;

const channel = 3;
const namespace = 4;
/// include/uapi/linux/netlink.h
const NETLINK_NETFILTER = 12;

pub fn main() u8 {
    _ = linux.check(sys.setns(namespace, sys.CLONE.NEWNET), "setns", "") catch return 125;
    const fd = linux.checkFd(sys.socket(sys.AF.NETLINK, sys.SOCK.RAW | sys.SOCK.CLOEXEC, NETLINK_NETFILTER), "socket", "") catch return 125;
    _ = linux.check(socket.sendDescriptors(channel, "n", &.{fd}), "sendmsg", "") catch return 125;
    return 0;
}
