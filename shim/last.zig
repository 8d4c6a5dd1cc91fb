//! What is done for somebody who is killed before he can: `mdk-shim last TEXT`.
//!
//!   3   SOCK_SEQPACKET: a message means that nothing is left to do; the end without one, that TEXT is to be written
//!   4   the file that it is written to
const linux = @import("linux.zig");
const socket = @import("socket.zig");
const sys = linux.sys;

const channel = 3;
const file = 4;

pub fn main(text: [:0]const u8) u8 {
    linux.blockSignals();
    var byte: [1]u8 = undefined;
    const got = socket.receive(channel, &byte, &.{}, true) catch return 125;
    if (got.length == 0) _ = sys.write(file, text.ptr, text.len);
    return 0;
}
