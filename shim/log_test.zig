//! The log as files: splitting, rotation, a full disk.
const std = @import("std");
const linux = @import("linux.zig");
const Log = @import("log.zig").Log;
const sys = linux.sys;
const t = std.testing;

const Place = struct {
    dir: std.testing.TmpDir,
    memory: []align(4096) u8,
    log: Log,

    fn init(place: *Place, max_size: u64, max_files: u32) !void {
        place.dir = t.tmpDir(.{});
        place.memory = try linux.mapMemory(Log.memory_size);
        place.log = try .init(place.dir.dir.handle, "c-json.log", max_size, max_files, place.memory);
    }

    fn deinit(place: *Place) void {
        linux.close(place.log.file);
        linux.unmapMemory(place.memory);
        place.dir.cleanup();
    }

    fn read(place: *Place, name: []const u8) ![]u8 {
        return place.dir.dir.readFileAlloc(t.io, name, t.allocator, .limited(1 << 20));
    }
};

const Entry = struct { log: []const u8, stream: []const u8, time: []const u8 };

fn expectEntry(line: []const u8, text: []const u8, stream: []const u8) !void {
    const parsed = try std.json.parseFromSlice(Entry, t.allocator, line, .{});
    defer parsed.deinit();
    try t.expectEqualStrings(text, parsed.value.log);
    try t.expectEqualStrings(stream, parsed.value.stream);
    try t.expectEqual('Z', parsed.value.time[parsed.value.time.len - 1]);
}

test "lines of both streams, cut anywhere, become one entry each" {
    var place: Place = undefined;
    try place.init(0, 1);
    defer place.deinit();
    place.log.write(.stdout, "one\ntw");
    place.log.write(.stderr, "err\n");
    place.log.write(.stdout, "o \xc3");
    place.log.write(.stdout, "\xa9\n\nrest");
    place.log.finish();
    const text = try place.read("c-json.log");
    defer t.allocator.free(text);
    var lines = std.mem.splitScalar(u8, text, '\n');
    try expectEntry(lines.next().?, "one\n", "stdout");
    try expectEntry(lines.next().?, "err\n", "stderr");
    try expectEntry(lines.next().?, "two é\n", "stdout");
    try expectEntry(lines.next().?, "\n", "stdout");
    try expectEntry(lines.next().?, "rest", "stdout");
    try t.expectEqualStrings("", lines.next().?);
    try t.expectEqual(null, lines.next());
}

test "a line of 16 KiB is split, and only its last piece has the newline" {
    var place: Place = undefined;
    try place.init(0, 1);
    defer place.deinit();
    const long: [40_000]u8 = @splat(1); // each byte is six in the log
    place.log.write(.stdout, long[0..16383] ++ "\n");
    place.log.write(.stdout, long[0..20_000]);
    place.log.write(.stdout, long[0 .. 16_384 - 3616]);
    place.log.write(.stdout, "\n");
    const text = try place.read("c-json.log");
    defer t.allocator.free(text);
    var lines = std.mem.splitScalar(u8, text, '\n');
    try expectEntry(lines.next().?, long[0..16383] ++ "\n", "stdout");
    try expectEntry(lines.next().?, long[0..16384], "stdout");
    try expectEntry(lines.next().?, long[0..16384], "stdout");
    try expectEntry(lines.next().?, "\n", "stdout");
}

test "files are rotated at their size and only so many are kept" {
    var place: Place = undefined;
    try place.init(100, 3);
    defer place.deinit();
    for (0..9) |number| place.log.write(.stdout, &.{ 'a' + @as(u8, @intCast(number)), '\n' });
    // An entry is some 70 bytes: two fill a file.
    for ([_][]const u8{ "c-json.log", "c-json.log.1", "c-json.log.2" }, [_]u8{ 'i', 'g', 'e' }, 0..) |name, letter, index| {
        const text = try place.read(name);
        defer t.allocator.free(text);
        try t.expectEqual(@as(usize, if (index == 0) 1 else 2), std.mem.countScalar(u8, text, '\n'));
        try expectEntry(text[0..std.mem.findScalar(u8, text, '\n').?], &.{ letter, '\n' }, "stdout");
    }
    try t.expectError(error.FileNotFound, place.read("c-json.log.3"));
}

test "a log without space drops lines, stays whole, and says how many were lost" {
    var place: Place = undefined;
    try place.init(0, 1);
    defer place.deinit();
    place.log.write(.stdout, "kept\n");
    const file = place.log.file;
    place.log.file = try linux.checkFd(sys.openat(linux.AT_FDCWD, "/dev/full", .{ .ACCMODE = .WRONLY, .CLOEXEC = true }, 0), "openat", "");
    place.log.write(.stdout, "lost\nlost too\n");
    linux.close(place.log.file);
    place.log.file = file;
    place.log.write(.stdout, "kept again\n");
    const text = try place.read("c-json.log");
    defer t.allocator.free(text);
    var lines = std.mem.splitScalar(u8, text, '\n');
    try expectEntry(lines.next().?, "kept\n", "stdout");
    try expectEntry(lines.next().?, "mdk: 2 lines lost: the log could not be written\n", "stderr");
    try expectEntry(lines.next().?, "kept again\n", "stdout");
}

test "a rotation whose new file cannot be made costs no older file" {
    var place: Place = undefined;
    try place.init(100, 3);
    defer place.deinit();
    for ("abcd") |letter| place.log.write(.stdout, &.{ letter, '\n' });
    var before: sys.rlimit = undefined;
    _ = try linux.check(sys.prlimit(0, .NOFILE, null, &before), "prlimit64", "");
    _ = try linux.check(sys.prlimit(0, .NOFILE, &.{ .cur = 0, .max = before.max }, null), "prlimit64", "");
    for ("efghij") |letter| place.log.write(.stdout, &.{ letter, '\n' });
    _ = try linux.check(sys.prlimit(0, .NOFILE, &before, null), "prlimit64", "");
    place.log.write(.stdout, "k\n");
    for ([_][]const u8{ "c-json.log.2", "c-json.log.1" }, "ac") |name, letter| {
        const text = try place.read(name);
        defer t.allocator.free(text);
        try expectEntry(text[0..std.mem.findScalar(u8, text, '\n').?], &.{ letter, '\n' }, "stdout");
    }
    const text = try place.read("c-json.log");
    defer t.allocator.free(text);
    var lines = std.mem.splitScalar(u8, text, '\n');
    try expectEntry(lines.next().?, "mdk: 6 lines lost: the log could not be written\n", "stderr");
    try expectEntry(lines.next().?, "k\n", "stdout");
}
