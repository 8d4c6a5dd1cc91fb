/** How a registry is spoken to, for everything that does: where it is, whom to trust there, who the user is to it. */
import type { Reference } from "../../image/reference.ts";
import { configPath } from "../../registry/config-file.ts";
import { askCredentials } from "../../registry/credentials.ts";
import { mirrorEndpoint, resolveEndpoint, type EndpointOptions } from "../../registry/endpoint.ts";
import type { RemoteOptions } from "../../registry/session.ts";
import type { Context } from "../context.ts";

export interface RegistryOptions {
  /** "host" or "host:port". */
  readonly insecureRegistries?: readonly string[];
  /** The user's config.json; default: of DOCKER_CONFIG, or ~/.docker. */
  readonly configFile?: string | null;
  /** Default: /etc/mdk/certs.d and /etc/docker/certs.d. */
  readonly certificates?: string;
  /** As the transport has it: tests make it short. */
  readonly patienceMs?: number;
}

/** Reads certificates; who the user is is asked for when the registry wants to know. */
export function remoteOptions(context: Context, { domain }: Reference, options: RegistryOptions, signal: AbortSignal | null): RemoteOptions {
  return { ...spokenTo(context, domain, options, signal), endpoint: resolveEndpoint(domain, endpointOptions(context, options)) };
}

/**
 * The mirrors that the configuration has for a registry, in its order. Each is tried once: there is another one. Who the user is to the
 * registry is none of their business; who he is to themselves is.
 */
export function mirrorsOf(context: Context, { domain }: Reference, options: RegistryOptions, signal: AbortSignal | null): RemoteOptions[] {
  const { mirrors } = context.settings.registries;
  const origins = Object.hasOwn(mirrors, domain) ? mirrors[domain]! : [];
  return origins.map((origin) => {
    const endpoint = mirrorEndpoint(origin, endpointOptions(context, options));
    // Plain HTTP needs no word more than the origin's; a password on it does.
    const isOverheard = origin.startsWith("http:") && endpoint.tls.rejectUnauthorized;
    return { ...spokenTo(context, new URL(origin).host, options, signal), endpoint, tries: 1, ...(isOverheard ? { credentials: async () => null } : {}) };
  });
}

/** Whom to trust there: what flags and the configuration say of it together. */
export function endpointOptions({ environment, settings }: Context, { insecureRegistries = [], certificates }: RegistryOptions): EndpointOptions {
  return { insecure: [...insecureRegistries, ...settings.registries.insecure], environment, ...(certificates === undefined ? {} : { certificates }) };
}

function spokenTo({ environment, settings }: Context, domain: string, { configFile, patienceMs }: RegistryOptions, signal: AbortSignal | null): Omit<RemoteOptions, "endpoint"> {
  return {
    credentials: askCredentials({ path: configFile ?? configPath(environment), environment }, domain), userAgent: "mdk", signal, tries: settings.registries.attempts,
    ...(patienceMs === undefined ? {} : { patienceMs }),
  };
}
