//! The monitor's loop: says what is to be waited for, waits, and passes each event and each timer to the one it concerns.
const std = @import("std");
const attach = @import("attach.zig");
const cage = @import("cage.zig");
const ending = @import("ending.zig");
const health = @import("health.zig");
const linux = @import("linux.zig");
const Monitor = @import("monitor.zig").Monitor;
const proxy = @import("proxy.zig");
const resolver = @import("resolver.zig");
const resolver_tcp = @import("resolver_tcp.zig");
const resolver_udp = @import("resolver_udp.zig");
const socket = @import("socket.zig");
const stream = @import("stream.zig");
const Timer = @import("timers.zig").Timer;
const watch = @import("watch.zig");
const record = @import("record.zig");
const sys = linux.sys;

pub fn serve(m: *Monitor) noreturn {
    linux.forgetStack(); // of setting up
    while (true) {
        const busy = express(m);
        var events: [16]sys.epoll_event = undefined;
        const rc = sys.epoll_pwait(m.epoll, &events, events.len, if (busy) 0 else m.timers.timeout(), null);
        const count: usize = if (sys.errno(rc) == .SUCCESS) rc else 0;
        for (events[0..count]) |event| dispatch(m, event);
        if (busy) stream.readHandedInput(m);
        while (m.timers.due()) |timer| expired(m, timer);
        if (m.phase == .running) stream.tellCut(m);
        ending.proceed(m);
    }
}

/// Sets what each descriptor is waited for. True: one of them is always ready and wants its turn.
fn express(m: *Monitor) bool {
    const running = m.phase == .running;
    const input_free = m.input.queue.empty();
    m.up.want(m.epoll, watch.in);
    m.channel.want(m.epoll, watch.in);
    m.process.want(m.epoll, if (running and !m.timers.isSet(.status)) watch.in else 0);
    m.cleaner.want(m.epoll, watch.in);
    m.health.channel.want(m.epoll, watch.in);
    m.health.output.want(m.epoll, if (m.health.channel.fd >= 0) watch.in else 0);
    if (m.resolver) |r| resolver.express(m, r);
    if (m.proxy) |p| proxy.express(m, p);
    var free = false;
    for (&m.clients) |*client| {
        free = free or client.watch.fd < 0;
        const typed = client.streams & attach.takes_stdin == 0 or input_free;
        const waits = !client.queue.empty();
        if (waits) stream.watchReader(m);
        client.watch.want(m.epoll, (if (typed) watch.in else watch.read_hung_up) | (if (waits) watch.out else 0));
    }
    m.listener.want(m.epoll, if (free) watch.in else 0);
    for (&m.outputs, &m.handed_outputs, 0..) |*output, *handed, index| {
        const read = m.discards or (!m.timers.isSet(.terminal) and !stream.heldBack(m, @intCast(index)));
        output.want(m.epoll, if (read) watch.in else 0);
        const waits = !handed.queue.empty();
        if (waits) stream.watchReader(m);
        handed.watch.want(m.epoll, if (waits) watch.out else 0);
    }
    m.input.watch.want(m.epoll, if (input_free) 0 else watch.out);
    const feed = running and input_free and m.input.watch.fd >= 0;
    m.handed_input.watch.want(m.epoll, if (feed) watch.in else 0);
    return feed and m.handed_input.watch.fd >= 0 and m.handed_input.watch.always;
}

fn dispatch(m: *Monitor, event: sys.epoll_event) void {
    const data = event.data.u64;
    const index: u32 = @truncate(data);
    switch (@as(watch.Source, @fromBackingInt(@as(u32, @intCast(data >> 32))))) {
        .up => fromBelow(m),
        .channel => _ = fromChannel(m),
        .listener => attach.accept(m),
        .client => {
            m.clients[index].flush();
            attach.read(m, index, event.events & (watch.hung_up | watch.read_hung_up) != 0);
        },
        .output => _ = stream.readOutput(m, @intCast(index)),
        .handed_output => m.handed_outputs[index].flush(),
        .input => m.input.flush(),
        .handed_input => stream.readHandedInput(m),
        .process => processEnded(m),
        .cleaner => ending.cleanedUp(m),
        .health_output => health.readOutput(m),
        .health_channel => health.heard(m),
        .names, .names_upstream, .names_listener, .names_client, .names_server => |source| if (m.resolver) |r| ofResolver(m, r, source, index),
        .proxy_tcp, .proxy_client, .proxy_server, .proxy_udp, .proxy_flow => |source| if (m.proxy) |p| proxy.dispatch(m, p, source, index, event.events),
    }
}

