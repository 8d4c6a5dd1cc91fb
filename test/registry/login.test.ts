/** What a login tells whom: the registry and its token service learn the password, nobody they send us on to, and no error repeats it. */
import { afterEach, expect, test } from "bun:test";
import type { Credentials } from "../../src/registry/credentials.ts";
import { resolveEndpoint } from "../../src/registry/endpoint.ts";
import { signIn } from "../../src/registry/login.ts";
import { fakeRegistry, type FakeRegistry } from "../helpers/fake-registry.ts";

const SECRET = "s3cret-of-mine";
const BASIC = `Basic ${Buffer.from(`alice:${SECRET}`).toString("base64")}`;
const servers: FakeRegistry[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.stop()));

function serve(...answer: Parameters<typeof fakeRegistry>): FakeRegistry {
  const server = fakeRegistry(...answer);
  servers.push(server);
  return server;
}

const signInTo = (host: string): Promise<Credentials> =>
  signIn({ endpoint: resolveEndpoint(host, { insecure: [], environment: {}, certificates: "/nonexistent" }), username: "alice", password: SECRET, userAgent: "test", signal: null, backOffMs: 1 });

/** The message of the error; neither it nor what -D shows of it has the password, in any form. */
async function refusal(host: string): Promise<string> {
  const error = await signInTo(host).then(() => null, (thrown: unknown) => thrown as Error);
  const shown = Bun.inspect(error) + String(error?.stack) + String(error?.cause);
  for (const form of [SECRET, BASIC.slice("Basic ".length)]) expect(shown).not.toContain(form);
  return error?.message ?? "no error";
}

const asks = (challenge: string): Response => new Response("{}", { status: 401, headers: { "www-authenticate": challenge } });
const authorizations = ({ seen }: FakeRegistry): (string | null)[] => seen.map(({ authorization }) => authorization);

test("a password that the registry takes is what is kept", async () => {
  const registry = serve((_path, request) => (request.headers.get("authorization") === BASIC ? new Response("{}") : asks('Basic realm="x"')));
  expect(await signInTo(registry.host)).toEqual({ kind: "password", username: "alice", password: SECRET });
  expect(authorizations(registry)).toEqual([null, BASIC]);
  const open = serve(() => new Response("{}"));
  expect((await signInTo(open.host)).kind).toBe("password");
  expect(authorizations(open)).toEqual([null]);
});

test("a token service's refresh token is kept in its place", async () => {
  let query = "";
  const registry: FakeRegistry = serve((path, request) => {
    if (path !== "/token") return request.headers.get("authorization") === "Bearer T1" ? new Response("{}") : asks(`Bearer realm="http://${registry.host}/token",service="a b"`);
    query = new URL(request.url).search;
    return Response.json({ token: "T1", refresh_token: "R1" });
  });
  expect(await signInTo(registry.host)).toEqual({ kind: "identity", token: "R1" });
  expect(authorizations(registry)).toEqual([null, BASIC, "Bearer T1"]);
  expect(query).toBe("?account=alice&client_id=mdk&offline_token=true&service=a+b");
});

test("what is refused is told in Docker's words", async () => {
  const basic = serve(() => asks('Basic realm="x"'));
  expect(await refusal(basic.host)).toBe(`login attempt to http://${basic.host}/v2/ failed with status: 401 Unauthorized`);
  const service = (body: unknown): FakeRegistry => {
    const registry: FakeRegistry = serve((path) => (path === "/token" ? Response.json(body, { status: 401 }) : asks(`Bearer realm="http://${registry.host}/token",service="s"`)));
    return registry;
  };
  const hub = service({ details: "incorrect username or password" });
  expect(await refusal(hub.host)).toBe(`Get "http://${hub.host}/v2/": unauthorized: incorrect username or password`);
  const codes = service({ errors: [{ code: "UNAUTHORIZED", message: "no such user" }] });
  expect(await refusal(codes.host)).toBe(`Get "http://${codes.host}/v2/": unauthorized: no such user`);
  for (const parrot of [SECRET, BASIC, BASIC.slice("Basic ".length), { a: SECRET }]) {
    const { host } = service({ details: `you said ${typeof parrot === "string" ? parrot : JSON.stringify(parrot)}` });
    expect(await refusal(host)).toBe(`Get "http://${host}/v2/": unauthorized: authentication required`);
  }
  const gone = serve(() => new Response("", { status: 404 }));
  expect(await refusal(gone.host)).toBe(`login attempt to http://${gone.host}/v2/ failed with status: 404 Not Found`);
});

test("whom the registry redirects to gets nothing (CVE-2020-15157)", async () => {
  const evil: FakeRegistry = serve((path) => (path === "/token" ? Response.json({ token: "t" }) : asks('Basic realm="x"')));
  const onwards = serve((path) => new Response(null, { status: 307, headers: { location: `http://${evil.host}${path}` } }));
  expect(await refusal(onwards.host)).toContain("failed with status: 401");
  const later: FakeRegistry = serve((path, request) =>
    request.headers.has("authorization") ? new Response(null, { status: 307, headers: { location: `http://${evil.host}${path}` } }) : asks('Basic realm="x"'));
  expect(await refusal(later.host)).toContain("failed with status: 401");
  const service: FakeRegistry = serve((path) =>
    path === "/token" ? new Response(null, { status: 307, headers: { location: `http://${evil.host}/token` } }) : asks(`Bearer realm="http://${service.host}/token",service="s"`));
  expect(await refusal(service.host)).toContain("failed with status: 401");
  expect(new Set(authorizations(evil))).toEqual(new Set([null]));
});

test("a token service on plain HTTP is believed on the registry's own host only", async () => {
  for (const realm of ["http://auth.example.com/token", "ftp://x/", "file:///etc/passwd", "", "http://192.0.2.1/token"]) {
    const registry = serve(() => asks(`Bearer realm="${realm}",service="s"`));
    expect(await refusal(registry.host)).toBe(`http://${registry.host} names an unusable token service: ${JSON.stringify(realm)}`);
    expect(authorizations(registry)).toEqual([null]);
  }
});

test("services that answer nonsense are told", async () => {
  for (const body of ["", "{", "null", '{"token":7}', '{"token":"a b"}', `{"token":"${"x".repeat(2_000_000)}"}`]) {
    const registry: FakeRegistry = serve((path) => (path === "/token" ? new Response(body) : asks(`Bearer realm="http://${registry.host}/token",service="s"`)));
    expect(await refusal(registry.host)).toMatch(/answers without a token|is larger than/);
  }
});
