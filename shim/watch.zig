//! What the monitor waits for: descriptors in one epoll set, each with the events it wants at the moment.
const linux = @import("linux.zig");
const sys = linux.sys;

pub const in: u32 = 0x1;
pub const out: u32 = 0x4;
/// The other end is gone: told whatever is wanted, as long as the descriptor is in the set.
pub const hung_up: u32 = 0x10;
/// The other end sends nothing more. Wanted alone it is the least that keeps a descriptor in the set.
pub const read_hung_up: u32 = 0x2000;
/// A socket's connection is broken: told as a hangup is.
pub const failed: u32 = 0x8;
/// Told once (EPOLLET). Wanted alone: nothing but that the connection is broken.
pub const once: u32 = 0x8000_0000;

/// Kinds of descriptors that are waited for; what each does is in `serve`.
pub const Source = enum(u32) {
    up,
    channel,
    listener,
    client,
    output,
    handed_output,
    input,
    handed_input,
    process,
    cleaner,
    health_output,
    health_channel,
    names,
    names_upstream,
    names_listener,
    names_client,
    names_server,
    proxy_tcp,
    proxy_client,
    proxy_server,
    proxy_udp,
    proxy_flow,
};

pub const Watch = struct {
    fd: i32 = -1,
    source: Source,
    index: u32 = 0,
    /// What the set holds for it.
    events: u32 = 0,
    /// The set that it was last put into.
    set: i32 = -1,
    /// Files and some devices cannot be waited for: they never make one wait (epoll_ctl says EPERM).
    always: bool = false,

    /// Nothing wanted: not in the set at all, since a hangup would be told for ever otherwise.
    pub noinline fn want(w: *Watch, epoll: i32, events: u32) void {
        if (w.fd < 0 or w.always or events == w.events) return;
        var event: sys.epoll_event = .{
            .events = events,
            .data = .{ .u64 = @as(u64, @backingInt(w.source)) << 32 | w.index },
        };
        const operation: u32 = if (w.events == 0) sys.EPOLL.CTL_ADD else if (events == 0) sys.EPOLL.CTL_DEL else sys.EPOLL.CTL_MOD;
        const rc = sys.epoll_ctl(epoll, operation, w.fd, &event);
        w.always = sys.errno(rc) == .PERM;
        w.events = events;
        w.set = epoll;
    }

    /// Out of the set first: a copy in another process (init is born with one of each) would keep it there.
    pub noinline fn close(w: *Watch) void {
        if (w.set >= 0 and w.events != 0 and !w.always) _ = sys.epoll_ctl(w.set, sys.EPOLL.CTL_DEL, w.fd, null);
        linux.close(w.fd);
        w.fd = -1;
        w.events = 0;
        w.always = false;
    }
};
