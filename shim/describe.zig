//! Types as constant tables that the decoder (decode.zig) walks: made at compile time, with a small typed setter wherever
//! Zig leaves the layout open (optionals, slices, unions).
const std = @import("std");
const plan = @import("plan.zig");

pub const Field = struct { name: []const u8, offset: usize, type: *const Type };
pub const Variant = struct { name: []const u8, type: *const Type, set: *const fn (*anyopaque, *const anyopaque) void };
pub const Maybe = struct { type: *const Type, set: *const fn (*anyopaque, ?*const anyopaque) void };
pub const List = struct { type: *const Type, set: *const fn (*anyopaque, *anyopaque, usize) void };

pub const Type = struct {
    size: usize,
    kind: union(enum) {
        boolean,
        /// A JSON number of `size` bytes, or where it has 8 a decimal string.
        integer: std.lang.Signedness,
        /// An index into the descriptors, replaced by the descriptor itself.
        descriptor,
        text,
        maybe: Maybe,
        list: List,
        object: []const Field,
        choice: []const Variant,
    },
};

/// Largest value that a choice or an optional holds: these are decoded aside and then put in place.
pub const largest = 512;

/// The description of a type.
pub fn describe(comptime T: type) *const Type {
    return &struct {
        const description: Type = .{ .size = @sizeOf(T), .kind = kind(T) };
    }.description;
}

fn kind(comptime T: type) @FieldType(Type, "kind") {
    if (T == [:0]const u8) return .text;
    return switch (@typeInfo(T)) {
        .bool => .boolean,
        .int => |int| .{ .integer = int.signedness },
        .@"enum" => if (T == plan.Fd) .descriptor else @compileError("no decoder for enums yet: " ++ @typeName(T)),
        .optional => |optional| .{ .maybe = maybe(T, optional.child) },
        .pointer => |pointer| .{ .list = list(T, pointer.child) },
        .@"struct" => .{ .object = fields(T) },
        .@"union" => .{ .choice = variants(T) },
        else => @compileError("no decoder for " ++ @typeName(T)),
    };
}

fn fits(comptime T: type) void {
    if (@sizeOf(T) > largest or @alignOf(T) > 16) @compileError(@typeName(T) ++ " is too large to be decoded aside");
}

fn maybe(comptime T: type, comptime Child: type) Maybe {
    fits(Child);
    return .{ .type = describe(Child), .set = struct {
        fn set(place: *anyopaque, value: ?*const anyopaque) void {
            const typed: *T = @ptrCast(@alignCast(place));
            typed.* = if (value) |pointer| @as(*const Child, @ptrCast(@alignCast(pointer))).* else null;
        }
    }.set };
}

fn list(comptime T: type, comptime Child: type) List {
    return .{ .type = describe(Child), .set = struct {
        fn set(place: *anyopaque, items: *anyopaque, count: usize) void {
            const typed: *T = @ptrCast(@alignCast(place));
            typed.* = @as([*]const Child, @ptrCast(@alignCast(items)))[0..count];
        }
    }.set };
}

fn fields(comptime T: type) []const Field {
    const info = @typeInfo(T).@"struct";
    if (info.field_names.len > 64) @compileError("more fields than the decoder can check off");
    comptime var result: [info.field_names.len]Field = undefined;
    inline for (info.field_names, info.field_types, 0..) |name, F, index|
        result[index] = .{ .name = name, .offset = @offsetOf(T, name), .type = describe(F) };
    const final = result;
    return &final;
}

fn variants(comptime T: type) []const Variant {
    const info = @typeInfo(T).@"union";
    comptime var result: [info.field_names.len]Variant = undefined;
    inline for (info.field_names, info.field_types, 0..) |name, F, index| {
        fits(F);
        result[index] = .{ .name = name, .type = describe(F), .set = struct {
            fn set(place: *anyopaque, value: *const anyopaque) void {
                const typed: *T = @ptrCast(@alignCast(place));
                typed.* = @unionInit(T, name, @as(*const F, @ptrCast(@alignCast(value))).*);
            }
        }.set };
    }
    const final = result;
    return &final;
}
