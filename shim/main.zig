//! The program that stays with a container. Its faces, by argv:
//!
//!   mdk-shim run | exec     the launcher: carries out a plan (launch.zig), leaves the monitor behind
//!   mdk-shim pump …         a client's side of a terminal or an attach (pump.zig)
//!   mdk-shim netlink …      sockets and settings of another network namespace (netlink.zig)
//!   mdk-shim root | hold …  a container's file system, for cp (view.zig)
//!   mdk-shim last TEXT      what a killed command left undone (last.zig)
//!   docker-init -- CMD …    PID 1 of a container started with --init (init.zig)
const std = @import("std");
const init = @import("init.zig");
const last = @import("last.zig");
const launch = @import("launch.zig");
const linux = @import("linux.zig");
const netlink = @import("netlink.zig");
const pump = @import("pump.zig");
const view = @import("view.zig");

/// Broken promises of the program end in one line instead of in undefined behaviour.
pub const panic = std.debug.FullPanic(die);
pub const std_options: std.Options = .{ .signal_stack_size = null, .enable_segfault_handler = false, .allow_stack_tracing = false };

fn die(message: []const u8, _: ?usize) noreturn {
    _ = linux.sys.write(2, "mdk-shim: ", 10);
    _ = linux.sys.write(2, message.ptr, message.len);
    _ = linux.sys.write(2, "\n", 1);
    linux.sys.exit_group(125);
}

pub fn main(process: std.process.Init.Minimal) u8 {
    const argv = process.args.vector;
    if (argv.len == 0) return 125;
    if (std.mem.eql(u8, std.fs.path.basename(std.mem.span(argv[0])), "docker-init")) return init.main(argv, process.environ);

    linux.nameProcess();
    const face = if (argv.len > 1) std.mem.span(argv[1]) else "";
    if (std.mem.eql(u8, face, "run") or std.mem.eql(u8, face, "exec")) return launch.main(face);
    if (std.mem.eql(u8, face, "pump") and argv.len == 4) return pump.main(std.mem.span(argv[2]), std.mem.span(argv[3]));
    if (std.mem.eql(u8, face, "netlink")) return netlink.main(argv[2..]);
    if (std.mem.eql(u8, face, "last") and argv.len == 3) return last.main(std.mem.span(argv[2]));
    if (std.mem.eql(u8, face, "root")) return view.root();
    if (std.mem.eql(u8, face, "hold")) return view.hold(argv[2..]);
    die("not to be called by hand", null);
}

test {
    _ = @import("children.zig");
    _ = @import("decode.zig");
    _ = @import("descriptors.zig");
    _ = @import("detach.zig");
    _ = @import("dns.zig");
    _ = @import("ending.zig");
    _ = @import("health.zig");
    _ = @import("linux.zig");
    _ = @import("log.zig");
    _ = @import("lz4.zig");
    _ = @import("names.zig");
    _ = @import("netlink.zig");
    _ = @import("proxy_source.zig");
    _ = @import("queue.zig");
    _ = @import("relay.zig");
    _ = @import("clock.zig");
    _ = @import("cage.zig");
    _ = @import("server_address.zig");
    _ = @import("socket.zig");
    _ = @import("report.zig");
    _ = @import("stream.zig");
    _ = @import("timers.zig");
}
