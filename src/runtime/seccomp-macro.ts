/**
 * Filters that are made when mdk is bundled, not when a container starts: Docker's default list for the default
 * capabilities. Imported as a macro (bun.sh/docs/bundler/macros): only the strings come along.
 */
import { DEFAULT_CAPABILITIES } from "../spec/capabilities.ts";
import { compileSeccomp } from "./seccomp-compile.ts";
import { defaultProfile, PROFILE_CAPABILITIES, type Machine } from "./seccomp-profile.ts";

/** struct sock_filter[] in base64. */
export function defaultFilter(machine: Machine): string {
  return compileSeccomp(defaultProfile(DEFAULT_CAPABILITIES, machine), machine).toBase64();
}

/** Filters by key, deflated and in base64, for the sets that --cap-add and --cap-drop usually make: one capability more, or none at all. */
export function commonFilters(machine: Machine): Record<string, string> {
  const sets = [[], ...PROFILE_CAPABILITIES.map((name) => [...DEFAULT_CAPABILITIES, name])];
  return Object.fromEntries(sets.map((names) => [keyOf(names), Bun.deflateSync(compileSeccomp(defaultProfile(names, machine), machine)).toBase64()]));
}

function keyOf(capabilities: readonly string[]): string {
  return PROFILE_CAPABILITIES.filter((name) => capabilities.includes(name)).join();
}

/** Those of the profile's capabilities that are default ones, in the profile's order, joined by commas. */
export function defaultKey(): string {
  return keyOf(DEFAULT_CAPABILITIES);
}

/** The capabilities on which the profile depends, joined by commas. */
export function profileCapabilities(): string {
  return PROFILE_CAPABILITIES.join();
}
