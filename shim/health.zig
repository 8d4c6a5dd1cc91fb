//! Health checks. A probe is one more process in the container: the shim's own exec face is started on a plan that lies
//! ready in a memfd, as a command would start it (launch.zig). What a probe says and how it ends goes to files of the
//! record directory, for whoever asks; nobody is started who would read them, unless the container has turned unhealthy and the
//! plan says what to do about it. The rules are moby's (daemon/health.go).
//!
//!     health      "STATUS STREAK COUNT\n": starting, healthy or unhealthy; failures in a row; probes so far
//!     health.N    the result of probe number COUNT, N = COUNT mod 5: "START END CODE\n", then what it said, 4096 bytes at
//!                 most; CODE -1: it took too long and was killed; -2: it could not be started, and what follows is the report of that
const std = @import("std");
const Children = @import("children.zig").Children;
const clock = @import("clock.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const plan = @import("plan.zig");
const record = @import("record.zig");
const socket = @import("socket.zig");
const watch = @import("watch.zig");
const sys = linux.sys;

const output_max = 4096;
/// Results that are kept.
const results = 5;
/// After the time that it has a probe is killed, and that is waited for so long.
const kill_ms = 2000;

const Status = enum { starting, healthy, unhealthy };

pub const Health = struct {
    times: plan.Health = undefined,
    /// The exec face's first message: the length of the plan, and its memfd with the descriptors that it refers to.
    length: [4]u8 = undefined,
    descriptors: []i32 = &.{},
    /// What probes say, from all of them.
    output: watch.Watch = .{ .source = .health_output },
    /// Reports of the probes' processes.
    reports: i32 = -1,
    /// To the probe that runs.
    channel: watch.Watch = .{ .source = .health_channel },
    text: []u8 = &.{},
    used: usize = 0,
    /// When the container, and the probe, began.
    began_ms: u64 = 0,
    probed_ms: u64 = 0,
    probed: [clock.max_length]u8 = undefined,
    probed_length: usize = 0,
    late: bool = false,
    froze: bool = false,
    unstarted: bool = false,
    status: Status = .starting,
    streak: u64 = 0,
    count: u64 = 0,
    /// Launchers of probes, which may end after their probe, and what is executed for an unhealthy container, which takes its time.
    children: Children = .{},
};

/// The plan of the probes, from the command that starts the container: the end of the pipe that they write to, the far end of
/// their report socket, the plan's memfd, the plan's descriptors. True: they are ours now.
pub fn take(m: *Monitor, length: []const u8, descriptors: []const i32) bool {
    const h = &m.health;
    if (m.kept.health == null or h.descriptors.len > 0 or length.len != 4 or descriptors.len < 3) return false;
    const memory = linux.mapMemory(output_max + 4 * socket.max_descriptors) catch return false;
    h.times = m.kept.health.?;
    h.text = memory[0..output_max];
    h.descriptors = @as([*]i32, @ptrCast(@alignCast(memory[output_max..].ptr)))[0 .. descriptors.len - 2];
    @memcpy(h.descriptors, descriptors[2..]);
    @memcpy(&h.length, length);
    h.output.fd = descriptors[0];
    h.reports = descriptors[1];
    linux.setNonblocking(h.output.fd);
    return true;
}

/// The program runs.
pub fn begin(m: *Monitor) void {
    const h = &m.health;
    if (h.descriptors.len == 0) return;
    h.began_ms = clock.monotonicMilliseconds();
    writeStatus(m);
    schedule(m);
}

/// The container has ended; a probe that ran has, too.
pub fn end(m: *Monitor) void {
    const h = &m.health;
    if (h.descriptors.len == 0) return;
    m.timers.stop(.health);
    m.timers.stop(.probe);
    h.channel.close();
    h.output.close();
    linux.close(h.reports);
    if (h.times.freezer) |fd| linux.close(linux.number(fd));
    for (h.descriptors) |fd| linux.close(fd);
    h.descriptors = &.{};
}

/// v1's freezer.state: THAWED, FREEZING or FROZEN; v2's cgroup.events has a line "frozen 1".
fn isFrozen(h: *const Health) bool {
    var text: [256]u8 = undefined;
    const rc = sys.pread(if (h.times.freezer) |fd| linux.number(fd) else return false, &text, text.len, 0);
    return sys.errno(rc) == .SUCCESS and (std.mem.startsWith(u8, text[0..rc], "FR") or std.mem.find(u8, text[0..rc], "frozen 1") != null);
}

fn schedule(m: *Monitor) void {
    const h = &m.health;
    const young = h.status == .starting and clock.monotonicMilliseconds() - h.began_ms < h.times.start_period_ms;
    m.timers.start(.health, if (young) h.times.start_interval_ms else h.times.interval_ms);
}

/// It is time for one; of a container that is frozen, once it goes on.
pub fn probe(m: *Monitor) void {
    const h = &m.health;
    if (h.descriptors.len == 0 or h.channel.fd >= 0) return;
    if (isFrozen(h)) return schedule(m);
    h.probed_length = clock.now(&h.probed).len;
    h.probed_ms = clock.monotonicMilliseconds();
    h.used = 0;
    h.late = false;
    h.froze = false;
    h.unstarted = false;
    start(h) catch return finish(m, 125);
    m.timers.start(.probe, h.times.timeout_ms);
}

fn start(h: *Health) linux.Error!void {
    var pair: [2]i32 = undefined;
    _ = try linux.check(sys.socketpair(sys.AF.UNIX, sys.SOCK.SEQPACKET | sys.SOCK.CLOEXEC, 0, &pair), "socketpair", "");
    const rc = linux.clone(0, null, null);
    if (sys.errno(rc) == .SUCCESS and rc == 0) {
        linux.defaultSignals();
        // Under its own number it would be closed at execve.
        const moved = sys.fcntl(pair[1], 1030, 10); // F_DUPFD_CLOEXEC
        _ = sys.dup3(@intCast(moved), 3, 0);
        linux.closeFrom(4) catch sys.exit_group(125);
        _ = sys.execve("/proc/self/exe", &.{ "mdk-shim", "exec", null }, &.{null});
        sys.exit_group(125);
    }
    linux.close(pair[1]);
    const pid = linux.check(rc, "clone3", "probe") catch |err| {
        linux.close(pair[0]);
        return err;
    };
    h.children.adopt(@intCast(pid));
    h.channel.fd = pair[0];
    _ = try linux.check(socket.sendDescriptors(pair[0], &h.length, h.descriptors), "sendmsg", "probe");
}

/// It has taken all the time that it had: it is killed, as an exec that its client has given up. One that is late for its
/// death, too, is left to die with the container.
pub fn overdue(m: *Monitor) void {
    const h = &m.health;
    if (h.channel.fd < 0) return;
    if (h.late) return finish(m, 137);
    // It cannot end, or could not until some moment ago: it has its time anew.
    const frozen = isFrozen(h);
    defer h.froze = frozen;
    if (frozen or h.froze) return m.timers.start(.probe, h.times.timeout_ms);
    h.late = true;
    _ = socket.send(h.channel.fd, "k");
    m.timers.start(.probe, kill_ms);
}

/// From the probe's monitor, or its launcher.
pub fn heard(m: *Monitor) void {
    const h = &m.health;
    while (h.channel.fd >= 0) {
        var bytes: [256]u8 = undefined;
        const rc = sys.recvfrom(h.channel.fd, &bytes, bytes.len, sys.MSG.DONTWAIT, null, null);
        switch (sys.errno(rc)) {
            .AGAIN => return,
            .INTR => continue,
            .SUCCESS => if (rc > 0) {
                if (exitCode(bytes[0..rc])) |code| return finish(m, code);
                continue;
            },
            else => {},
        }
        // Nobody is left who would say how it ended.
        return finish(m, 137);
    }
}

/// Of an `exited` report (report.zig).
fn exitCode(report: []const u8) ?u8 {
    const rest = std.mem.cutPrefix(u8, report, "{\"exited\":{\"code\":") orelse return null;
    const digits = rest[0 .. std.mem.indexOfScalar(u8, rest, ',') orelse return null];
    return std.fmt.parseInt(u8, digits, 10) catch null;
}

/// What it says; what is too much is read and forgotten.
pub fn readOutput(m: *Monitor) void {
    const h = &m.health;
    for (0..64) |_| {
        var spare: [4096]u8 = undefined;
        const free = h.text[h.used..];
        const place = if (free.len > 0) free else &spare;
        const rc = sys.read(h.output.fd, place.ptr, place.len);
        if (sys.errno(rc) == .INTR) continue;
        if (sys.errno(rc) != .SUCCESS or rc == 0) return;
        if (free.len > 0) h.used += rc;
    }
}

fn finish(m: *Monitor, code: u8) void {
    const h = &m.health;
    h.channel.close();
    m.timers.stop(.probe);
    h.children.reap();
    readOutput(m);
    readReports(h);
    const before = h.status;
    judge(h, code == 0 and !h.late);
    h.count += 1;
    writeResult(m, if (h.late) -1 else if (h.unstarted) -2 else code);
    writeStatus(m);
    schedule(m);
    if (h.status == .unhealthy and before != .unhealthy) act(m);
}

fn judge(h: *Health, good: bool) void {
    if (good) {
        h.streak = 0;
        h.status = .healthy;
        return;
    }
    // While it is still starting, failures say nothing.
    if (h.status == .starting and h.probed_ms - h.began_ms < h.times.start_period_ms) return;
    h.streak += 1;
    if (h.streak >= h.times.retries) h.status = .unhealthy;
}

/// Why a probe could not be started is told where it would have told something itself. Bounded: who traces it may write there, too.
fn readReports(h: *Health) void {
    for (0..64) |_| {
        var bytes: [1400]u8 = undefined;
        const rc = sys.recvfrom(h.reports, &bytes, bytes.len, sys.MSG.DONTWAIT, null, null);
        if (sys.errno(rc) == .INTR) continue;
        if (sys.errno(rc) != .SUCCESS or rc == 0) return;
        if (!std.mem.startsWith(u8, bytes[0..rc], "{\"failed\"") or h.used > 0) continue;
        @memcpy(h.text[0..rc], bytes[0..rc]);
        h.used = rc;
        h.unstarted = true;
    }
}

fn writeResult(m: *const Monitor, code: i16) void {
    const h = &m.health;
    var ended: [clock.max_length]u8 = undefined;
    const finished = clock.now(&ended);
    var number: [24]u8 = undefined;
    const shown = linux.decimal(&number, if (code < 0) "-" else "", @abs(code));
    var name: [24]u8 = undefined;
    const path = linux.decimal(&name, "health.", (h.count - 1) % results);
    var head: [96]u8 = undefined;
    var length: usize = 0;
    for ([_][]const u8{ h.probed[0..h.probed_length], " ", finished, " ", shown, "\n" }) |part| {
        @memcpy(head[length..][0..part.len], part);
        length += part.len;
    }
    _ = record.put(m.record, "health.tmp", path, &.{ head[0..length], h.text[0..h.used] });
}

fn writeStatus(m: *const Monitor) void {
    const h = &m.health;
    var text: [80]u8 = undefined;
    const word = @tagName(h.status);
    @memcpy(text[0..word.len], word);
    text[word.len] = ' ';
    const first = linux.decimal(&text, text[0 .. word.len + 1], h.streak).len;
    text[first] = ' ';
    const second = linux.decimal(&text, text[0 .. first + 1], h.count).len;
    text[second] = '\n';
    _ = record.put(m.record, "health.tmp", "health", &.{text[0 .. second + 1]});
}

/// What is to be done about an unhealthy container is mdk's to do.
fn act(m: *Monitor) void {
    const argv = m.kept.health_action;
    if (argv.len == 0) return;
    const rc = linux.clone(0, null, null);
    if (sys.errno(rc) != .SUCCESS) return;
    if (rc != 0) return m.health.children.adopt(@intCast(rc));
    linux.defaultSignals();
    linux.closeFrom(3) catch sys.exit_group(127);
    _ = sys.execve(argv[0].?, argv.ptr, &.{null});
    sys.exit_group(127);
}

test "an exec's end is found in its report" {
    try std.testing.expectEqual(3, exitCode("{\"exited\":{\"code\":3,\"oom\":false,\"pending\":false}}"));
    try std.testing.expectEqual(null, exitCode("{\"cut\":{\"stalled\":false}}"));
    try std.testing.expectEqual(null, exitCode("{\"exited\":{\"code\":"));
}

test "failures count once it had time to start, or has been healthy" {
    var h: Health = .{ .times = .{ .interval_ms = 1, .timeout_ms = 1, .start_period_ms = 100, .start_interval_ms = 1, .retries = 2, .freezer = null, .action = &.{} } };
    h.probed_ms = 50;
    judge(&h, false);
    try std.testing.expect(h.status == .starting and h.streak == 0);
    h.probed_ms = 150;
    judge(&h, false);
    try std.testing.expect(h.status == .starting and h.streak == 1);
    judge(&h, false);
    try std.testing.expect(h.status == .unhealthy and h.streak == 2);
    h.probed_ms = 50;
    judge(&h, true);
    judge(&h, false);
    try std.testing.expect(h.status == .healthy and h.streak == 1);
}
