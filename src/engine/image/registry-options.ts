/** How a registry is spoken to, for everything that does: where it is, whom to trust there, who the user is to it. */
import { join } from "node:path";
import type { Reference } from "../../image/reference.ts";
import { readCredentials } from "../../registry/credentials.ts";
import { resolveEndpoint } from "../../registry/endpoint.ts";
import type { RemoteOptions } from "../../registry/session.ts";
import type { Context } from "../context.ts";

export interface RegistryOptions {
  /** "host" or "host:port". */
  readonly insecureRegistries?: readonly string[];
  /** The user's config.json; default: of DOCKER_CONFIG, or ~/.docker. */
  readonly configFile?: string | null;
  /** /etc/docker/certs.d */
  readonly certificates?: string;
  /** As the transport has it: tests make it short. */
  readonly patienceMs?: number;
}

/** Reads the user's files. Throws "credentials-invalid". */
export function remoteOptions({ environment }: Context, { domain }: Reference, options: RegistryOptions, signal: AbortSignal | null): RemoteOptions {
  const configFile = options.configFile ?? join(environment.DOCKER_CONFIG ?? join(environment.HOME ?? "/root", ".docker"), "config.json");
  return {
    endpoint: resolveEndpoint(domain, { insecure: options.insecureRegistries ?? [], environment, certificates: options.certificates ?? "/etc/docker/certs.d" }),
    credentials: readCredentials(configFile, domain), userAgent: "mdk", signal,
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
  };
}
