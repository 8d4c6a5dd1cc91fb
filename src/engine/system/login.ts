/** Who the user is to a registry: proved there, kept, forgotten. */
import { configPath } from "../../registry/config-file.ts";
import { eraseCredentials, findCredentials, storeCredentials, type Credentials, type Wallet } from "../../registry/credentials.ts";
import { resolveEndpoint } from "../../registry/endpoint.ts";
import { signIn } from "../../registry/login.ts";
import type { Context } from "../context.ts";
import { endpointOptions } from "../image/registry-options.ts";

export interface LoginRequest {
  /** "docker.io", "host:5000". */
  readonly domain: string;
  readonly username: string;
  readonly password: string;
  /** "host" or "host:port". */
  readonly insecureRegistries: readonly string[];
}

function walletOf({ environment }: Context): Wallet {
  return { path: configPath(environment), environment };
}

/** What is kept for a registry, or null. Throws what findCredentials throws. */
export function keptCredentials(context: Context, domain: string): Promise<Credentials | null> {
  return findCredentials(walletOf(context), domain);
}

/**
 * Logs in, and keeps what is needed to come back. Returns the path of the file that has the password as it is, or null. Nothing is kept
 * when it fails. Throws what signIn and storeCredentials throw.
 */
export async function login(context: Context, { domain, username, password, insecureRegistries }: LoginRequest): Promise<string | null> {
  const endpoint = resolveEndpoint(domain, endpointOptions(context, { insecureRegistries }));
  const credentials = await signIn({ endpoint, username, password, userAgent: "mdk", signal: null });
  const wallet = walletOf(context);
  return (await storeCredentials(wallet, domain, username, credentials)) ? wallet.path : null;
}

/** Forgets a registry's credentials; what a helper refuses is returned. Throws what eraseCredentials throws. */
export function logout(context: Context, domain: string): Promise<string[]> {
  return eraseCredentials(walletOf(context), domain);
}
