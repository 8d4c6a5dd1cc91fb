//! The steps that mount. Targets are opened first, under the plan's RESOLVE_* restrictions, and attached to by
//! descriptor: what an image puts in the way between two looks at a path changes nothing.
const std = @import("std");
const linux = @import("linux.zig");
const plan = @import("plan.zig");
const check = linux.check;
const sys = linux.sys;

pub fn mount(a: plan.Mount) linux.Error!void {
    const source: ?[*:0]const u8 = if (a.source) |s| s.ptr else null;
    const kind: ?[*:0]const u8 = if (a.type) |t| t.ptr else null;
    const data: usize = if (a.data) |d| @intFromPtr(d.ptr) else 0;
    _ = try check(sys.mount(source, a.target, kind, a.flags, data), "mount", a.target);
}

pub fn fsmount(a: plan.Fsmount) linux.Error!void {
    const context = try linux.checkFd(linux.fsopen(a.type), "fsopen", a.type);
    defer linux.close(context);
    for (a.options) |option| {
        const rc = if (option.value) |value|
            sys.fsconfig(context, .SET_STRING, option.key, value, 0)
        else
            sys.fsconfig(context, .SET_FLAG, option.key, null, 0);
        _ = try check(rc, "fsconfig", option.key);
    }
    _ = try check(sys.fsconfig(context, .CREATE, null, null, 0), "fsconfig", a.type);
    const mounted = try linux.checkFd(linux.fsmount(context, a.attributes), "fsmount", a.target);
    defer linux.close(mounted);
    try attach(mounted, a.target, a.resolve);
}

/// Attaches a detached mount. Where links of the image may be followed to the target, procfs is refused: what covers a file
/// of it deceives whoever writes to it (CVE-2019-16884).
pub fn attach(mounted: i32, target: [:0]const u8, resolve: u64) linux.Error!void {
    const place = try linux.openPath(target, resolve);
    defer linux.close(place);
    if (resolve & linux.RESOLVE_IN_ROOT != 0 and try linux.fstatfsType(place) == linux.PROC_SUPER_MAGIC)
        return linux.fail(.PERM, "fstatfs", target);
    _ = try check(linux.moveMount(mounted, place), "move_mount", target);
}

pub fn openTree(a: plan.OpenTree) linux.Error!void {
    const tree = try linux.checkFd(linux.openTree(linux.AT_FDCWD, a.source, a.flags), "open_tree", a.source);
    defer linux.close(tree);
    try put(tree, a.flags & linux.AT_RECURSIVE, a);
}

/// Our own mount namespace is entered again by a descriptor of it: /proc is the container's by now, and there.
pub fn borrowTree(a: plan.BorrowTree) linux.Error!void {
    const own = try linux.checkFd(sys.openat(linux.AT_FDCWD, "/proc/self/ns/mnt", .{ .CLOEXEC = true }, 0), "openat", "/proc/self/ns/mnt");
    defer linux.close(own);
    _ = try check(sys.setns(linux.number(a.from), linux.CLONE_NEWNS), "setns", a.source);
    const place = try linux.openPath(a.source, linux.RESOLVE_NO_SYMLINKS | linux.RESOLVE_NO_MAGICLINKS);
    defer linux.close(place);
    if (try linux.fstatfsType(place) != a.magic) return linux.fail(.INVAL, "fstatfs", a.source);
    const tree = try linux.checkFd(linux.openTree(place, "", linux.AT_EMPTY_PATH), "open_tree", a.source);
    defer linux.close(tree);
    _ = try check(sys.setns(own, linux.CLONE_NEWNS), "setns", "/proc/self/ns/mnt");
    try put(tree, 0, a);
}

/// Sets the step's attributes on a detached tree and attaches it.
fn put(tree: i32, recursive: u32, a: anytype) linux.Error!void {
    const attr: linux.MountAttr = .{ .set = a.attr_set, .clr = a.attr_clr, .propagation = a.propagation };
    var late = false;
    if (attr.set | attr.clr | attr.propagation != 0) {
        const rc = linux.mountSetattr(tree, "", linux.AT_EMPTY_PATH | recursive, &attr);
        late = sys.errno(rc) == .NOSYS;
        if (!late) _ = try check(rc, "mount_setattr", a.source);
    }
    try attach(tree, a.target, a.resolve);
    if (late) {
        // Once attached, the tree's own descriptor leads to it.
        var buffer: [40]u8 = undefined;
        try remount(linux.fdPath(&buffer, tree), &attr, a.target);
    }
}

pub fn setattr(a: plan.MountSetattr) linux.Error!void {
    const attr: linux.MountAttr = .{ .set = a.attr_set, .clr = a.attr_clr, .propagation = a.propagation };
    const rc = linux.mountSetattr(linux.AT_FDCWD, a.path, a.flags, &attr);
    if (sys.errno(rc) == .NOSYS) return remount(a.path, &attr, a.path);
    _ = try check(rc, "mount_setattr", a.path);
}

/// mount_setattr(2) came with 5.12. Before it, remounting sets the simple attributes of one mount: the four whose
/// MOUNT_ATTR_* and MS_* are the same numbers.
fn remount(path: [:0]const u8, attr: *const linux.MountAttr, object: [:0]const u8) linux.Error!void {
    const MS_REMOUNT = 32;
    const MS_BIND = 4096;
    if (attr.set & ~@as(u64, 0xf) != 0 or attr.clr & ~attr.set != 0) return linux.fail(.NOSYS, "mount_setattr", object);
    if (attr.set != 0)
        _ = try check(sys.mount(null, path, null, MS_REMOUNT | MS_BIND | @as(u32, @intCast(attr.set)), 0), "mount", object);
    if (attr.propagation != 0)
        _ = try check(sys.mount(null, path, null, @intCast(attr.propagation), 0), "mount", object);
}

/// pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one and is taken off from there. The new
/// root is attached over "/" for the moment: no descriptor of the caller's would do, since it leads into the caller's
/// mount namespace, where we may not mount.
pub fn pivotRoot(a: plan.PivotRoot) linux.Error!void {
    const root = linux.number(a.root);
    try attach(root, "/", 0);
    _ = try check(sys.fchdir(root), "fchdir", "root");
    _ = try check(sys.pivot_root(".", "."), "pivot_root", "root");
    _ = try check(sys.umount2(".", sys.MNT.DETACH), "umount2", "old root");
    _ = try check(sys.chdir("/"), "chdir", "/");
}
