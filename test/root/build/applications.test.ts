/**
 * Applications of four languages, each built with its own tools in images made of Debian's packages: what they depend on comes from a server on the
 * loopback, once. Go's toolchain is large: MDK_TEST_WALKTHROUGHS=1.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { debianPackages } from "../../helpers/debian-packages.ts";
import { startWorld } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && process.arch === "x64" && existsSync("dist/mdk") && ["skopeo", "docker-registry", "dpkg-deb", "apt-get", "python3"].every(hasTool);
const rootTest = testIf(able, "needs root, amd64, a built dist/mdk, skopeo, docker-registry, apt and python3");
const nodeTest = testIf(able && hasTool("npm"), "needs root, amd64, a built dist/mdk, skopeo, docker-registry, apt and npm");

const C = ["tcc", "musl", "musl-dev"];
const PYTHON = ["python3-minimal", "python3.11", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "python3-pip", "python3-distutils", "python3-lib2to3", "libexpat1", "media-types"];
const GO = ["golang-1.19-go", "golang-1.19-src"];

let world: Awaited<ReturnType<typeof startWorld>>;
let server: ReturnType<typeof Bun.serve>;
let context = "";
let address = "";
/** Paths that the server was asked for, with an answer. */
let asked: string[] = [];

beforeAll(async () => {
  if (!able) return;
  world = await startWorld("debian");
  context = join(world.folder, "context");
  server = Bun.serve({
    port: 0, hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      const file = Bun.file(join(world.folder, "served", pathname.endsWith("/") ? `${pathname}index.html` : pathname));
      if (!(await file.exists())) return new Response("", { status: 404 });
      asked.push(pathname);
      return new Response(await file.bytes(), { headers: { "Cache-Control": "max-age=3600", ETag: JSON.stringify(pathname), "Content-Type": file.type } });
    },
  });
  address = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server?.stop(true);
  world?.close();
});

/** Words of sh(1) in a new context. */
function fill(script: string): void {
  rmSync(context, { recursive: true, force: true });
  mkdirSync(context);
  run("sh", "-euc", `cd ${context}\n${script}`);
}

/** Asynchronous: the server is in this process. */
async function build(tag: string, dockerfile: string, ...flags: readonly string[]): Promise<void> {
  await Bun.write(join(context, "Dockerfile"), dockerfile);
  const child = Bun.spawn(world.words("build", "--network", "host", "--progress", "plain", "-t", tag, ...flags, context), { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: process.env });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(said);
}

/** An image with the packages' files; none of their scripts has configured them. */
async function toolchain(tag: string, packages: readonly string[]): Promise<void> {
  const folder = debianPackages(...packages);
  if (folder === null) throw new Error(`apt-get could not download ${packages.join(" ")}`);
  fill("true");
  await build(tag, `FROM ${world.image("debian")}\nRUN --mount=type=bind,from=packages,target=/packages dpkg --unpack --force-depends --force-unsafe-io /packages/*.deb\n`, "--build-context", `packages=${folder}`);
}

const output = (image: string, ...words: readonly string[]): string => world.ok("run", "--rm", "--network", "none", image, ...words);

/** How often the server gave a file that ends so. */
const times = (end: string): number => asked.filter((path) => path.endsWith(end)).length;

rootTest("C: compiled in one stage, and nothing but the program in the image", async () => {
  await toolchain("c:1", C);
  fill(String.raw`printf '#include <stdio.h>\nint main(int count, char **words) { printf("hello %%s, of " LANGUAGE "\\n", count > 1 ? words[1] : "world"); return 0; }\n' > main.c`);
  await build("hello-c:1", `FROM c:1 AS build
ARG LANGUAGE=C
WORKDIR /src
COPY main.c .
RUN <<EOF
set -e
musl=/usr/lib/x86_64-linux-musl own=/usr/lib/x86_64-linux-gnu/tcc
tcc -B $own -nostdinc -nostdlib -static -I/usr/include/x86_64-linux-musl -DLANGUAGE="\\"$LANGUAGE\\"" -o /hello $musl/crt1.o $musl/crti.o main.c $musl/libc.a $own/libtcc1.a $musl/crtn.o
EOF
FROM scratch
COPY --from=build /hello /hello
ENTRYPOINT ["/hello"]
`);
  expect([output("hello-c:1"), output("hello-c:1", "you")]).toEqual(["hello world, of C", "hello you, of C"]);
});

