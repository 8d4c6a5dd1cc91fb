/** A probe in C, built once into the cache as a static program: by the machine's C compiler, else by Zig's. */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { cacheFolder } from "./probe.ts";

/** Path of the program. `source`: "test/probe/seccomp.c". Throws with the compiler's message. */
export function buildStatic(source: string): string {
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(source)).digest("hex").slice(0, 12);
  const path = join(cacheFolder(), `${basename(source, ".c")}-${digest}`);
  if (existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  const target = process.arch === "arm64" ? "aarch64-linux-musl" : "x86_64-linux-musl";
  // Zig compiles its libc first, which takes the better part of a minute.
  const compiler = Bun.which("gcc") === null ? ["sh", "shim/zig.sh", "cc", "-target", target] : ["gcc"];
  const { exitCode, stderr } = Bun.spawnSync([...compiler, "-static", "-O1", "-o", made, source]);
  if (exitCode !== 0) throw new Error(`${source}: ${stderr.toString()}`);
  renameSync(made, path);
  return path;
}
