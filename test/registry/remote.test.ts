/** Who gets to see the user's credentials: the registry and the token service that it names, nobody they send us on to. */
import { afterEach, expect, test } from "bun:test";
import { MdkError } from "../../src/error.ts";
import { parseReference } from "../../src/image/reference.ts";
import type { Credentials } from "../../src/registry/credentials.ts";
import { resolveEndpoint } from "../../src/registry/endpoint.ts";
import { Remote } from "../../src/registry/remote.ts";
import { fakeRegistry, type FakeRegistry } from "../helpers/fake-registry.ts";

const servers: FakeRegistry[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.stop()));

function serve(...answer: Parameters<typeof fakeRegistry>): FakeRegistry {
  const server = fakeRegistry(...answer);
  servers.push(server);
  return server;
}

function remote(host: string, credentials: Credentials): Remote {
  const reference = parseReference(`${host}/app:1`);
  const endpoint = resolveEndpoint(host, { insecure: [], environment: {}, certificates: "/nonexistent" });
  return new Remote(reference, { endpoint, credentials: async () => credentials, userAgent: "test", signal: null, backOffMs: 1 });
}

const challenge = (realm: string): Response => new Response("{}", { status: 401, headers: { "www-authenticate": `Bearer realm="${realm}",service="s"` } });
const onwards = (url: string): Response => new Response(null, { status: 307, headers: { location: url } });

test("whom the registry redirects to cannot ask for the credentials (CVE-2020-15157)", async () => {
  const evil: FakeRegistry = serve((path) => (path === "/token" ? Response.json({ token: "t" }) : challenge(`http://${evil.host}/token`)));
  const registry = serve((path) => onwards(`http://${evil.host}${path}`));
  await expect(remote(registry.host, { kind: "password", username: "me", password: "secret" }).manifest("1")).rejects.toThrow("pull access denied");
  expect(evil.seen.map(({ path, authorization }) => [path, authorization])).toEqual([["/v2/app/manifests/1", null]]);
});

test("a refresh token is not sent on to where the token service redirects", async () => {
  const bodies: string[] = [];
  const evil = serve(async (_path, request) => {
    bodies.push(await request.text());
    return Response.json({ token: "t" });
  });
  const registry: FakeRegistry = serve((path) => (path === "/token" ? onwards(`http://${evil.host}/token`) : challenge(`http://${registry.host}/token`)));
  await expect(remote(registry.host, { kind: "identity", token: "secret" }).manifest("1")).rejects.toThrow("redirects");
  expect(bodies).toEqual([]);
});

test("nobody is asked who the user is for what is public; whose helper fails comes as nobody, and is told why where that does not do", async () => {
  let asked = 0;
  const asks = (host: string): Remote => new Remote(parseReference(`${host}/app:1`), {
    endpoint: resolveEndpoint(host, { insecure: [], environment: {}, certificates: "/nonexistent" }), userAgent: "test", signal: null, backOffMs: 1,
    credentials: () => {
      asked++;
      return Promise.reject(new MdkError("not-found", "credential-helper", "no such helper"));
    },
  });
  const open = serve(() => new Response("{}"));
  await asks(open.host).manifest("1");
  expect(asked).toBe(0);
  const tokens: FakeRegistry = serve((path, request) =>
    path === "/token" ? Response.json({ token: "t" }) : request.headers.has("authorization") ? new Response("{}") : challenge(`http://${tokens.host}/token`));
  await asks(tokens.host).manifest("1");
  expect([asked, tokens.seen.map(({ authorization }) => authorization)]).toEqual([1, [null, null, "Bearer t"]]);
  const shut = serve(() => new Response("{}", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }));
  await expect(asks(shut.host).manifest("1")).rejects.toMatchObject({ code: "pull-denied", hint: "the credentials are not known: no such helper" });
});

test("a token service on another host's plain HTTP is not believed", async () => {
  const registry = serve(() => challenge("http://auth.example.com/token"));
  await expect(remote(registry.host, { kind: "password", username: "me", password: "secret" }).manifest("1")).rejects.toThrow("names an unusable token service");
});
