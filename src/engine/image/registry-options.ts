/** How a registry is spoken to, for everything that does: where it is, whom to trust there, who the user is to it. */
import type { Reference } from "../../image/reference.ts";
import { configPath } from "../../registry/config-file.ts";
import { askCredentials } from "../../registry/credentials.ts";
import { resolveEndpoint } from "../../registry/endpoint.ts";
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
export function remoteOptions({ environment }: Context, { domain }: Reference, options: RegistryOptions, signal: AbortSignal | null): RemoteOptions {
  return {
    endpoint: resolveEndpoint(domain, { insecure: options.insecureRegistries ?? [], environment, ...(options.certificates === undefined ? {} : { certificates: options.certificates }) }),
    credentials: askCredentials({ path: options.configFile ?? configPath(environment), environment }, domain), userAgent: "mdk", signal,
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
  };
}
