/**
 * Which seccomp filter a container gets. The usual ones were compiled when mdk was bundled; others (several
 * capabilities added, a profile in the spec itself) are compiled on the spot, by modules that are loaded only then.
 */
import { SECCOMP_ANNOTATION } from "../spec/generate.ts";
import type { Spec } from "../spec/types.ts";
import { defaultFilter, defaultKey, profileCapabilities } from "./seccomp-macro.ts" with { type: "macro" };
import type { Machine } from "./seccomp-profile.ts";

const PRECOMPILED: Readonly<Record<Machine, string>> = { x86_64: defaultFilter("x86_64"), aarch64: defaultFilter("aarch64") };
const PRECOMPILED_KEY = defaultKey();
const PROFILE_CAPABILITIES = profileCapabilities().split(",");

/**
 * struct sock_filter[] in base64 for a container, or for an exec in it with other capabilities (`bounding`); null: unconfined.
 * A profile in the spec wins over the annotation; neither of them means unconfined, as the OCI spec has it.
 */
export async function seccompFilter(
  spec: Spec,
  machine: Machine,
  bounding: readonly string[] = spec.process.capabilities.bounding,
): Promise<string | null> {
  if (spec.linux.seccomp !== undefined) {
    const { compileSeccomp } = await import("./seccomp-compile.ts");
    return compileSeccomp(spec.linux.seccomp, machine).toBase64();
  }
  if (spec.annotations?.[SECCOMP_ANNOTATION] !== "default") return null;
  const key = PROFILE_CAPABILITIES.filter((name) => bounding.includes(name)).join();
  if (key === PRECOMPILED_KEY) return PRECOMPILED[machine];
  const { COMMON_FILTERS } = await import("./seccomp-common.ts");
  const common = COMMON_FILTERS[machine][key];
  if (common !== undefined) return Bun.inflateSync(Uint8Array.fromBase64(common)).toBase64();
  const { compileSeccomp } = await import("./seccomp-compile.ts");
  const { defaultProfile } = await import("./seccomp-profile.ts");
  return compileSeccomp(defaultProfile(bounding, machine), machine).toBase64();
}

/** The spec with its profile written out, for a bundle that another runtime is to run. */
export async function withSeccompProfile(spec: Spec, machine: Machine): Promise<Spec> {
  if (spec.linux.seccomp !== undefined || spec.annotations?.[SECCOMP_ANNOTATION] !== "default") return spec;
  const { defaultProfile } = await import("./seccomp-profile.ts");
  return { ...spec, linux: { ...spec.linux, seccomp: defaultProfile(spec.process.capabilities.bounding, machine) } };
}

/** Node's name of the processor as the kernel's; null for one that mdk does not run on. */
export function machineOf(arch: string): Machine | null {
  return arch === "x64" ? "x86_64" : arch === "arm64" ? "aarch64" : null;
}