fn ofResolver(m: *Monitor, r: *resolver.Resolver, source: watch.Source, index: u32) void {
    switch (source) {
        .names => resolver_udp.readQueries(m, r),
        .names_upstream => resolver_udp.heard(m, r, index),
        .names_listener => resolver_tcp.accept(m, r),
        .names_client => resolver_tcp.proceed(m, r, index),
        else => resolver_tcp.heard(m, r, index),
    }
}

fn expired(m: *Monitor, timer: Timer) void {
    switch (timer) {
        .buffers => giveBack(m),
        .readers => stream.dropStalled(m),
        .status => processEnded(m),
        .health => health.probe(m),
        .probe => health.overdue(m),
        .names => if (m.resolver) |r| resolver.lookAround(m, r),
        .flows => if (m.proxy) |p| proxy.lookAround(m, p),
        .terminal, .mounts, .cleanup, .again, .servers, .shortage, .leaving => {}, // that they are over is looked at where it matters
    }
}

/// Messages of init and cage. Their end says nothing: it comes at init's execve already (the cage holds the other copy),
/// and a killed cage closes it before the kernel has killed what is in it.
///
/// An exec'd process that the container traces says what the container wants: nothing but that it exists and is ready is
/// taken from it, once, and a terminal only from what came before it (CVE-2016-9962).
fn fromBelow(m: *Monitor) void {
    var bytes: [8]u8 = undefined;
    var descriptors: [1]i32 = .{-1};
    for (0..16) |_| {
        if (m.up.fd < 0) return;
        const got = socket.receive(m.up.fd, &bytes, &descriptors, false) catch |err| switch (err) {
            error.Failed => {
                if (linux.failure.errno == @backingInt(sys.E.AGAIN)) return;
                return m.up.close();
            },
        };
        if (got.length == 0) return m.up.close();
        const came: i32 = if (got.descriptors.len == 1) got.descriptors[0] else -1;
        if (!isTaken(m, bytes[0], came)) linux.close(came);
        if (bytes[0] == cage.Up.status and m.contains_cage) ending.begin(m, bytes[1]);
    }
}

/// Whether the message's descriptor is the monitor's now.
fn isTaken(m: *Monitor, kind: u8, came: i32) bool {
    switch (kind) {
        cage.Up.master => if (m.input.terminal and !m.terminal_came and came >= 0) {
            m.terminal_came = true;
            terminalCame(m, came);
            return true;
        },
        cage.Up.mounts => if (m.contains_cage and m.mounts < 0) {
            m.mounts = came;
            return true;
        },
        cage.Up.process => if (m.forerunner >= 0 and came >= 0 and isChild(came)) {
            m.process.close();
            m.process.fd = came;
            // Its last act was to say so.
            var status: u32 = 0;
            _ = linux.wait(m.forerunner, &status, 0);
            m.forerunner = -1;
            if (m.ready) record.noteProcess(m);
            return true;
        },
        cage.Up.ready => {
            if (m.ready) return false;
            m.ready = true;
            // The command does the same; the container has started even if it is killed now.
            if (m.record >= 0) _ = sys.renameat(m.record, "state.new", m.record, "state.json");
            if (!m.contains_cage and m.forerunner < 0) record.noteProcess(m);
            while (fromChannel(m)) {} // how its health is checked, its resolver, and that its ports lead somewhere, may have come meanwhile
            health.begin(m);
            // From here on nobody waits at the other end who would clean up.
            if (!m.client_cleans and m.contains_cage) m.channel.close();
        },
        else => {},
    }
    return false;
}

/// Whether a pidfd is of a child of ours, dead or alive.
fn isChild(pidfd: i32) bool {
    var info: sys.siginfo_t = undefined;
    const rc = sys.waitid(.PIDFD, pidfd, &info, sys.W.EXITED | sys.W.NOHANG | sys.W.NOWAIT, null);
    return sys.errno(rc) == .SUCCESS;
}

