//! PID 1 of a container started with --init: starts the command as tini does (Docker's docker-init), in a process group of
//! its own that gets the terminal, passes signals on to it, reaps what is orphaned, and ends with its status.
const std = @import("std");
const cage = @import("cage.zig");
const linux = @import("linux.zig");
const sys = linux.sys;

const Arguments = []const [*:0]const u8;

/// argv: docker-init [--] COMMAND [ARGUMENT…].
pub fn main(argv: Arguments, environment: std.process.Environ) u8 {
    var first: usize = 1;
    if (argv.len > 1 and std.mem.eql(u8, std.mem.span(argv[1]), "--")) first = 2;
    if (first >= argv.len) {
        complain("docker-init", "no command", "");
        return 1;
    }
    // Blocked, so that none is missed between two waits; a blocked signal is not ignored even though we are PID 1.
    linux.blockSignals();
    const rc = sys.fork();
    if (sys.errno(rc) != .SUCCESS) {
        complain("docker-init", "fork failed", "");
        return 1;
    }
    if (rc == 0) child(argv[first..], environment);
    return supervise(@intCast(rc));
}

fn child(argv: Arguments, environment: std.process.Environ) noreturn {
    _ = sys.setpgid(0, 0);
    // Blocked as SIGTTOU is, this does not stop us; without a terminal it fails, and nobody minds.
    var group: i32 = @bitCast(@as(u32, @truncate(sys.getpgid(0))));
    _ = sys.ioctl(0, sys.T.IOCSPGRP, @intFromPtr(&group));
    linux.defaultSignals();
    const errno = execute(argv, environment);
    const name = std.mem.span(argv[0]);
    if (errno == .NOENT or errno == .NOTDIR) {
        complain(name, "exec failed", "No such file or directory");
        sys.exit_group(127);
    }
    complain(name, "exec failed", if (errno == .ACCES) "Permission denied" else "cannot be executed");
    sys.exit_group(126);
}

/// As execvp(3).
fn execute(argv: Arguments, environment: std.process.Environ) sys.E {
    const vector: [*:null]const ?[*:0]const u8 = @ptrCast(argv.ptr);
    const variables = environment.block.slice.ptr;
    const name = std.mem.span(argv[0]);
    if (std.mem.findScalar(u8, name, '/') != null) return sys.errno(sys.execve(argv[0], vector, variables));

    var result: sys.E = .NOENT;
    const path = environment.getPosix("PATH") orelse "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    var directories = std.mem.splitScalar(u8, path, ':');
    while (directories.next()) |directory| {
        var buffer: [4096]u8 = undefined;
        if (directory.len + name.len + 2 > buffer.len) continue;
        @memcpy(buffer[0..directory.len], directory);
        const slash = @intFromBool(directory.len > 0); // an empty entry is the working directory
        buffer[directory.len] = '/';
        @memcpy(buffer[directory.len + slash ..][0..name.len], name);
        buffer[directory.len + slash + name.len] = 0;
        const errno = sys.errno(sys.execve(@ptrCast(&buffer), vector, variables));
        switch (errno) {
            .NOENT, .NOTDIR => {},
            .ACCES => result = errno,
            else => return errno,
        }
    }
    return result;
}

fn supervise(main_child: i32) u8 {
    const all: u64 = std.math.maxInt(u64);
    while (true) {
        const rc = sys.syscall4(.rt_sigtimedwait, @intFromPtr(&all), 0, 0, 8);
        if (sys.errno(rc) != .SUCCESS) continue;
        if (rc == @backingInt(sys.SIG.CHLD)) {
            while (true) {
                var status: u32 = 0;
                const pid = linux.wait(-1, &status, sys.W.NOHANG);
                if (sys.errno(pid) != .SUCCESS or pid == 0) break;
                if (pid == main_child) return cage.shellStatus(status);
            }
        } else {
            _ = sys.syscall2(.kill, @intCast(main_child), rc);
        }
    }
}

fn complain(name: []const u8, what: []const u8, why: []const u8) void {
    for ([_][]const u8{ "[FATAL docker-init] ", name, ": ", what, if (why.len > 0) ": " else "", why, "\n" }) |part|
        _ = sys.write(2, part.ptr, part.len);
}
