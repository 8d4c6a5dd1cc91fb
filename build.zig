//! One command for the whole product: `sh shim/zig.sh build` compiles the shims (x86_64 and aarch64) into zig-out/bin
//! and has Bun link them with the TypeScript into dist/mdk. `check` wants an invocation of its own: the other steps
//! write shim/plan.zig anew and would hide that the committed one is stale.
const std = @import("std");

comptime {
    const needed: std.SemanticVersion = .{ .major = 0, .minor = 17, .patch = 1 };
    if (@import("builtin").zig_version.order(needed) != .eq) @compileError("mdk builds with Zig 0.17.1: sh shim/zig.sh build");
}

const bun = "node_modules/.bin/bun";

pub fn build(b: *std.Build) void {
    const plan = generatedPlan(b);
    const generate = b.addUpdateSourceFiles();
    generate.addCopyFileToSource(plan, "shim/plan.zig");
    b.step("generate", "Write shim/plan.zig from src/runtime/plan.ts").dependOn(&generate.step);

    addCheck(b, plan);
    addTests(b, &generate.step);

    // Always run: Bun takes 0.4 s, and a cached 109 MB output for every change would fill .zig-cache.
    const link = b.addSystemCommand(&.{ "sh", "shim/link.sh" });
    link.setCwd(b.path("."));
    link.has_side_effects = true;
    b.getInstallStep().dependOn(&link.step);

    const shims = b.step("shim", "Compile the shims only, into zig-out/bin");
    for ([_]std.Target.Cpu.Arch{ .x86_64, .aarch64 }) |arch| {
        const target = b.resolveTargetQuery(.{ .cpu_arch = arch, .os_tag = .linux, .abi = .none });
        const shim = b.addExecutable(.{ .name = b.fmt("shim-{t}", .{arch}), .root_module = module(b, target, .safe) });
        shim.stack_size = 0; // else the start code doubles RLIMIT_STACK, and the container inherits it
        shim.step.dependOn(&generate.step);
        const installed = b.addInstallArtifact(shim, .{});
        shims.dependOn(&installed.step);
        link.step.dependOn(&installed.step);
        link.step.dependOn(&b.addInstallArtifact(entryOf(b, target, arch), .{}).step);
    }
}

/// What the kernel starts of dist/mdk. Above all that Bun links, which begins at 2 MB: shim/carry.ts checks it.
fn entryOf(b: *std.Build, target: std.Build.ResolvedTarget, arch: std.Target.Cpu.Arch) *std.Build.Step.Compile {
    const first = b.createModule(.{
        .root_source_file = b.path("shim/entry.zig"),
        .target = target,
        .optimize = .safe,
        .single_threaded = true,
        .strip = true,
        .unwind_tables = .none,
        .link_libc = false,
    });
    const executable = b.addExecutable(.{ .name = b.fmt("entry-{t}", .{arch}), .root_module = first });
    executable.stack_size = 0;
    executable.image_base = 0x2000_0000;
    return executable;
}

fn generatedPlan(b: *std.Build) std.Build.LazyPath {
    const generator = b.addSystemCommand(&.{bun});
    generator.addFileArg(b.path("shim/generate.ts"));
    generator.addFileArg(b.path("src/runtime/plan.ts"));
    generator.addFileInput(b.path("package-lock.json"));
    return generator.addOutputFileArg("plan.zig");
}

fn addCheck(b: *std.Build, plan: std.Build.LazyPath) void {
    const current = b.addSystemCommand(&.{ "diff", "-u" });
    current.addFileArg(b.path("shim/plan.zig"));
    current.addFileArg(plan);
    const types = b.addSystemCommand(&.{ "node_modules/.bin/tsc", "--noEmit" });
    types.setCwd(b.path("."));
    types.has_side_effects = true;
    const check = b.step("check", "Formatting, types, and that shim/plan.zig is current");
    check.dependOn(&current.step);
    check.dependOn(&b.addFmt(.{ .paths = b.pathList(&.{ "build.zig", "shim" }), .check = true }).step);
    check.dependOn(&types.step);
}

fn addTests(b: *std.Build, generate: *std.Build.Step) void {
    const root = module(b, b.graph.host, .debug);
    const options = b.addOptions();
    options.addOption([]const []const u8, "plans", goldenPlans(b, root, "test/plan"));
    root.addImport("golden", options.createModule());
    const tests = b.addTest(.{
        .root_module = root,
        .filters = b.option([]const []const u8, "test-filter", "Only tests whose name contains this") orelse &.{},
    });
    tests.step.dependOn(generate);
    const run = b.addRunArtifact(tests);
    run.has_side_effects = true; // a cached run reports no counts
    b.step("test", "Run the shim's unit tests, the golden plans among them").dependOn(&run.step);
}

/// Makes every test/plan/*.json importable by its name: Zig embeds no files above the root source file's directory.
fn goldenPlans(b: *std.Build, root: *std.Build.Module, directory: []const u8) []const []const u8 {
    const io = b.graph.io;
    b.dependOnDirectoryContents(b.path(directory)); // build.zig's result is cached
    var names: std.ArrayList([]const u8) = .empty;
    var dir = b.root.root_dir.handle.openDir(io, directory, .{ .iterate = true }) catch @panic(directory);
    defer dir.close(io);
    var entries = dir.iterate();
    while (entries.next(io) catch @panic(directory)) |entry| {
        if (entry.kind != .file or !std.mem.endsWith(u8, entry.name, ".json")) continue;
        const name = b.dupe(entry.name);
        root.addAnonymousImport(name, .{ .root_source_file = b.path(b.pathJoin(&.{ directory, name })) });
        names.append(b.allocator, name) catch @panic("out of memory");
    }
    std.mem.sort([]const u8, names.items, {}, struct {
        fn lessThan(_: void, left: []const u8, right: []const u8) bool {
            return std.mem.lessThan(u8, left, right);
        }
    }.lessThan);
    return names.items;
}

fn module(b: *std.Build, target: std.Build.ResolvedTarget, optimize: std.lang.Optimize) *std.Build.Module {
    return b.createModule(.{
        .root_source_file = b.path("shim/main.zig"),
        .target = target,
        .optimize = optimize,
        .single_threaded = true,
        .strip = optimize != .debug,
        .unwind_tables = if (optimize == .debug) null else .none,
        .link_libc = false,
    });
}
