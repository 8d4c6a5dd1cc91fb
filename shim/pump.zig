//! A client's side of an attached container: `mdk-shim pump FLAGS KEYS`, in the client's own process group, so that its
//! terminal behaves (raw mode, window size, background).
//!
//!   0 1 2   the user's streams
//!   3       the attach socket; hello has been said (attach.zig)
//!   4       if open, told how it ended: 'x' and the exit status, 'd' detached (and 128 + n: by signal n), 'l' the monitor was
//!           lost, 'h' and a version (u16): the monitor speaks another one
//!
//! FLAGS: r raw mode of the terminal 0 · i forward stdin · s signals are the business of who started the pump, as long as
//! it lives · w tell the window size · d make it draw its screen again.
//! KEYS: the detach sequence's bytes in hexadecimal; "" or "-": none.
//! Exit status: the container's; 0 when detached; 255 when the monitor was lost; 128 + n when ended by signal n.
const std = @import("std");
const attach = @import("attach.zig");
const Keys = @import("detach.zig").Keys;
const linux = @import("linux.zig");
const sys = linux.sys;

const remote = 3;
const result = 4;

const Termios = extern struct { iflag: u32, oflag: u32, cflag: u32, lflag: u32, line: u8, cc: [19]u8 };

const Pump = struct {
    raw: bool = false,
    forward: bool = false,
    /// Who deals with the signals: both are in the terminal's process group, so that each has its own copy of them.
    passer: ?usize = null,
    window: bool = false,
    redraw: bool = false,
    saved: ?Termios = null,
    keys: Keys,
    signals: i32 = -1,
    /// A message to the monitor that it has not taken yet.
    message: []u8 = &.{},
    input_ended: bool = false,
    deaf: [3]bool = @splat(false),
};

var typed: [attach.max_message]u8 = undefined;
var filtered: [attach.max_message + Keys.max]u8 = undefined;
var received: [attach.max_message]u8 = undefined;

pub fn main(flags: []const u8, keys: []const u8) u8 {
    var p: Pump = .{ .keys = Keys.parse(keys) orelse return 125 };
    for (flags) |flag| switch (flag) {
        'r' => p.raw = true,
        'i' => p.forward = true,
        's' => p.passer = sys.syscall0(.getppid),
        'w' => p.window = true,
        'd' => p.redraw = true,
        else => return 125,
    };
    takeSignals(&p);
    if (p.raw) rawMode(&p);
    // A program learns of a size only when it changes: told a wrong one first, it draws its screen again.
    if (p.window and p.redraw) sendWindow(1);
    if (p.window) sendWindow(0);
    while (true) {
        var polled = [_]sys.pollfd{
            .{ .fd = remote, .events = sys.POLL.IN | @as(i16, if (p.message.len > 0) sys.POLL.OUT else 0), .revents = 0 },
            .{ .fd = p.signals, .events = sys.POLL.IN, .revents = 0 },
            .{ .fd = if (p.forward and !p.input_ended and p.message.len == 0) 0 else -1, .events = sys.POLL.IN, .revents = 0 },
        };
        const rc = sys.poll(&polled, polled.len, -1);
        if (sys.errno(rc) != .SUCCESS) continue;
        if (polled[1].revents != 0) signalled(&p);
        if (p.message.len > 0 and polled[0].revents & sys.POLL.OUT != 0) send(&p);
        if (polled[0].revents & ~@as(i16, sys.POLL.OUT) != 0) output(&p);
        if (polled[2].revents != 0) input(&p);
    }
}

fn finish(p: *const Pump, status: u8, told: []const u8) noreturn {
    restore(p);
    _ = sys.write(result, told.ptr, told.len); // EBADF where nobody asked
    sys.exit_group(status);
}

fn restore(p: *const Pump) void {
    // TCSETSW would wait for a reader that may be stopped; TCSETS restores at once.
    if (p.saved) |*saved| _ = sys.ioctl(0, 0x5402, @intFromPtr(saved));
}

/// As Docker's term.MakeRaw.
fn rawMode(p: *Pump) void {
    var termios: Termios = undefined;
    if (sys.errno(sys.ioctl(0, 0x5401, @intFromPtr(&termios))) != .SUCCESS) return; // TCGETS
    p.saved = termios;
    termios.iflag &= ~@as(u32, 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000); // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
    termios.oflag &= ~@as(u32, 1); // OPOST
    termios.lflag &= ~@as(u32, 0o1 | 0o2 | 0o10 | 0o100 | 0o100000); // ISIG ICANON ECHO ECHONL IEXTEN
    termios.cflag &= ~@as(u32, 0o60 | 0o400); // CSIZE PARENB
    termios.cflag |= 0o60; // CS8
    termios.cc[6] = 1; // VMIN
    termios.cc[5] = 0; // VTIME
    _ = sys.ioctl(0, 0x5402, @intFromPtr(&termios));
}

fn sendWindow(more: u16) void {
    var size: [4]u16 = @splat(0);
    for ([_]i32{ 0, 1 }) |fd| {
        if (sys.errno(sys.ioctl(fd, 0x5413, @intFromPtr(&size))) == .SUCCESS) break; // TIOCGWINSZ
    } else return;
    var message: [5]u8 = undefined;
    message[0] = 'w';
    std.mem.writeInt(u16, message[1..3], size[0] +| more, .little);
    std.mem.writeInt(u16, message[3..5], size[1] +| more, .little);
    _ = sys.sendto(remote, &message, message.len, sys.MSG.NOSIGNAL | sys.MSG.DONTWAIT, null, 0);
}

