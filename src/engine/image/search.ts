/** Images of a registry, by a part of their names. */
import { MdkError } from "../../error.ts";
import { isDomain, type Reference } from "../../image/reference.ts";
import { searchRepositories, type SearchResult } from "../../registry/search.ts";
import { Session } from "../../registry/session.ts";
import type { Context } from "../context.ts";
import { remoteOptions, type RegistryOptions } from "./registry-options.ts";

const HUB = "docker.io";
/** Docker Hub answers searches at another host than pulls, and anybody. */
const HUB_SEARCH = "index.docker.io";

/**
 * `text`: "term", "host:5000/term"; a term may be empty where there is a host. Names are such that they can be pulled. At most `limit` of
 * them. Errors: "search-invalid", those of searchRepositories.
 */
export async function searchImages(context: Context, text: string, limit: number, options: RegistryOptions): Promise<SearchResult[]> {
  const { domain, term } = splitTerm(text);
  const hub = domain === HUB;
  const reference: Reference = { domain: hub ? HUB_SEARCH : domain, path: term, tag: null, digest: null };
  const remote = remoteOptions(context, reference, options, null);
  const session = new Session(reference, ["registry:catalog:*"], hub ? { ...remote, credentials: () => Promise.resolve(null) } : remote);
  const found = await searchRepositories(session, term, limit);
  return hub ? found : found.map((one) => ({ ...one, name: `${domain}/${one.name}` }));
}

/** As a reference is split: the first part is a host if it could be no user's name (moby, registry/search.go). */
function splitTerm(text: string): { readonly domain: string; readonly term: string } {
  if (text.includes("://")) throw invalid();
  const slash = text.indexOf("/");
  const first = slash === -1 ? "" : text.slice(0, slash);
  const isHost = first === "localhost" || /[.:]/.test(first);
  const domain = !isHost || first === HUB || first === HUB_SEARCH ? HUB : first;
  const term = (isHost ? text.slice(slash + 1) : text).replace(domain === HUB ? /^library\// : /^$/, "");
  if (!isDomain(domain) || (domain === HUB && term === "")) throw invalid();
  return { domain, term };
}

function invalid(): MdkError {
  return new MdkError("invalid", "search-invalid", "TERM must be a part of a name, or HOST/TERM");
}
