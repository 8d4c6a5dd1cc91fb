//! The monitor: the one process that stays beside a container (or an exec'd process). It owns the streams, writes the
//! log, serves attach clients, holds the run lock and the published ports, and records the end. It decides nothing and
//! waits for nobody but epoll.
const std = @import("std");
const attach = @import("attach.zig");
const cage = @import("cage.zig");
const Descriptors = @import("descriptors.zig").Descriptors;
const ending = @import("ending.zig");
const Group = @import("group.zig").Group;
const Health = @import("health.zig").Health;
const Kept = @import("kept.zig").Kept;
const launch = @import("launch.zig");
const linux = @import("linux.zig");
const Log = @import("log.zig").Log;
const plan = @import("plan.zig");
const process = @import("process.zig");
const proxy = @import("proxy.zig");
const report = @import("report.zig");
const Resolver = @import("resolver.zig").Resolver;
const buffers_ms = @import("serve.zig").buffers_ms;
const serve = @import("serve.zig").serve;
const stream = @import("stream.zig");
const Timers = @import("timers.zig").Timers;
const watch = @import("watch.zig");
const check = linux.check;
const number = linux.number;
const sys = linux.sys;

/// Who feeds stdin; it ends with that one.
pub const Feeder = union(enum) { nobody, handed, client: u32, ended };

pub const Monitor = struct {
    epoll: i32 = -1,
    /// One read, or one message; the first byte is for a message's kind.
    buffer: []align(4096) u8 = &.{},
    timers: Timers = .{},
    /// The plan's: so long a reader may take nothing.
    reader_ms: u64 = 0,
    /// The program has ended: what still comes out of its pipes is nobody's.
    discards: bool = false,
    log: ?Log = null,

    outputs: [2]watch.Watch = .{ .{ .source = .output }, .{ .source = .output, .index = 1 } },
    handed_outputs: [2]stream.Handed = .{
        .{ .watch = .{ .source = .handed_output } },
        .{ .watch = .{ .source = .handed_output, .index = 1 } },
    },
    input: stream.Input = .{},
    handed_input: stream.Handed = .{ .watch = .{ .source = .handed_input } },
    open_stdin: bool = false,
    stdin_once: bool = false,
    feeder: Feeder = .nobody,
    /// The pty's master has come: nobody gives another one.
    terminal_came: bool = false,

    listener: watch.Watch = .{ .source = .listener },
    clients: [attach.max_clients]attach.Client = @splat(.{}),
    channel: watch.Watch = .{ .source = .channel },
    up: watch.Watch = .{ .source = .up },
    /// pidfd of our child: the cage, or an exec'd process.
    process: watch.Watch = .{ .source = .process },
    /// Of an exec: pid of our first child, which says who the process is and ends; -1: it has.
    forerunner: i32 = -1,
    /// How often the dead process's status was asked for in vain.
    tries: u8 = 0,
    contains_cage: bool = false,

    health: Health = .{},
    /// In pages of its own, once its sockets have come.
    resolver: ?*Resolver = null,
    /// In pages of its own, where the plan has ports for it.
    proxy: ?*proxy.Proxy = null,

    run_lock: i32 = -1,
    mounts: i32 = -1,
    record: i32 = -1,
    oom_events: i32 = -1,
    group: Group = .{},
    hold_mounts: bool = false,
    client_cleans: bool = false,
    ends_with_client: bool = false,
    tell_after_cleanup: bool = false,
    kept: Kept = undefined,
    /// pidfd of the cleanup that we started.
    cleaner: watch.Watch = .{ .source = .cleaner },
    cleaner_pid: i32 = -1,
    /// When it wants to be run again (ending.zig).
    again: ?u5 = null,

    phase: ending.Phase = .running,
    /// The client has said "d".
    cleaned: bool = false,
    ready: bool = false,
    told: bool = false,
    code: u8 = 137,
    oom: bool = false,

    pub fn useBuffers(m: *Monitor) void {
        m.timers.start(.buffers, buffers_ms);
    }

    /// After the end: whoever has everything learns that no more comes.
    pub fn dropEmpty(m: *Monitor) void {
        for (&m.handed_outputs) |*output| if (output.queue.empty()) output.drop();
    }

    /// stdin's source has ended, or said so.
    pub noinline fn feederEnded(m: *Monitor, who: Feeder) void {
        if (!std.meta.eql(m.feeder, who)) return;
        if (!m.stdin_once) {
            m.feeder = .nobody;
            return;
        }
        m.feeder = .ended;
        m.input.end();
    }
};

var state: Monitor = .{};

pub fn startRun(request: *launch.Request, run: *const plan.Run) noreturn {
    const m = &state;
    const child = setUp(request) catch fatal(request);
    m.hold_mounts = run.hold_mounts;
    m.run_lock = number(run.run_lock);
    m.contains_cage = true;
    const own = run.namespaces & linux.CLONE_NEWPID;
    if (own == 0) _ = linux.prctl(.SET_CHILD_SUBREAPER, 1); // for what a killed cage leaves
    const rc = linux.clone(own, null, &m.process.fd);
    const pid = check(rc, "clone3", "cage") catch fatal(request);
    if (pid == 0) cage.start(request, run, .{ m.up.fd, child.up }, child.stdio);
    resident(request);
}

pub fn startExec(request: *launch.Request, exec: *const plan.Exec) noreturn {
    const m = &state;
    const child = setUp(request) catch fatal(request);
    m.run_lock = number(exec.run_lock);
    const cgroup: ?i32 = if (exec.cgroup) |fd| number(fd) else null;
    const pid = check(linux.clone(0, cgroup, &m.process.fd), "clone3", "process") catch fatal(request);
    if (pid == 0) process.start(.{
        .request = request,
        .report = number(exec.report),
        .up = child.up,
        .stdio = child.stdio,
        .hold_mounts = false,
    });
    m.forerunner = @intCast(pid);
    resident(request);
}

