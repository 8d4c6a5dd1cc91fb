/**
 * Platforms: "linux/arm/v7", what a host can run and which entry of an image index suits it best. Pure; the words and the
 * order are those of containerd's platforms package.
 */
import { MdkError } from "../error.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** "v7" of arm; "" where the architecture has none or its default. */
  readonly variant: string;
}

const ARCHITECTURES: Readonly<Record<string, readonly [architecture: string, variant: string]>> = {
  x86_64: ["amd64", ""], "x86-64": ["amd64", ""], x64: ["amd64", ""], aarch64: ["arm64", ""], i386: ["386", ""],
  i686: ["386", ""], ia32: ["386", ""], armhf: ["arm", "v7"], armel: ["arm", "v6"], armv7l: ["arm", "v7"],
};

/** Names of one thing made one: default variants become "". */
export function normalizePlatform(platform: Platform): Platform {
  const known = Object.hasOwn(ARCHITECTURES, platform.architecture) ? ARCHITECTURES[platform.architecture] : undefined;
  const [architecture, implied] = known ?? [platform.architecture, ""];
  let variant = (platform.variant || implied).toLowerCase();
  if (/^\d/.test(variant)) variant = `v${variant}`;
  if ((architecture === "arm64" && variant === "v8") || (architecture === "amd64" && variant === "v1")) variant = "";
  if (architecture === "arm" && variant === "") variant = "v7";
  return { os: platform.os, architecture, variant };
}

const SYSTEMS: ReadonlySet<string> = new Set([
  "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos",
]);
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set([
  "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mips64", "mips64le", "mips64p32", "mips64p32le", "mipsle", "ppc",
  "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
]);

/** Parses `--platform`: OS/ARCH[/VARIANT], or one of the two. `host` fills what is left out. Throws "platform-invalid" in containerd's words. */
export function parsePlatform(text: string, host: Platform): Platform {
  const invalid = (problem: string): MdkError => new MdkError("invalid", "platform-invalid", `${problem}: invalid argument`);
  if (text.includes("*")) throw invalid(`"${text}": wildcards not yet supported`);
  const bad = text.split("/").find((part) => !/^[A-Za-z0-9_.-]+$/.test(part));
  if (bad !== undefined) throw invalid(`"${bad}" is an invalid component of "${text}": platform specifier component must match "^[A-Za-z0-9_.-]+$"`);
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3) throw invalid(`"${text}": cannot parse platform specifier`);
  const [first = "", architecture, variant = ""] = parts;
  if (architecture !== undefined) return normalizePlatform({ os: first, architecture, variant });
  if (SYSTEMS.has(first)) return { ...host, os: first };
  const platform = normalizePlatform({ os: host.os, architecture: first, variant: "" });
  if (!KNOWN_ARCHITECTURES.has(platform.architecture)) throw invalid(`"${text}": unknown operating system or architecture`);
  return platform;
}

/** The platform of the process: `architecture` and as node's process.arch says it. */
export function hostPlatform(architecture: string): Platform {
  return normalizePlatform({ os: "linux", architecture, variant: "" });
}

/** "linux/arm/v7". */
export function platformName(platform: Platform): string {
  return `${platform.os}/${platform.architecture}${platform.variant === "" ? "" : `/${platform.variant}`}`;
}

/** What can run where `platform` runs, the best first: older arm variants, and the 32-bit sibling last. */
function acceptable(platform: Platform): Platform[] {
  const { os, architecture, variant } = platform;
  const arm = (from: number): Platform[] =>
    [8, 7, 6, 5].filter((version) => version <= from).map((version) => ({ os, architecture: "arm", variant: `v${version}` }));
  if (architecture === "arm") return arm(Number(variant.slice(1)) || 7);
  if (architecture === "arm64") return [platform, ...(variant === "" ? [] : [{ ...platform, variant: "" }]), ...arm(8)];
  if (architecture === "amd64") {
    const lower = [4, 3, 2].filter((version) => version < Number(variant.slice(1) || 1)).map((version) => ({ ...platform, variant: `v${version}` }));
    return [platform, ...lower, ...(variant === "" ? [] : [{ ...platform, variant: "" }]), { os, architecture: "386", variant: "" }];
  }
  return [platform];
}

/** The candidate that suits best, the first of equals; null when none does. A candidate without a platform never does. */
export function choosePlatform<T extends { readonly platform: Platform | null }>(candidates: readonly T[], wanted: Platform): T | null {
  for (const accepted of acceptable(normalizePlatform(wanted)).map(platformName)) {
    const found = candidates.find(({ platform }) => platform !== null && platformName(normalizePlatform(platform)) === accepted);
    if (found !== undefined) return found;
  }
  return null;
}
