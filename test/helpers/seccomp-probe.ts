/** The seccomp probe (test/probe/seccomp.c), built once into the cache: by the machine's C compiler, else by Zig's. */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./probe.ts";

const SOURCE = "test/probe/seccomp.c";

/** Path of the static program. Throws with the compiler's message. */
export function buildSeccompProbe(): string {
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 12);
  const path = join(cacheFolder(), `seccomp-${digest}`);
  if (existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  const target = process.arch === "arm64" ? "aarch64-linux-musl" : "x86_64-linux-musl";
  // Zig compiles its libc first, which takes the better part of a minute.
  const compiler = Bun.which("gcc") === null ? ["sh", "shim/zig.sh", "cc", "-target", target] : ["gcc"];
  const { exitCode, stderr } = Bun.spawnSync([...compiler, "-static", "-O1", "-o", made, SOURCE]);
  if (exitCode !== 0) throw new Error(`${SOURCE}: ${stderr.toString()}`);
  renameSync(made, path);
  return path;
}
