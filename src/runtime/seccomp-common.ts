/** Filters for capability sets that are common but not the default, made when mdk is bundled; loaded only when one is asked for. */
import { commonFilters } from "./seccomp-macro.ts" with { type: "macro" };
import type { Machine } from "./seccomp-profile.ts";

/** struct sock_filter[] deflated and in base64, by the profile's capabilities in their order, joined by commas. */
export const COMMON_FILTERS: Readonly<Record<Machine, Readonly<Record<string, string>>>> = {
  x86_64: commonFilters("x86_64"),
  aarch64: commonFilters("aarch64"),
};
