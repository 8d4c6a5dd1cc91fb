/** A registry with one image, and the token service that it wants tokens of: names and passwords get a refresh token, that gets tokens. Prints its host. */
import { archive, directory, file } from "./archive.ts";
import { fakeImage, fakeRegistry, serveImage, type FakeRegistry } from "./fake-registry.ts";

const image = fakeImage([archive([directory("./"), file("a")])]);
const ACCESS = "Bearer access-1";

const registry: FakeRegistry = fakeRegistry(async (path, request) => {
  const authorization = request.headers.get("authorization");
  if (path === "/token") {
    const refreshed = request.method === "POST" && new URLSearchParams(await request.text()).get("refresh_token") === "refresh-1";
    if (refreshed) return Response.json({ access_token: "access-1" });
    return request.method === "GET" && authorization?.startsWith("Basic ") === true ? Response.json({ token: "access-1", refresh_token: "refresh-1" }) : Response.json({}, { status: 401 });
  }
  if (authorization !== ACCESS) return new Response("{}", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${registry.host}/token",service="s"` } });
  return path === "/v2/" ? new Response("{}") : serveImage(image, path);
});
console.log(registry.host);