fn fatal(request: *const launch.Request) noreturn {
    report.sendFailure(request.reportFd(), "launch", 0);
    report.sendFailure(launch.channel, "launch", 0);
    sys.exit_group(125);
}

/// What the process is born with: its end of the socket to the monitor, and of the pipes.
const Child = struct { up: i32, stdio: [3]i32 };

fn setUp(request: *const launch.Request) linux.Error!Child {
    const m = &state;
    const p = request.monitorPlan();
    linux.nameProcess();
    _ = sys.setsid(); // the caller's terminal is the caller's
    _ = try check(sys.chdir("/"), "chdir", "/");
    _ = sys.syscall1(.umask, 0);
    for (p.tasks) |fd| _ = try check(sys.write(number(fd), "0", 1), "write", "tasks");

    var up: [2]i32 = undefined;
    _ = try check(sys.socketpair(sys.AF.UNIX, sys.SOCK.SEQPACKET | sys.SOCK.CLOEXEC, 0, &up), "socketpair", "");
    m.up.fd = up[0];
    var child: Child = .{ .up = up[1], .stdio = .{ -1, -1, -1 } };
    if (!p.streams.terminal) {
        if (p.streams.open_stdin or p.streams.handed_stdin != null) {
            const ends = try pipe();
            child.stdio[0] = ends[0];
            m.input.watch.fd = ends[1];
            linux.setNonblocking(ends[1]);
        }
        for (&m.outputs, child.stdio[1..3]) |*output, *fd| {
            const ends = try pipe();
            output.fd = ends[0];
            fd.* = ends[1];
            linux.setNonblocking(ends[0]);
        }
    }
    m.epoll = try linux.checkFd(sys.epoll_create1(sys.EPOLL.CLOEXEC), "epoll_create1", "");
    try settings(m, p);
    return child;
}

fn pipe() linux.Error![2]i32 {
    var ends: [2]i32 = undefined;
    _ = try check(sys.pipe2(&ends, .{ .CLOEXEC = true }), "pipe2", "");
    return ends;
}

/// Takes over what the plan says: the plan itself is given back.
fn settings(m: *Monitor, p: *const plan.Monitor) linux.Error!void {
    m.open_stdin = p.streams.open_stdin or p.streams.handed_stdin != null;
    m.stdin_once = p.streams.stdin_once;
    m.reader_ms = p.streams.reader_ms;
    m.input.terminal = p.streams.terminal;
    m.client_cleans = p.client_cleans;
    m.ends_with_client = p.ends_with_client;
    m.tell_after_cleanup = p.tell_after_cleanup;
    m.channel.fd = launch.channel;
    if (p.listener) |fd| {
        m.listener.fd = number(fd);
        linux.setNonblocking(m.listener.fd); // who connected may be gone when we accept
    }
    if (p.record) |fd| m.record = number(fd);
    if (p.oom) |fd| m.oom_events = number(fd);
    m.group = .of(p);

    m.kept = try .copy(p);
    if (p.proxied.len > 0) m.proxy = try proxy.prepare(p.proxied);
    // Pages are touched as they are needed.
    const work = try linux.mapMemory(attach.max_message + Log.memory_size);
    m.buffer = work[0..attach.max_message];
    if (p.log) |log|
        m.log = try .init(number(log.directory), m.kept.log_name, log.max_size, log.max_files, work[attach.max_message..]);
}

/// Keeps what is the monitor's and closes everything else: the op lock, init's report socket, the root …
fn resident(request: *launch.Request) noreturn {
    const m = &state;
    const p = request.monitorPlan();
    m.handed_input.open(p.streams.handed_stdin, .RDONLY);
    m.handed_outputs[0].open(p.streams.handed_stdout, .WRONLY);
    m.handed_outputs[1].open(p.streams.handed_stderr, .WRONLY);
    if (m.handed_input.watch.fd >= 0) m.feeder = .handed;
    if (p.client) |fd| {
        linux.setNonblocking(number(fd));
        attach.add(m, 0, number(fd)).planned = true;
        attach.hello(m, 0, @truncate(p.client_streams));
    }
    closeOthers(m) catch fatal(request);
    linux.unmapMemory(request.memory);
    serve(m);
}

fn closeOthers(m: *const Monitor) linux.Error!void {
    var list: Descriptors = .{};
    list.add(2);
    addWatches(&list, m);
    for ([_]i32{ m.epoll, m.run_lock, m.record, m.oom_events, m.group.procs, m.group.kill }) |fd| list.add(fd);
    if (m.log) |*log| {
        list.add(log.directory);
        list.add(log.file);
    }
    for (m.kept.hold) |fd| list.add(fd);
    if (m.proxy) |p| for (p.all()) |*port| list.add(port.watch.fd);
    if (m.kept.health) |health| if (health.freezer) |fd| list.add(number(fd));
    try list.closeOthers();
}

/// Every Watch that there is in a value: a source that comes to the monitor cannot be forgotten here.
fn addWatches(list: *Descriptors, value: anytype) void {
    const T = @TypeOf(value.*);
    if (T == watch.Watch) return list.add(value.fd);
    switch (@typeInfo(T)) {
        .array => for (value) |*item| addWatches(list, item),
        .@"struct" => |info| inline for (info.field_names) |name| addWatches(list, &@field(value, name)),
        else => {},
    }
}