/// Signals come as events. Those that stop and continue keep their meaning; a broken pipe is an error of a write.
fn takeSignals(p: *Pump) void {
    linux.defaultSignals();
    var set: u64 = std.math.maxInt(u64);
    for ([_]sys.SIG{ .KILL, .STOP, .TSTP, .TTIN, .TTOU, .CONT, .SEGV, .BUS, .ILL, .FPE, .ABRT, .CHLD, .URG }) |signal|
        set &= ~(@as(u64, 1) << @intCast(@backingInt(signal) - 1));
    _ = sys.syscall4(.rt_sigprocmask, sys.SIG.SETMASK, @intFromPtr(&set), 0, 8);
    const rc = sys.syscall4(.signalfd4, std.math.maxInt(u32), @intFromPtr(&set), 8, sys.SFD.CLOEXEC | sys.SFD.NONBLOCK);
    if (sys.errno(rc) == .SUCCESS) p.signals = @intCast(rc);
}

fn signalled(p: *Pump) void {
    var info: sys.signalfd_siginfo = undefined;
    const rc = sys.read(p.signals, @ptrCast(&info), @sizeOf(sys.signalfd_siginfo));
    if (sys.errno(rc) != .SUCCESS) return;
    if (info.signo == @backingInt(sys.SIG.WINCH)) {
        if (p.window) sendWindow(0);
        return;
    }
    if (info.signo == @backingInt(sys.SIG.PIPE)) return;
    if (p.passer != null and p.passer == sys.syscall0(.getppid)) return;
    switch (info.signo) {
        1, 2, 3, 10, 12, 14, 15 => finish(p, @intCast(128 + info.signo), &.{ 'd', @intCast(128 + info.signo) }), // HUP INT QUIT USR1 USR2 ALRM TERM: as if detached
        else => {},
    }
}

fn input(p: *Pump) void {
    const rc = sys.read(0, &typed, attach.max_message - Keys.max - 1);
    switch (sys.errno(rc)) {
        .SUCCESS => {},
        .INTR, .AGAIN => return,
        else => return ended(p),
    }
    if (rc == 0) return ended(p);
    const found = p.keys.filter(typed[0..rc], filtered[1..]);
    if (found.length > 0) {
        filtered[0] = 'i';
        p.message = filtered[0 .. 1 + found.length];
        send(p);
    }
    if (found.detached) finish(p, 0, "d");
}

fn ended(p: *Pump) void {
    p.input_ended = true;
    filtered[0] = 'e';
    p.message = filtered[0..1];
    send(p);
}

/// Never waits: while we did, the program's output would not be taken, and it might wait for that.
fn send(p: *Pump) void {
    const rc = sys.sendto(remote, p.message.ptr, p.message.len, sys.MSG.NOSIGNAL | sys.MSG.DONTWAIT, null, 0);
    switch (sys.errno(rc)) {
        .AGAIN, .INTR => {},
        else => p.message = &.{}, // sent; or the other end is gone, which its end of file will tell
    }
}

fn output(p: *Pump) void {
    const rc = sys.recvfrom(remote, &received, received.len, sys.MSG.DONTWAIT, null, null);
    switch (sys.errno(rc)) {
        .SUCCESS => {},
        // CONNRESET: the monitor ended without having read all of ours. Told once, and before what it said last.
        .AGAIN, .INTR, .CONNRESET => return,
        else => finish(p, 255, "l"),
    }
    if (rc == 0) finish(p, 255, "l");
    switch (received[0]) {
        'o' => write(p, 1, received[1..rc]),
        'r' => write(p, 2, received[1..rc]),
        'h' => if (rc >= 3 and std.mem.readInt(u16, received[1..3], .little) != attach.protocol) finish(p, 255, received[0..3]),
        'x' => if (rc >= 2) finish(p, received[1], &.{ 'x', received[1] }),
        else => {},
    }
}

/// 128 + SIGPIPE.
const broken_pipe = 141;

/// Waits for the reader, as any program does. Without one it ends as by SIGPIPE, and the program goes on; what a full disk
/// does not take is dropped.
fn write(p: *Pump, fd: u2, bytes: []const u8) void {
    var rest = bytes;
    while (rest.len > 0 and !p.deaf[fd]) {
        const rc = sys.write(fd, rest.ptr, rest.len);
        switch (sys.errno(rc)) {
            .SUCCESS => rest = rest[rc..],
            .INTR => {},
            .AGAIN => {
                var polled = [_]sys.pollfd{
                    .{ .fd = fd, .events = sys.POLL.OUT, .revents = 0 },
                    .{ .fd = p.signals, .events = sys.POLL.IN, .revents = 0 },
                };
                _ = sys.poll(&polled, polled.len, -1);
                if (polled[1].revents != 0) signalled(p);
            },
            .PIPE => finish(p, broken_pipe, &.{ 'd', broken_pipe }),
            else => p.deaf[fd] = true,
        }
    }
}
