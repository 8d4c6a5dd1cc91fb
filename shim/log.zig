//! Docker's json-file log: `{"log":"…\n","stream":"stdout","time":"…"}`, one line an entry, rotated by size.
//!
//! A line ends at a newline; one of 16 KiB or more is split into pieces of 16 KiB, of which only the last has the
//! newline (moby daemon/logger/copier.go). All entries of one read go out in one write. A log that cannot be written
//! (no space) never holds up the program: lines are dropped, counted, and the count is logged once there is room.
const std = @import("std");
const clock = @import("clock.zig");
const encode = @import("log_text.zig").encode;
const linux = @import("linux.zig");
const sys = linux.sys;

pub const Stream = enum(u1) { stdout, stderr };

/// moby's copier reads into a buffer of this size.
const max_piece = 16 << 10;
/// An entry is at most six times its text, and this much besides.
const entry_overhead = 96;
const out_size = 6 * max_piece + entry_overhead + (30 << 10);

pub const Log = struct {
    directory: i32,
    name: [:0]const u8,
    /// 0: no rotation.
    max_size: u64,
    max_files: u32,
    file: i32 = -1,
    size: u64 = 0,
    dropped: u64 = 0,
    /// Entries, not yet written, and where the last of them ends.
    out: []u8,
    used: usize = 0,
    entries: u64 = 0,
    /// Beginnings of lines.
    partial: [2][]u8,
    partial_used: [2]usize = .{ 0, 0 },
    time: [clock.max_length]u8 = undefined,
    time_length: usize = 0,

    /// Memory that a log works in; pages are touched as they are needed.
    pub const memory_size = out_size + 2 * max_piece;

    pub fn init(directory: i32, name: [:0]const u8, max_size: u64, max_files: u32, memory: []u8) linux.Error!Log {
        var log: Log = .{
            .directory = directory,
            .name = name,
            .max_size = max_size,
            .max_files = max_files,
            .out = memory[0..out_size],
            .partial = .{ memory[out_size..][0..max_piece], memory[out_size + max_piece ..][0..max_piece] },
        };
        try log.open();
        return log;
    }

    fn open(log: *Log) linux.Error!void {
        const flags: sys.O = .{ .ACCMODE = .WRONLY, .CREAT = true, .APPEND = true, .CLOEXEC = true, .NOFOLLOW = true };
        log.file = try linux.checkFd(sys.openat(log.directory, log.name, flags, 0o640), "openat", log.name);
        log.size = (try linux.stat(log.file)).size;
    }

    pub fn write(log: *Log, stream: Stream, bytes: []const u8) void {
        const kept = @backingInt(stream);
        log.time_length = clock.now(&log.time).len;
        var rest = bytes;
        while (rest.len > 0) {
            const room = max_piece - log.partial_used[kept];
            const window = rest[0..@min(rest.len, room)];
            const newline = std.mem.findScalar(u8, window, '\n');
            const piece = window[0 .. newline orelse window.len];
            rest = rest[piece.len + @intFromBool(newline != null) ..];
            // The end of a line, or of a piece; else it is kept until more comes.
            const complete = newline != null or piece.len == room;
            if (log.partial_used[kept] == 0 and complete) {
                log.entry(stream, piece, newline != null);
                continue;
            }
            @memcpy(log.partial[kept][log.partial_used[kept]..][0..piece.len], piece);
            log.partial_used[kept] += piece.len;
            if (complete) {
                log.entry(stream, log.partial[kept][0..log.partial_used[kept]], newline != null);
                log.partial_used[kept] = 0;
            }
        }
        log.flush();
    }

    /// What has no newline at the end of the stream is logged without one.
    pub fn finish(log: *Log) void {
        log.time_length = clock.now(&log.time).len;
        for ([_]Stream{ .stdout, .stderr }) |stream| {
            const kept = @backingInt(stream);
            if (log.partial_used[kept] > 0) log.entry(stream, log.partial[kept][0..log.partial_used[kept]], false);
            log.partial_used[kept] = 0;
        }
        log.flush();
        if (log.dropped > 0) _ = log.tellDropped();
    }

    pub fn close(log: *Log) void {
        linux.close(log.file);
        linux.close(log.directory);
    }

    /// A line of mdk's own, on stderr; `text` needs no escaping.
    pub fn say(log: *Log, text: []const u8) void {
        log.time_length = clock.now(&log.time).len;
        if (log.file < 0 or !log.note(text)) log.dropped += 1;
    }

    noinline fn entry(log: *Log, stream: Stream, text: []const u8, newline: bool) void {
        if (log.out.len - log.used < 6 * text.len + entry_overhead) log.flush();
        log.put("{\"log\":\"");
        log.used += encode(log.out[log.used..], text);
        log.put(if (newline) "\\n\",\"stream\":\"" else "\",\"stream\":\"");
        log.put(@tagName(stream));
        log.put("\",\"time\":\"");
        log.put(log.time[0..log.time_length]);
        log.put("\"}\n");
        log.entries += 1;
        if (log.max_size > 0 and log.size + log.used >= log.max_size) log.flush();
    }

    noinline fn put(log: *Log, text: []const u8) void {
        @memcpy(log.out[log.used..][0..text.len], text);
        log.used += text.len;
    }

    /// The entries to the file, all or none: half an entry would spoil the next one.
    noinline fn flush(log: *Log) void {
        if (log.used == 0) return;
        defer {
            log.used = 0;
            log.entries = 0;
        }
        // A new file that could not be made: only that is tried again, for each rotation costs the oldest file.
        if (log.file < 0) log.open() catch {} else if (log.max_size > 0 and log.size >= log.max_size) log.rotate();
        if (log.dropped > 0 and !log.tellDropped()) {
            log.dropped += log.entries;
            return;
        }
        if (!log.append(log.out[0..log.used])) log.dropped += log.entries;
    }

    noinline fn append(log: *Log, bytes: []const u8) bool {
        if (log.file < 0) return false;
        const rc = sys.write(log.file, bytes.ptr, bytes.len);
        if (sys.errno(rc) == .SUCCESS and rc == bytes.len) {
            log.size += rc;
            return true;
        }
        _ = sys.ftruncate(log.file, @intCast(log.size));
        return false;
    }

    fn tellDropped(log: *Log) bool {
        var buffer: [80]u8 = undefined;
        const text = linux.decimal(&buffer, "", log.dropped);
        const rest = " lines lost: the log could not be written";
        @memcpy(buffer[text.len..][0..rest.len], rest);
        if (!log.note(buffer[0 .. text.len + rest.len])) return false;
        log.dropped = 0;
        return true;
    }

    noinline fn note(log: *Log, text: []const u8) bool {
        var buffer: [250]u8 = undefined;
        var length: usize = 0;
        for ([_][]const u8{ "{\"log\":\"mdk: ", text, "\\n\",\"stream\":\"stderr\",\"time\":\"", log.time[0..log.time_length], "\"}\n" }) |part| {
            @memcpy(buffer[length..][0..part.len], part);
            length += part.len;
        }
        return log.append(buffer[0..length]);
    }

    /// name.2 → name.3, name.1 → name.2, name → name.1, and a new file. `max_files` counts the current one.
    fn rotate(log: *Log) void {
        linux.close(log.file);
        log.file = -1;
        var from: [280]u8 = undefined;
        var to: [280]u8 = undefined;
        log.markLost(&from, if (log.max_files <= 1) log.name else log.numbered(&to, log.max_files - 1));
        var number = log.max_files;
        while (number > 1) : (number -= 1) {
            const older = log.numbered(&to, number - 1);
            const newer = if (number == 2) log.name else log.numbered(&from, number - 2);
            _ = sys.renameat(log.directory, newer, log.directory, older);
        }
        if (log.max_files <= 1) _ = sys.unlinkat(log.directory, log.name, 0);
        log.open() catch {};
    }

    /// Where the oldest file is full too, its lines go now: a link "name.lost" says so to who reads the log.
    fn markLost(log: *const Log, buffer: *[280]u8, oldest: [:0]const u8) void {
        if (sys.errno(sys.faccessat(log.directory, oldest, 0, 0)) != .SUCCESS) return;
        @memcpy(buffer[0..log.name.len], log.name);
        @memcpy(buffer[log.name.len..][0..6], ".lost\x00");
        _ = sys.symlinkat("-", log.directory, buffer[0 .. log.name.len + 5 :0]);
    }

    fn numbered(log: *const Log, buffer: *[280]u8, number: u32) [:0]const u8 {
        @memcpy(buffer[0..log.name.len], log.name);
        buffer[log.name.len] = '.';
        return linux.decimal(buffer, buffer[0 .. log.name.len + 1], number);
    }

    /// Gives the pages of the output buffer back; lines that have begun stay.
    pub fn idle(log: *Log) void {
        const start = std.mem.alignForward(usize, @intFromPtr(log.out.ptr), 4096);
        const end = std.mem.alignBackward(usize, @intFromPtr(log.out.ptr) + log.out.len, 4096);
        linux.forgetMemory(@as([*]align(4096) u8, @ptrFromInt(start))[0 .. end - start]);
    }
};

test {
    _ = @import("log_text.zig");
    _ = @import("log_test.zig");
}
