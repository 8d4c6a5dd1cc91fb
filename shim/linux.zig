//! The system calls that Zig's std lacks or has wrong (its mount_setattr passes three of five arguments, its capset takes
//! one data struct where version 3 has two), their structs and constants, and the one way in which a failed call is
//! remembered. Everything is taken from the kernel's uapi headers; numbers are those of x86_64 and aarch64 alike.
const std = @import("std");
const plan = @import("plan.zig");
pub const sys = std.os.linux;

pub const CLOSE_ON_EXEC = 0o2000000;
pub const AT_FDCWD: i32 = -100;
pub const AT_EMPTY_PATH = 0x1000;
pub const AT_RECURSIVE = 0x8000;
pub const OPEN_TREE_CLONE = 1;
pub const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
pub const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
pub const RESOLVE_NO_MAGICLINKS = 0x02;
pub const RESOLVE_NO_SYMLINKS = 0x04;
pub const RESOLVE_IN_ROOT = 0x10;
pub const CLONE_PIDFD = 0x1000;
pub const CLONE_PARENT = 0x8000;
pub const CLONE_NEWNS = 0x0002_0000;
pub const CLONE_NEWPID = 0x2000_0000;
pub const CLONE_INTO_CGROUP = 0x2_0000_0000;
pub const PROC_SUPER_MAGIC = 0x9fa0;
pub const DEVPTS_SUPER_MAGIC = 0x1cd1;

/// What went wrong last: the call, and what it was about. Read by the one who reports.
pub const Failure = struct {
    call: []const u8 = "",
    errno: u16 = 0,
    object: []const u8 = "",
};
/// Where a page begins: the monitor's state is behind it, and both together are the one page of data that stays written.
pub var failure: Failure align(4096) = .{};

pub const Error = error{Failed};

/// Passes a result through, or remembers the failure.
pub noinline fn check(rc: usize, call: []const u8, object: []const u8) Error!usize {
    const errno = sys.errno(rc);
    if (errno == .SUCCESS) return rc;
    return fail(errno, call, object);
}

pub fn fail(errno: sys.E, call: []const u8, object: []const u8) Error {
    failure = .{ .call = call, .errno = @backingInt(errno), .object = object };
    return error.Failed;
}

/// A result that is a descriptor.
pub fn checkFd(rc: usize, call: []const u8, object: []const u8) Error!i32 {
    return @intCast(try check(rc, call, object));
}

/// The descriptor that an Fd of a decoded plan stands for.
pub fn number(fd: plan.Fd) i32 {
    return @bitCast(@backingInt(fd));
}

pub noinline fn close(fd: i32) void {
    if (fd >= 0) _ = sys.close(fd);
}

fn word(fd: i32) usize {
    return @as(u32, @bitCast(fd));
}

pub const CloneArgs = extern struct {
    flags: u64 = 0,
    pidfd: u64 = 0,
    child_tid: u64 = 0,
    parent_tid: u64 = 0,
    exit_signal: u64 = 17, // SIGCHLD
    stack: u64 = 0,
    stack_size: u64 = 0,
    tls: u64 = 0,
    set_tid: u64 = 0,
    set_tid_size: u64 = 0,
    cgroup: u64 = 0,
};

/// A fork with flags; `cgroup`: the v2 directory to be born in. Returns the pid, 0 in the child.
pub fn clone(flags: u64, cgroup: ?i32, pidfd: ?*i32) usize {
    var args: CloneArgs = .{ .flags = flags };
    if (cgroup) |fd| {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = word(fd);
    }
    if (pidfd) |place| {
        args.flags |= CLONE_PIDFD;
        args.pidfd = @intFromPtr(place);
    }
    return sys.syscall2(.clone3, @intFromPtr(&args), @sizeOf(CloneArgs));
}

const OpenHow = extern struct { flags: u64, mode: u64 = 0, resolve: u64 };

/// An O_PATH descriptor of what `path` leads to under the restrictions of `resolve` (RESOLVE_*, since 5.6).
pub fn openPath(path: [:0]const u8, resolve: u64) Error!i32 {
    return openResolved(path, .{ .PATH = true, .CLOEXEC = true }, resolve);
}

