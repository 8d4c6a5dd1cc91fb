/** The platform that a command is for. */
import type { Context } from "../engine/context.ts";
import type { Values } from "./grammar/flags.ts";

/** --platform, or else DOCKER_DEFAULT_PLATFORM; null: neither is said. */
export function platformAsked({ environment }: Pick<Context, "environment">, flags: Values): string | null {
  return flags.string("platform") ?? defaultPlatform(environment);
}

/** Null: it is not set, or empty. */
export function defaultPlatform(environment: Context["environment"]): string | null {
  return environment["DOCKER_DEFAULT_PLATFORM"] || null;
}