/** A wheel and a package of npm for each, of one module that says its name. */
function serveModules(...names: readonly string[]): void {
  for (const name of names) {
    const wheel = `${name}-1.0-py3-none-any.whl`;
    run("sh", "-euc", String.raw`mkdir -p ${world.folder}/served/files ${world.folder}/served/simple/${name} ${world.folder}/make/${name}-1.0.dist-info ${world.folder}/make/package; cd ${world.folder}/make
      echo 'def word(): return "${name}"' > ${name}.py
      printf 'Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n' > ${name}-1.0.dist-info/METADATA; printf 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n' > ${name}-1.0.dist-info/WHEEL
      printf '${name}.py,,\n${name}-1.0.dist-info/METADATA,,\n${name}-1.0.dist-info/WHEEL,,\n${name}-1.0.dist-info/RECORD,,\n' > ${name}-1.0.dist-info/RECORD
      python3 -m zipfile -c ../served/files/${wheel} ${name}.py ${name}-1.0.dist-info
      echo '<a href="/files/${wheel}">${wheel}</a>' > ../served/simple/${name}/index.html
      echo '{"name":"${name}","version":"1.0.0","main":"index.js"}' > package/package.json; echo 'module.exports = () => "${name}"' > package/index.js; tar -czf ../served/files/${name}-1.0.0.tgz package
      integrity=sha512-$(openssl dgst -sha512 -binary ../served/files/${name}-1.0.0.tgz | base64 -w 0)
      echo '{"name":"${name}","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"${name}","version":"1.0.0","dist":{"tarball":"${address}/files/${name}-1.0.0.tgz","integrity":"'$integrity'"}}}}' > ../served/${name}`);
  }
}

rootTest("Python: pip with a cache mount fetches what is new only", async () => {
  await toolchain("python:1", PYTHON);
  serveModules("one", "two");
  const dockerfile = `FROM python:1
WORKDIR /app
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt .
RUN --mount=type=cache,target=/cache python3 -m pip install -q --cache-dir /cache --index-url ${address}/simple --trusted-host ${address.slice(7)} -r requirements.txt
COPY app.py .
CMD ["python3", "app.py"]
`;
  for (const [at, names] of [["one"], ["one", "two"]].entries()) {
    fill(`printf '%s\\n' ${names.map((name) => `${name}==1.0`).join(" ")} > requirements.txt; printf 'import ${names.join(", ")}\\nprint(${names.map((name) => `${name}.word()`).join(", ")})\\n' > app.py`);
    await build(`app-python:${at}`, dockerfile);
    expect(output(`app-python:${at}`)).toBe(names.join(" "));
  }
  expect([times("one-1.0-py3-none-any.whl"), times("two-1.0-py3-none-any.whl")]).toEqual([1, 1]);
}, 120_000);

nodeTest("Node: npm with a cache mount fetches what is new only", async () => {
  serveModules("three", "four");
  const [node, npm] = [realpathSync(Bun.which("node")!), dirname(dirname(realpathSync(Bun.which("npm")!)))];
  fill("mkdir bin lib");
  for (const [from, to] of [[node, "bin/node"], [npm, "lib/npm"]] as const) cpSync(from, join(context, to), { recursive: true, verbatimSymlinks: true });
  await build("node:1", `FROM ${world.image("debian")}\nCOPY bin/node /usr/bin/node\nCOPY lib/npm /usr/lib/npm\nRUN ln -s ../lib/npm/bin/npm-cli.js /usr/bin/npm\n`);
  const dockerfile = `FROM node:1 AS build
WORKDIR /app
COPY package.json .
RUN --mount=type=cache,target=/cache npm install --cache /cache --no-audit --no-fund --no-update-notifier --registry ${address}
FROM node:1
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY app.js .
CMD ["node", "app.js"]
`;
  for (const [at, names] of [["three"], ["three", "four"]].entries()) {
    const dependencies = Object.fromEntries(names.map((name) => [name, "1.0.0"]));
    fill(`echo '${JSON.stringify({ name: "app", version: "1.0.0", dependencies })}' > package.json; echo 'console.log(${names.map((name) => `require("${name}")()`).join(", ")})' > app.js`);
    await build(`app-node:${at}`, dockerfile);
    expect(output(`app-node:${at}`)).toBe(names.join(" "));
  }
  expect([times("three-1.0.0.tgz"), times("four-1.0.0.tgz")]).toEqual([1, 1]);
}, 120_000);

if (process.env["MDK_TEST_WALKTHROUGHS"] === "1") rootTest("Go: a static program into scratch, for two platforms, with the compiler's cache in a mount", async () => {
  await toolchain("go:1", GO);
  fill(String.raw`printf 'module example.org/hello\n\ngo 1.19\n' > go.mod; printf 'package main\n\nimport (\n\t"fmt"\n\t"runtime"\n)\n\nfunc main() { fmt.Println("hello of", runtime.GOARCH) }\n' > main.go`);
  const dockerfile = `FROM --platform=$BUILDPLATFORM go:1 AS build
WORKDIR /src
COPY go.mod main.go .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/cache GOCACHE=/cache CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH /usr/lib/go-1.19/bin/go build -o /hello .
FROM scratch
COPY --from=build /hello /hello
ENTRYPOINT ["/hello"]
`;
  await build("hello-go:1", dockerfile, "--platform", "linux/amd64,linux/arm64");
  expect(output("hello-go:1")).toBe("hello of amd64");
  expect(world.ok("image", "inspect", "--platform", "linux/arm64", "-f", "{{.Architecture}}", "hello-go:1")).toBe("arm64");
}, 300_000);