/// The same with a directory as the root: no link and no `..` leads out of it.
pub fn openPathIn(root: i32, path: [:0]const u8) Error!i32 {
    return openAt2(root, path, .{ .PATH = true, .CLOEXEC = true }, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

pub fn openResolved(path: [:0]const u8, flags: sys.O, resolve: u64) Error!i32 {
    return openAt2(AT_FDCWD, path, flags, resolve);
}

fn openAt2(directory: i32, path: [:0]const u8, flags: sys.O, resolve: u64) Error!i32 {
    const how: OpenHow = .{ .flags = @as(u32, @bitCast(flags)), .resolve = resolve };
    while (true) {
        const rc = sys.syscall4(.openat2, word(directory), @intFromPtr(path.ptr), @intFromPtr(&how), @sizeOf(OpenHow));
        if (sys.errno(rc) == .AGAIN or sys.errno(rc) == .INTR) continue; // a rename raced with the resolution
        return checkFd(rc, "openat2", path);
    }
}

pub fn openTree(dir: i32, path: [*:0]const u8, flags: u32) usize {
    return sys.syscall3(.open_tree, word(dir), @intFromPtr(path), flags | OPEN_TREE_CLONE | CLOSE_ON_EXEC);
}

/// Attaches the mount that `from` is the root of to what `to` refers to.
pub fn moveMount(from: i32, to: i32) usize {
    const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    return sys.syscall5(.move_mount, word(from), @intFromPtr(""), word(to), @intFromPtr(""), flags);
}

pub const MountAttr = extern struct { set: u64 = 0, clr: u64 = 0, propagation: u64 = 0, userns_fd: u64 = 0 };

pub fn mountSetattr(dir: i32, path: [*:0]const u8, flags: u32, attr: *const MountAttr) usize {
    return sys.syscall5(.mount_setattr, word(dir), @intFromPtr(path), flags, @intFromPtr(attr), @sizeOf(MountAttr));
}

pub fn fsopen(name: [:0]const u8) usize {
    return sys.syscall2(.fsopen, @intFromPtr(name.ptr), 1); // FSOPEN_CLOEXEC
}

pub fn fsmount(fd: i32, attributes: u32) usize {
    return sys.syscall3(.fsmount, word(fd), 1, attributes); // FSMOUNT_CLOEXEC
}

pub fn fstatfsType(fd: i32) Error!usize {
    var buffer: [15]u64 = undefined; // struct statfs is 120 bytes, f_type its first word
    _ = try check(sys.syscall2(.fstatfs, word(fd), @intFromPtr(&buffer)), "fstatfs", "");
    return buffer[0];
}

pub fn stat(fd: i32) Error!sys.Statx {
    var result: sys.Statx = undefined;
    _ = try check(sys.statx(fd, "", AT_EMPTY_PATH, sys.STATX.BASIC_STATS, &result), "statx", "");
    return result;
}

pub const CapHeader = extern struct { version: u32 = 0x20080522, pid: i32 = 0 };
pub const CapData = extern struct { effective: u32, permitted: u32, inheritable: u32 };

pub fn capset(data: *const [2]CapData) usize {
    const head: CapHeader = .{};
    return sys.syscall2(.capset, @intFromPtr(&head), @intFromPtr(data));
}

/// wait4(2); waits again when interrupted.
pub fn wait(pid: i32, status: *u32, flags: u32) usize {
    while (true) {
        const rc = sys.syscall4(.wait4, word(pid), @intFromPtr(status), flags, 0);
        if (sys.errno(rc) != .INTR) return rc;
    }
}

/// Every signal blocked: what is not to reach the shim's own processes stays pending.
pub fn blockSignals() void {
    const all: u64 = std.math.maxInt(u64);
    _ = sys.syscall4(.rt_sigprocmask, sys.SIG.SETMASK, @intFromPtr(&all), 0, 8);
}

/// Default disposition of every signal and an empty mask: what a program may expect to be born with.
pub fn defaultSignals() void {
    const action: [4]u64 = @splat(0); // handler SIG_DFL, flags, restorer, mask
    for (1..65) |signal| {
        if (signal == 9 or signal == 19) continue; // KILL, STOP
        _ = sys.syscall4(.rt_sigaction, signal, @intFromPtr(&action), 0, 8);
    }
    const none: u64 = 0;
    _ = sys.syscall4(.rt_sigprocmask, sys.SIG.SETMASK, @intFromPtr(&none), 0, 8);
}

pub fn prctl(option: sys.PR, argument: usize) usize {
    return sys.prctl(@backingInt(option), argument, 0, 0, 0);
}

/// The name in `ps`: the program is executed through /proc/self/fd/N and would be called "N".
pub fn nameProcess() void {
    _ = prctl(.SET_NAME, @intFromPtr("mdk-shim"));
}

/// Closes every descriptor from `first` to `last` (close_range(2), since 5.9).
pub noinline fn closeRange(first: i32, last: i32) Error!void {
    _ = try check(sys.syscall3(.close_range, word(first), word(last), 0), "close_range", "");
}

/// Closes `first` and everything above.
pub fn closeFrom(first: i32) Error!void {
    try closeRange(first, std.math.maxInt(i32));
}

pub fn setNonblocking(fd: i32) void {
    const flags = sys.fcntl(fd, sys.F.GETFL, 0);
    if (sys.errno(flags) == .SUCCESS) _ = sys.fcntl(fd, sys.F.SETFL, flags | 0o4000);
}

/// Zeroed private pages; only those touched are paid for.
pub noinline fn mapMemory(length: usize) Error![]align(4096) u8 {
    const rc = sys.mmap(null, length, .{ .READ = true, .WRITE = true }, .{ .TYPE = .PRIVATE, .ANONYMOUS = true, .NORESERVE = true }, -1, 0);
    _ = try check(rc, "mmap", "");
    return @as([*]align(4096) u8, @ptrFromInt(rc))[0..length];
}

pub fn unmapMemory(memory: []const u8) void {
    _ = sys.munmap(memory.ptr, memory.len);
}

/// The kernel forgets the pages; they read as zeroes afterwards.
pub fn forgetMemory(memory: []align(4096) u8) void {
    _ = sys.madvise(memory.ptr, memory.len, sys.MADV.DONTNEED);
}

/// The same for the stack below the caller: what it held was of calls that are over. Not inlined, so that what is kept has an end.
pub noinline fn forgetStack() void {
    const used = std.mem.alignBackward(usize, @frameAddress() - 512, 4096);
    _ = sys.madvise(@ptrFromInt(used - stack_deep), stack_deep, sys.MADV.DONTNEED);
}

/// More than any call here has needed; what of it is not there is passed over (madvise(2), ENOMEM).
const stack_deep = 64 << 10;

/// Random bytes, at once: as good as the kernel has them, in the first moments after boot as well (getrandom(2), GRND_INSECURE since 5.6).
pub fn random(bytes: []u8) void {
    _ = sys.getrandom(bytes.ptr, bytes.len, 4);
}

/// Decimal text of a number, NUL-terminated, in `buffer`; for /proc/self/fd/N and the like.
pub noinline fn decimal(buffer: []u8, prefix: []const u8, value: u64) [:0]u8 {
    if (buffer.ptr != prefix.ptr) @memcpy(buffer[0..prefix.len], prefix); // it may be there already
    var digits: [20]u8 = undefined;
    var at: usize = digits.len;
    var rest = value;
    while (true) {
        at -= 1;
        digits[at] = @intCast('0' + rest % 10);
        rest /= 10;
        if (rest == 0) break;
    }
    const end = prefix.len + digits.len - at;
    @memcpy(buffer[prefix.len..end], digits[at..]);
    buffer[end] = 0;
    return buffer[0..end :0];
}

pub fn fdPath(buffer: []u8, fd: i32) [:0]u8 {
    return decimal(buffer, "/proc/self/fd/", @intCast(fd));
}

test "a descriptor's path under /proc" {
    var buffer: [40]u8 = undefined;
    try std.testing.expectEqualStrings("/proc/self/fd/0", fdPath(&buffer, 0));
    try std.testing.expectEqualStrings("/proc/self/fd/1234567", fdPath(&buffer, 1234567));
}
