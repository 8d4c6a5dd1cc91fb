//! What the monitor needs of the plan for as long as it lives, copied into pages of its own: the plan's memory is given
//! back. Copied before the cage is cloned, so that both share the pages.
const std = @import("std");
const linux = @import("linux.zig");
const plan = @import("plan.zig");

const Vector = [:null]?[*:0]const u8;

pub const Kept = struct {
    log_name: [:0]const u8,
    /// Sockets of published ports.
    hold: []i32,
    cleanup: Vector,
    cleanup_environment: Vector,
    health: ?plan.Health,
    /// What is executed for a container that turns unhealthy; empty: nothing.
    health_action: Vector,

    pub fn copy(p: *const plan.Monitor) linux.Error!Kept {
        const name: [:0]const u8 = if (p.log) |log| log.name else "";
        var size: usize = 80 + 4 * p.hold.len + name.len + 1;
        const action = if (p.health) |health| health.action else &.{};
        for ([_][]const [:0]const u8{ p.cleanup, p.cleanup_env, action }) |strings| {
            for (strings) |string| size += 8 + string.len + 1;
        }
        if (name.len > 255) return linux.fail(.NAMETOOLONG, "plan", "log name");
        var memory: std.heap.FixedBufferAllocator = .init(try linux.mapMemory(std.mem.alignForward(usize, size, 4096)));
        return fill(p, name, memory.allocator()) catch linux.fail(.NOMEM, "mmap", "plan");
    }

    fn fill(p: *const plan.Monitor, name: []const u8, allocator: std.mem.Allocator) error{OutOfMemory}!Kept {
        var kept: Kept = .{
            .health = p.health,
            .health_action = try vector(if (p.health) |health| health.action else &.{}, allocator),
            .cleanup = try vector(p.cleanup, allocator),
            .cleanup_environment = try vector(p.cleanup_env, allocator),
            .hold = try allocator.alloc(i32, p.hold.len),
            .log_name = try allocator.dupeSentinel(u8, name, 0),
        };
        // Its strings are the plan's, whose memory goes.
        if (kept.health) |*health| health.action = &.{};
        for (p.hold, kept.hold) |from, *to| to.* = linux.number(from);
        return kept;
    }

    fn vector(strings: []const [:0]const u8, allocator: std.mem.Allocator) error{OutOfMemory}!Vector {
        const result = try allocator.allocSentinel(?[*:0]const u8, strings.len, null);
        for (strings, result) |string, *pointer| pointer.* = (try allocator.dupeSentinel(u8, string, 0)).ptr;
        return result;
    }
};
