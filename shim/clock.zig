//! Wall-clock time as RFC 3339 with nanoseconds and without trailing zeroes: Go's time.RFC3339Nano in UTC, which
//! Docker's log and state carry.
const std = @import("std");
const sys = @import("linux.zig").sys;

pub const max_length = 30;

pub noinline fn now(buffer: *[max_length]u8) []const u8 {
    var time: sys.timespec = undefined;
    _ = sys.clock_gettime(.REALTIME, &time);
    return format(buffer, @intCast(time.sec), @intCast(time.nsec));
}

/// Seconds that never jump, for waiting.
pub noinline fn monotonicMilliseconds() u64 {
    var time: sys.timespec = undefined;
    _ = sys.clock_gettime(.MONOTONIC, &time);
    return @as(u64, @intCast(time.sec)) * 1000 + @as(u64, @intCast(time.nsec)) / 1_000_000;
}

/// `seconds` since 1970, before the year 10000.
pub fn format(buffer: *[max_length]u8, seconds: u64, nanoseconds: u32) []const u8 {
    const day = seconds / 86_400;
    const second = seconds % 86_400;
    // Days to civil date, with years that begin in March (Howard Hinnant's chrono algorithms).
    const shifted = day + 719_468;
    const era = shifted / 146_097;
    const of_era = shifted % 146_097;
    const year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    const of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const march_month = (5 * of_year + 2) / 153;
    const month = if (march_month < 10) march_month + 3 else march_month - 9;
    const year = year_of_era + era * 400 + @intFromBool(month <= 2);

    @memcpy(buffer[0..20], "0000-00-00T00:00:00.");
    put(buffer[0..4], year);
    put(buffer[5..7], month);
    put(buffer[8..10], of_year - (153 * march_month + 2) / 5 + 1);
    put(buffer[11..13], second / 3600);
    put(buffer[14..16], second / 60 % 60);
    put(buffer[17..19], second % 60);
    put(buffer[20..29], nanoseconds);
    var end: usize = 29;
    while (buffer[end - 1] == '0') end -= 1;
    if (buffer[end - 1] == '.') end -= 1;
    buffer[end] = 'Z';
    return buffer[0 .. end + 1];
}

fn put(place: []u8, value: u64) void {
    var rest = value;
    var at = place.len;
    while (at > 0) : (rest /= 10) {
        at -= 1;
        place[at] = @intCast('0' + rest % 10);
    }
}

test "dates as Go prints them" {
    var buffer: [max_length]u8 = undefined;
    for ([_]struct { u64, u32, []const u8 }{
        .{ 0, 0, "1970-01-01T00:00:00Z" },
        .{ 951_782_400, 1, "2000-02-29T00:00:00.000000001Z" },
        .{ 951_868_800, 500_000_000, "2000-03-01T00:00:00.5Z" },
        .{ 1_709_251_199, 999_999_999, "2024-02-29T23:59:59.999999999Z" },
        .{ 1_795_351_642, 195_647_610, "2026-11-22T12:47:22.19564761Z" },
        .{ 4_102_444_799, 0, "2099-12-31T23:59:59Z" },
        .{ 253_402_300_799, 10, "9999-12-31T23:59:59.00000001Z" },
    }) |sample| try std.testing.expectEqualStrings(sample[2], format(&buffer, sample[0], sample[1]));
}
