/** What `config` of an image's config says, written as others read it. Pure. */
import type { ContainerDefaults } from "./config.ts";

/** As the image spec has it: sets are objects, what is empty is left out. */
export function configDocument(config: ContainerDefaults): Record<string, unknown> {
  const set = (keys: readonly string[]): Record<string, object> => Object.fromEntries(keys.map((key) => [key, {}]));
  const health = config.Healthcheck === null ? null : Object.fromEntries(Object.entries(config.Healthcheck).filter(([, value]) => value !== 0));
  const all = { ...config, ExposedPorts: set(config.ExposedPorts), Volumes: set(config.Volumes), Healthcheck: health };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== "" && (typeof value !== "object" || Object.keys(value).length > 0)));
}
