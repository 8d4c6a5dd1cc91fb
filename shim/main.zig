//! The program that stays with a container. Its faces, by argv:
//!
//!   mdk-shim run | exec     the launcher: carries out a plan (launch.zig), leaves the monitor behind
//!   mdk-shim pump …         a client's side of a terminal or an attach (pump.zig)
//!   docker-init -- CMD …    PID 1 of a container started with --init (init.zig)
const std = @import("std");
const linux = @import("linux.zig");

/// Broken promises of the program end in one line instead of in undefined behaviour.
pub const panic = std.debug.FullPanic(die);
pub const std_options: std.Options = .{ .signal_stack_size = null, .enable_segfault_handler = false, .allow_stack_tracing = false };

fn die(message: []const u8, _: ?usize) noreturn {
    _ = linux.sys.write(2, "mdk-shim: ", 10);
    _ = linux.sys.write(2, message.ptr, message.len);
    _ = linux.sys.write(2, "\n", 1);
    linux.sys.exit_group(125);
}

pub fn main(init: std.process.Init.Minimal) u8 {
    _ = init;
    return 125;
}

test {
    _ = @import("decode.zig");
    _ = @import("linux.zig");
    _ = @import("socket.zig");
    _ = @import("report.zig");
}