/// One descriptor to read from and a duplicate to write to: they are waited for separately.
fn terminalCame(m: *Monitor, master: i32) void {
    linux.setNonblocking(master);
    m.outputs[0].fd = master;
    const rc = sys.fcntl(master, 1030, 3); // F_DUPFD_CLOEXEC
    if (sys.errno(rc) == .SUCCESS) m.input.watch.fd = @intCast(rc);
}

/// One message. False: there is none.
fn fromChannel(m: *Monitor) bool {
    if (m.channel.fd < 0) return false;
    var bytes: [8]u8 = undefined;
    var descriptors: [socket.max_descriptors]i32 = undefined;
    const got = socket.receive(m.channel.fd, &bytes, &descriptors, false) catch {
        if (linux.failure.errno != @backingInt(sys.E.AGAIN)) clientGone(m);
        return false;
    };
    if (got.length > 0) {
        m.cleaned = m.cleaned or bytes[0] == 'd';
        // An exec whose client has given up: what it has heard of the process and what we have may differ by a moment.
        if (bytes[0] == 'k' and !m.contains_cage) _ = sys.pidfd_send_signal(m.process.fd, .KILL, null, 0);
        // Those of "d" are to be closed here: their last close takes long.
        const taken = m.phase == .running and switch (bytes[0]) {
            'h' => health.take(m, bytes[1..got.length], got.descriptors),
            'n' => resolver.take(m, got.descriptors),
            'p' => proxy.begin(m, got.descriptors),
            else => false,
        };
        if (!taken) for (got.descriptors) |fd| linux.close(fd);
        return true;
    }
    clientGone(m);
    return false;
}

/// And with it those whose descriptors it handed over.
fn clientGone(m: *Monitor) void {
    m.channel.close();
    m.handed_outputs[0].drop();
    m.handed_outputs[1].drop();
    m.handed_input.drop();
    m.feederEnded(.handed);
    // An exec that nobody waits for any more before it has begun: somebody holds it (a tracer, a frozen cgroup).
    fromBelow(m);
    if (if (m.contains_cage) m.ends_with_client and m.phase == .running else !m.ready) _ = sys.pidfd_send_signal(m.process.fd, .KILL, null, 0);
}

/// How often, and how many times, a status is asked for that a tracer withholds: a dead process stays its tracer's.
const status_ms = 100;
const status_tries = 20;

/// An exec'd process, or the cage with everything in it, is dead. A cage that has not said how init ended was killed.
fn processEnded(m: *Monitor) void {
    fromBelow(m);
    if (m.phase != .running) return;
    // What has ended may be the forerunner, whose last word named who lives: read just now, or before in the same round of events.
    if (!isOver(m.process.fd)) {
        m.tries = 0;
        return;
    }
    var status: u32 = 0;
    const rc = linux.wait(-1, &status, sys.W.NOHANG);
    const known = sys.errno(rc) == .SUCCESS and rc != 0;
    if (!known and m.tries < status_tries) {
        m.tries += 1;
        return m.timers.start(.status, status_ms);
    }
    ending.begin(m, if (m.contains_cage or !known) 137 else cage.shellStatus(status));
}

/// Whether a pidfd's process has ended (pidfd_open(2)), be its status still with a tracer.
fn isOver(pidfd: i32) bool {
    var fds = [1]sys.pollfd{.{ .fd = pidfd, .events = sys.POLL.IN, .revents = 0 }};
    return sys.poll(&fds, fds.len, 0) != 0;
}

/// Buffers that were used are given back so long after their first use, and filled anew if need be.
pub const buffers_ms = 1000;

fn giveBack(m: *Monitor) void {
    linux.forgetMemory(m.buffer);
    if (m.log) |*log| log.idle();
    if (m.resolver) |r| resolver.giveBack(m, r);
    if (m.proxy) |p| proxy.giveBack(p);
    m.input.queue.trim();
    for (&m.handed_outputs) |*handed| handed.queue.trim();
    for (&m.clients) |*client| client.queue.trim();
    linux.forgetStack();
}
