//! One direction of a connection that is passed on: bytes go from socket to socket through a pipe (splice(2)) and never come into our
//! memory. No more is read than the pipe holds, and nothing while the other socket does not take what was read: who sends too fast waits,
//! as with a direct connection. The end is passed on by itself: a connection may be closed in one direction only.
const linux = @import("linux.zig");
const sys = linux.sys;

pub const Pipe = [2]i32;
pub const no_pipe: Pipe = .{ -1, -1 };

/// What a pipe is made to hold, in pages: each holds one piece of a packet, which may be small or several pages long.
const pipe_bytes = 128 * 1024;
/// So much is read at once, and held at most.
const chunk = 128 * 1024;
/// How often, before others get their turn.
const rounds = 4;

const F_SETPIPE_SZ = 1031;
const SPLICE_F_MOVE_NONBLOCK = 1 | 2;

pub const Way = struct {
    /// While bytes are on their way in it.
    pipe: Pipe = no_pipe,
    held: usize = 0,
    /// The source sends nothing more.
    ended: bool = false,
    /// And the other side was told so.
    told: bool = false,

    pub fn isOver(w: *const Way) bool {
        return w.told;
    }

    pub fn wantsSource(w: *const Way) bool {
        return w.held == 0 and !w.ended;
    }

    pub fn wantsTarget(w: *const Way) bool {
        return w.held > 0;
    }

    /// Moves what can be moved at once. `spare`: an empty pipe that all ways share, as long as nothing stays in it.
    pub fn move(w: *Way, from: i32, to: i32, spare: *Pipe) linux.Error!void {
        for (0..rounds) |_| {
            if (w.held == 0 and !(try w.take(from, spare))) break;
            while (w.held > 0) {
                const rc = splice(w.pipe[0], to, w.held);
                switch (sys.errno(rc)) {
                    .SUCCESS => w.held -= rc,
                    .INTR => {},
                    .AGAIN => return,
                    else => |errno| return linux.fail(errno, "splice", "target"),
                }
            }
            w.giveBack(spare);
        }
        if (!w.ended or w.held > 0 or w.told) return;
        w.told = true;
        _ = sys.shutdown(to, sys.SHUT.WR);
    }

    /// False: there is nothing, now or ever.
    fn take(w: *Way, from: i32, spare: *Pipe) linux.Error!bool {
        if (w.ended) return false;
        w.pipe = if (spare[0] >= 0) spare.* else try open();
        spare.* = no_pipe;
        while (true) {
            const rc = splice(from, w.pipe[1], chunk);
            switch (sys.errno(rc)) {
                .SUCCESS => {
                    w.held = rc;
                    if (rc > 0) return true;
                    w.ended = true;
                },
                .INTR => continue,
                .AGAIN => {},
                else => |errno| return linux.fail(errno, "splice", "source"),
            }
            w.giveBack(spare);
            return false;
        }
    }

    fn giveBack(w: *Way, spare: *Pipe) void {
        if (spare[0] < 0) spare.* = w.pipe else closePipe(w.pipe);
        w.pipe = no_pipe;
    }

    pub fn close(w: *Way) void {
        closePipe(w.pipe);
        w.pipe = no_pipe;
    }
};

pub fn closePipe(pipe: Pipe) void {
    for (pipe) |fd| linux.close(fd);
}

fn open() linux.Error!Pipe {
    var pipe: Pipe = undefined;
    _ = try linux.check(sys.pipe2(&pipe, .{ .CLOEXEC = true }), "pipe2", "");
    _ = sys.fcntl(pipe[1], F_SETPIPE_SZ, pipe_bytes); // what it has will do
    return pipe;
}

fn splice(from: i32, to: i32, length: usize) usize {
    return sys.syscall6(.splice, @intCast(from), 0, @intCast(to), 0, length, SPLICE_F_MOVE_NONBLOCK);
}

test "what comes is moved, what cannot be taken waits in a pipe of its own, and the end goes after it" {
    const t = @import("std").testing;
    var sides: [2][2]i32 = undefined;
    for (&sides) |*pair| _ = try linux.check(sys.socketpair(sys.AF.UNIX, sys.SOCK.STREAM | sys.SOCK.NONBLOCK, 0, pair), "socketpair", "");
    defer for (sides) |pair| for (pair) |fd| linux.close(fd);
    var spare = no_pipe;
    defer closePipe(spare);
    var way: Way = .{};
    defer way.close();
    try way.move(sides[0][1], sides[1][0], &spare);
    try t.expect(way.wantsSource() and !way.wantsTarget() and spare[0] >= 0);

    var bytes: [4096]u8 = @splat(7);
    var sent: usize = 0;
    for (0..10_000) |_| {
        const rc = sys.write(sides[0][0], &bytes, bytes.len);
        if (sys.errno(rc) == .SUCCESS) sent += rc;
        try way.move(sides[0][1], sides[1][0], &spare);
        if (way.wantsTarget() and sys.errno(rc) == .AGAIN) break;
    }
    try t.expect(way.wantsTarget() and !way.wantsSource() and way.pipe[0] >= 0);
    _ = sys.shutdown(sides[0][0], sys.SHUT.WR);
    var got: usize = 0;
    while (true) {
        const rc = sys.read(sides[1][1], &bytes, bytes.len);
        if (sys.errno(rc) == .AGAIN) {
            try way.move(sides[0][1], sides[1][0], &spare);
            continue;
        }
        if (try linux.check(rc, "read", "") == 0) break;
        got += rc;
    }
    try t.expectEqual(sent, got);
    try t.expect(way.isOver() and way.pipe[0] < 0);
}
