/** Searches of registries: the old way, the catalog, and what strangers answer. */
import { afterEach, expect, test } from "bun:test";
import type { Credentials } from "../../src/registry/credentials.ts";
import { resolveEndpoint } from "../../src/registry/endpoint.ts";
import { searchRepositories, type SearchResult } from "../../src/registry/search.ts";
import { Session } from "../../src/registry/session.ts";
import { fakeRegistry, type FakeRegistry } from "../helpers/fake-registry.ts";

const servers: FakeRegistry[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.stop()));

function serve(...answer: Parameters<typeof fakeRegistry>): FakeRegistry {
  const server = fakeRegistry(...answer);
  servers.push(server);
  return server;
}

function search(host: string, term: string, limit = 25, credentials: Credentials | null = null): Promise<SearchResult[]> {
  const endpoint = resolveEndpoint(host, { insecure: [], environment: {}, certificates: "/nonexistent" });
  const reference = { domain: host, path: term, tag: null, digest: null };
  return searchRepositories(new Session(reference, ["registry:catalog:*"], { endpoint, credentials: async () => credentials, userAgent: "test", signal: null, backOffMs: 1 }), term, limit);
}

const catalog = (names: readonly string[], more = false): Response => Response.json({ repositories: names }, { headers: more ? { link: '</v2/_catalog?last=x>; rel="next"' } : {} });

test("the first protocol's search is asked first, and what is no result is left out", async () => {
  let query = "";
  const server = serve((_path, request) => {
    query = new URL(request.url).search;
    return Response.json({ results: [{ name: "a", description: "d", star_count: 3, is_official: true }, null, 7, {}, { name: 5 }, { name: "b", description: 1, star_count: "9", is_official: "yes" }] });
  });
  expect(await search(server.host, "x&y")).toEqual([{ name: "a", description: "d", stars: 3, official: true }, { name: "b", description: "", stars: 0, official: false }]);
  expect(query).toBe("?q=x%26y&n=25");
  expect((await search(server.host, "x", 1)).map(({ name }) => name)).toEqual(["a"]);
});

test("without it the catalog's pages are gone through, up to the limit", async () => {
  const pages: Record<string, readonly string[]> = { "": ["one/box", "other"], other: ["two/box", "zbox"] };
  const server = serve((path, request) => {
    if (path !== "/v2/_catalog") return new Response("<html>", { headers: { "content-type": "text/html" } });
    const last = new URL(request.url).searchParams.get("last") ?? "";
    return catalog(pages[last] ?? [], last === "");
  });
  expect((await search(server.host, "box")).map(({ name }) => name)).toEqual(["one/box", "two/box", "zbox"]);
  expect((await search(server.host, "box", 1)).map(({ name }) => name)).toEqual(["one/box"]);
});

test("a catalog without an end, and one that repeats itself, have one", async () => {
  let count = 0;
  const endless = serve((path) => (path === "/v2/_catalog" ? catalog([`x${count++}`], true) : null));
  expect(await search(endless.host, "box")).toEqual([]);
  expect(endless.seen.length).toBe(101);
  const same = serve((path) => (path === "/v2/_catalog" ? catalog(["x"], true) : null));
  expect(await search(same.host, "box")).toEqual([]);
  expect(same.seen.length).toBe(3);
});

test("answers that are none, and refusals, are told", async () => {
  const told = (answer: Parameters<typeof fakeRegistry>[0]): Promise<string> => search(serve(answer).host, "box").then(() => "", (error: unknown) => (error as Error).message);
  expect(await told(() => null)).toMatch(/ has no search and no catalog$/);
  expect(await told((path) => (path === "/v2/_catalog" ? new Response("[") : null))).toMatch(/answers a search with something else than JSON$/);
  expect(await told((path) => (path === "/v2/_catalog" ? new Response("x".repeat(9 << 20)) : null))).toMatch(/is larger than 8388608 bytes$/);
  expect(await told(() => new Response("{}", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }))).toMatch(/does not let itself be searched$/);
  const registry: FakeRegistry = serve((path) => (path === "/token" ? Response.json({}, { status: 403 }) : new Response("{}", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${registry.host}/token"` } })));
  await expect(search(registry.host, "box")).rejects.toThrow("does not let itself be searched");
});

test("whoever has logged in comes as himself", async () => {
  const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;
  const server = serve((path, request) => (request.headers.get("authorization") !== basic ? new Response("{}", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }) : path === "/v2/_catalog" ? catalog(["box"]) : null));
  expect((await search(server.host, "box", 25, { kind: "password", username: "u", password: "p" })).map(({ name }) => name)).toEqual(["box"]);
});
