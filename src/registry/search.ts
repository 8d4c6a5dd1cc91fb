/**
 * Finding repositories by name: the first registry protocol's search, which docker.io still has (moby, registry/search_session.go), and for
 * registries without it the catalog (distribution, "Listing Repositories").
 */
import { MdkError } from "../error.ts";
import { errorCodes, type Session } from "./session.ts";
import { readBody } from "./transport.ts";

export interface SearchResult {
  /** As the registry has it, without its domain: "library/busybox". */
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
}

const ANSWER_BYTES_MAX = 8 << 20;
/** Names a page, and pages: a registry that goes on and on is left at that. */
const PAGE_NAMES = 1000;
const PAGES_MAX = 100;

/**
 * At most `limit` repositories whose names have `term`. The session: one with the scope "registry:catalog:*". Errors: "search-denied",
 * "search-missing" where the registry has neither way, "registry-answer", those of the transport.
 */
export async function searchRepositories(session: Session, term: string, limit: number): Promise<SearchResult[]> {
  const response = await ask(session, `/v1/search?q=${encodeURIComponent(term)}&n=${limit}`);
  if (response.status === 200 && /\bjson\b/.test(response.headers.get("content-type") ?? "")) return (await resultsIn(response, session)).slice(0, limit);
  await response.body?.cancel();
  return await searchCatalog(session, term, limit);
}

/** A token service that refuses speaks of a repository: here there is none. */
async function ask(session: Session, path: string): Promise<Response> {
  try {
    return await session.send(path);
  } catch (error) {
    throw error instanceof MdkError && error.code === "pull-denied" ? denied(session) : error;
  }
}

async function resultsIn(response: Response, session: Session): Promise<SearchResult[]> {
  const { results } = await document(response, session);
  return (Array.isArray(results) ? results : []).flatMap((result: unknown) => {
    const { name, description, star_count: stars, is_official: official } = (result ?? {}) as Record<string, unknown>;
    if (typeof name !== "string") return [];
    return [{ name, description: typeof description === "string" ? description : "", stars: typeof stars === "number" ? stars : 0, official: official === true }];
  });
}

async function searchCatalog(session: Session, term: string, limit: number): Promise<SearchResult[]> {
  const found: SearchResult[] = [];
  let last = "";
  for (let page = 0; page < PAGES_MAX && found.length < limit; page++) {
    const response = await ask(session, `/v2/_catalog?n=${PAGE_NAMES}${last === "" ? "" : `&last=${encodeURIComponent(last)}`}`);
    if (response.status !== 200) throw await refusal(response, session);
    const { repositories } = await document(response, session);
    const names = (Array.isArray(repositories) ? repositories : []).filter((name): name is string => typeof name === "string");
    found.push(...names.filter((name) => name.includes(term)).map((name) => ({ name, description: "", stars: 0, official: false })));
    if (!response.headers.has("link") || names.length === 0 || names.at(-1) === last) break;
    last = names.at(-1)!;
  }
  return found.slice(0, limit);
}

async function document(response: Response, session: Session): Promise<Readonly<Record<string, unknown>>> {
  const { domain } = session.reference;
  const bytes = await readBody(response, ANSWER_BYTES_MAX, `the answer of ${domain}`, session.reading);
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new MdkError("corrupt", "registry-answer", `${domain} answers a search with something else than JSON`);
}

async function refusal(response: Response, session: Session): Promise<MdkError> {
  const { domain } = session.reference;
  const codes = await errorCodes(response, session.reading);
  const { status } = response;
  if (status === 401 || status === 403 || codes.includes("DENIED") || codes.includes("UNAUTHORIZED")) {
    return denied(session);
  }
  if (status === 404 || status === 405) return new MdkError("unsupported", "search-missing", `${domain} has no search and no catalog`);
  return new MdkError("corrupt", "registry-answer", `${domain} answers ${status} for its catalog`);
}

function denied({ reference: { domain }, unknown }: Session): MdkError {
  return new MdkError("denied", "search-denied", `${domain} does not let itself be searched`, { hint: `it may want a login: mdk login ${domain}`, ...unknown });
}
