//! Descriptors that are to stay; what lies between and above them is closed.
const std = @import("std");
const linux = @import("linux.zig");
const plan = @import("plan.zig");
const sys = linux.sys;

pub const Descriptors = struct {
    sorted: [300]i32 = undefined,
    count: usize = 0,

    /// More than a plan can bring (SCM_MAX_FD) are not kept; -1 is none.
    pub noinline fn add(list: *Descriptors, fd: i32) void {
        if (fd < 0 or list.count == list.sorted.len) return;
        var at = list.count;
        while (at > 0 and list.sorted[at - 1] > fd) : (at -= 1) list.sorted[at] = list.sorted[at - 1];
        list.sorted[at] = fd;
        list.count += 1;
    }

    /// Every descriptor that a step refers to.
    pub fn addStep(list: *Descriptors, step: plan.Step) void {
        switch (step) {
            inline else => |arguments| {
                const info = @typeInfo(@TypeOf(arguments)).@"struct";
                inline for (info.field_names, info.field_types) |name, T| {
                    if (T == plan.Fd) list.add(linux.number(@field(arguments, name)));
                    if (T == ?plan.Fd) if (@field(arguments, name)) |fd| list.add(linux.number(fd));
                }
            },
        }
    }

    /// What is below the lowest stays, too. Whoever cannot close must not go on: what stays open may be the host's.
    pub fn closeOthers(list: *const Descriptors) linux.Error!void {
        for (list.sorted[0..list.count], 0..) |fd, index| {
            const next = if (index + 1 < list.count) list.sorted[index + 1] else std.math.maxInt(i32);
            if (next > fd + 1) try linux.closeRange(fd + 1, next - 1);
        }
    }
};

test "what is kept stays open, all else above is closed, and a step's descriptors are found" {
    var pipes: [3][2]i32 = undefined;
    for (&pipes) |*pair| _ = try linux.check(sys.pipe2(pair, .{ .CLOEXEC = true }), "pipe2", "");
    // The test's own descriptors are below.
    var list: Descriptors = .{};
    list.add(pipes[0][0]);
    list.add(-1);
    list.addStep(.{ .setns = .{ .fd = @fromBackingInt(@as(u32, @bitCast(pipes[2][0]))), .flags = 0 } });
    list.addStep(.{ .umask = .{ .mask = 0 } });
    try list.closeOthers();
    for ([_]i32{ pipes[0][0], pipes[2][0] }) |fd| _ = try linux.check(sys.fcntl(fd, sys.F.GETFD, 0), "fcntl", "");
    for ([_]i32{ pipes[0][1], pipes[1][0], pipes[1][1], pipes[2][1] }) |fd|
        try std.testing.expectEqual(.BADF, sys.errno(sys.fcntl(fd, sys.F.GETFD, 0)));
    linux.close(pipes[0][0]);
    linux.close(pipes[2][0]);
}
