/** ADD: archives that are unpacked, files of URLs, git repositories, and what of them is refused. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { archive, directory, file } from "../../helpers/archive.ts";
import { FilesStage } from "../../helpers/files-stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

let stage: FilesStage;
const servers: { stop(force: boolean): unknown }[] = [];
beforeEach(() => void (stage = new FilesStage()));
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
  // Nothing that was fetched stays.
  const left = readdirSync(stage.paths.temporary);
  stage.remove();
  expect(left).toEqual([]);
});

const asRoot = testIf(isRoot, "needs root");
const put = (name: string, bytes: Uint8Array): void => writeFileSync(join(stage.context, name), bytes);

describe("archives", () => {
  const MAKE = "mkdir t; mkdir -m 711 t/d; echo x > t/d/f; chown 12:34 t/d/f; chmod 4755 t/d/f; ln -s d/f t/l; ln t/d/f t/h; touch -d @1234 t/d/f t/d";
  const TREE = ["d d 711 0:0", "d/f f 4755 12:34", "h f 4755 12:34", "l l 777 0:0 d/f"];
  const into = (where: string): string[] => [`${where} d 755 0:0`, ...TREE.map((line) => `${where}/${line}`)];

  for (const [name, command] of [["plain", "tar -cf"], ["gzip", "tar -czf"], ["zstd", "tar --zstd -cf"]] as const) {
    testIf(isRoot && hasTool("tar") && (name !== "zstd" || hasTool("zstd")), "needs root, tar and zstd")(`${name}: unpacked, whatever its name is, with owners, modes, times and links`, async () => {
      stage.sh(`${MAKE}; ${command} context/some.name -C t .`);
      await stage.copy("ADD some.name /new/x");
      expect(stage.tree()).toEqual(["new d 755 0:0", ...into("new/x")]);
      expect(stage.sh("stat -c %Y root/new/x/d root/new/x/d/f; stat -c %h root/new/x/h")).toBe("1234\n1234\n2\n");
      await stage.copy("ADD --unpack=false some.name /as-it-is");
      expect(stage.sh("cmp context/some.name root/as-it-is && echo same")).toBe("same\n");
    });
  }

  asRoot("--chown is of what is unpacked, too; COPY unpacks nothing", async () => {
    stage.sh(`${MAKE}; tar -cf context/a.tar -C t .`);
    await stage.copy("ADD --chown=7:8 a.tar /x/");
    expect(stage.sh("find root/x | xargs stat -c %u:%g | sort -u")).toBe("7:8\n");
    await stage.copy("COPY a.tar /y/");
    expect(stage.sh("ls root/y")).toBe("a.tar\n");
  });

  asRoot("what is there makes way, directories are merged", async () => {
    stage.sh("mkdir -p t/a t/b; echo new > t/a/f; echo new > t/b/g; echo new > t/c; tar -cf context/a.tar -C t .; mkdir -p root/x/a root/x/c/d; echo old > root/x/a/f; echo old > root/x/a/kept; echo old > root/x/b");
    await stage.copy("ADD a.tar /x/");
    expect(stage.sh("cd root/x; cat a/f a/kept b/g c")).toBe("new\nold\nnew\nnew\n");
  });

  asRoot("what is no archive, or an empty one, is copied", async () => {
    stage.sh("echo text > context/t; : > context/e; head -c 10240 /dev/zero > context/z; printf 'x' | gzip > context/g.gz");
    await stage.copy("ADD t e z g.gz /x/");
    expect(stage.sh("ls root/x; gzip -dc root/x/g.gz")).toBe("e\ng.gz\nt\nz\nx");
  });

  for (const name of ["xz", "bzip2"] as const) {
    testIf(isRoot && hasTool(name), `needs root and ${name}`)(`${name} is refused by its name, and copied where it is not to be unpacked`, async () => {
      stage.sh(`echo x | ${name} > context/x`);
      await expect(stage.copy("ADD x /")).rejects.toThrow(`the file is compressed with ${name}, which mdk does not read`);
      await stage.copy("ADD --unpack=false x /");
      expect(stage.tree()).toEqual(["x f 644 0:0"]);
    });
  }

  const HOSTILE: readonly [name: string, bytes: () => Uint8Array, message: string | null, witness: string][] = [
    ["a name that climbs", () => archive([file("../../escaped", "x")]), "outside of", ""],
    ["a link out of it, and a file below the link", () => archive([{ name: "l", type: "2", link: "../../.." }, file("l/escaped", "x")]), null, "root/x/escaped"],
    ["an absolute link, and a file below it", () => archive([{ name: "l", type: "2", link: "/" }, file("l/escaped", "x")]), null, "root/x/escaped"],
    ["a hard link to what is outside", () => archive([{ name: "h", type: "1", link: "../../../etc/passwd" }]), "invalid hardlink", ""],
    ["a device 0:0", () => archive([{ name: "w", type: "3", major: 0, minor: 0 }]), "a device 0:0, which is no device", ""],
    ["overlay's mark in an attribute", () => archive([directory("d"), file("d/f", "x", { pax: { "SCHILY.xattr.trusted.overlay.opaque": "y" } })]), null, ""],
    ["one that ends within a file", () => archive([file("f", "x".repeat(2000))]).subarray(0, 1024), "the archive ends within an entry", ""],
  ];
  for (const [name, bytes, message, witness] of HOSTILE) {
    asRoot(`a hostile one stays within its directory: ${name}`, async () => {
      put("a.tar", bytes());
      stage.sh("mkdir root/x; echo canary > root/canary");
      if (message === null) await stage.copy("ADD a.tar /x/");
      else await expect(stage.copy("ADD a.tar /x/")).rejects.toThrow(message);
      expect(stage.sh("find . -name escaped")).toBe(witness === "" ? "" : `./${witness}\n`);
      expect(stage.sh("ls root; find root -exec getfattr -d -m trusted {} + 2>/dev/null || true")).toBe("canary\nx\n");
    });
  }
});

const sha256 = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

function serve(answer: (request: Request) => Response): string {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

describe("URLs", () => {
  asRoot("a file: its name from the URL, 0600, root's, its time the server's or none; --chmod and --chown are taken", async () => {
    const url = serve(({ url: asked }) => new Response("body", asked.includes("timed") ? { headers: { "Last-Modified": "Thu, 01 Jan 2015 00:00:00 GMT" } } : {}));
    await stage.copy(`ADD ${url}/a/timed%20name.txt?x=y /d/`);
    await stage.copy(`ADD ${url}/ /d/`);
    await stage.copy(`ADD --chmod=644 --chown=5 ${url}/plain /d/other`);
    expect(stage.sh("cd root/d; stat -c '%n %a %u:%g %Y' *; cat *")).toBe("__unnamed__ 600 0:0 0\nother 644 5:5 0\ntimed name.txt 600 0:0 1420070400\nbodybodybody");
  });

  asRoot("an archive is unpacked only when it is said", async () => {
    const url = serve(() => new Response(archive([file("f", "x")])));
    await stage.copy(`ADD ${url}/a.tar /d/`);
    await stage.copy(`ADD --unpack=true ${url}/a.tar /u/`);
    expect(stage.sh("ls root/d root/u")).toBe("root/d:\na.tar\n\nroot/u:\nf\n");
  });

  asRoot("redirects are followed, but to no other scheme", async () => {
    const url = serve(({ url: asked }) => (asked.endsWith("/there") ? new Response("body") : new Response(null, { status: 302, headers: { Location: asked.endsWith("/file") ? "file:///etc/passwd" : "/there" } })));
    await stage.copy(`ADD ${url}/here /x`);
    expect(stage.sh("cat root/x")).toBe("body");
    await expect(stage.copy(`ADD ${url}/file /y`)).rejects.toThrow("redirects to file://");
  });

  asRoot("a checksum is held to; with one nothing is fetched for the digest", async () => {
    let asked = 0;
    const url = serve(() => (asked++, new Response("body")));
    let before = -1;
    await stage.copy(`ADD --checksum=${sha256("body")} ${url}/f /x`, { meanwhile: () => void (before = asked) });
    expect([before, asked]).toEqual([0, 1]);
    await expect(stage.copy(`ADD --checksum=${sha256("other")} ${url}/f /x`)).rejects.toThrow(`digest mismatch for ${url}/f: ${sha256("body")} (expected: ${sha256("other")})`);
    for (const [checksum, message] of [["sha256:12", "invalid checksum digest format: sha256:12"], [`sha512:${"0".repeat(128)}`, "unsupported digest algorithm"]] as const) {
      await expect(stage.copy(`ADD --checksum=${checksum} ${url}/f /x`)).rejects.toThrow(message);
    }
  });

  asRoot("what still has the tag that it had in an earlier build is not fetched to be compared; another tag is", async () => {
    const asked: string[] = [];
    let [tag, body, tags]: [string, string, boolean] = ['"one"', "body", true];
    const url = serve(({ method }) => (asked.push(method), new Response(method === "HEAD" ? null : body, { headers: tags ? { ETag: tag } : {} })));
    const known = new Map<string, string>();
    const digests = { begun: Date.now(), find: (key: string) => known.get(key) ?? null, keep: (key: string, digest: string) => void known.set(key, digest) };
    const add = async (): Promise<[digest: string, before: string, whole: string]> => {
      let before = "";
      const digest = await stage.copy(`ADD ${url}/f /x`, { digests, meanwhile: () => void (before = asked.join(" ")) });
      return [digest, before, asked.splice(0).join(" ")];
    };
    const [first, ...once] = await add();
    expect(once).toEqual(["GET", "GET"]);
    // Placing it is what a step does that is not found in the cache.
    expect(await add()).toEqual([first, "HEAD", "HEAD GET"]);
    [tag, body] = ['"two"', "other"];
    const [second, ...again] = await add();
    expect([second === first, ...again]).toEqual([false, "HEAD GET", "HEAD GET"]);
    // One tag for two contents: told, and not again.
    body = "third";
    await expect(add()).rejects.toThrow(`${url}/f changed while it was fetched`);
    asked.splice(0);
    expect((await add())[0]).not.toBe(second);
    [tag, body] = ['W/"two"', "weak"];
    expect((await add()).slice(1)).toEqual(["HEAD GET", "HEAD GET"]);
    tags = false;
    expect((await add()).slice(1)).toEqual(["HEAD GET", "HEAD GET"]);
  });

  asRoot("a tag is of the place where redirects led", async () => {
    let version = 1;
    const url = serve(({ url: asked }) => (asked.endsWith("/f") ? new Response(null, { status: 302, headers: { Location: `/${version}` } }) : new Response(`content ${version}`, { headers: { ETag: '"1"' } })));
    const known = new Map<string, string>();
    const digests = { begun: Date.now(), find: (key: string) => known.get(key) ?? null, keep: (key: string, digest: string) => void known.set(key, digest) };
    const first = await stage.copy(`ADD ${url}/f /x`, { digests });
    version = 2;
    expect(await stage.copy(`ADD ${url}/f /x`, { digests })).not.toBe(first);
    expect(stage.sh("cat root/x")).toBe("content 2");
  });

  asRoot("an answer that is none, and one that lies about its length", async () => {
    const url = serve(() => new Response("no", { status: 404 }));
    await expect(stage.copy(`ADD ${url}/f /x`)).rejects.toThrow(`Get "${url}/f": invalid response status 404`);
    const liar = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void (socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort"), socket.end()) } });
    servers.push(liar);
    await expect(stage.copy(`ADD http://127.0.0.1:${liar.port}/f /x`)).rejects.toThrow("it ends too early, before its 100 bytes: unexpected EOF");
    expect(stage.tree()).toEqual([]);
  });

  asRoot("a name and a password go to their own origin only, and into no message", async () => {
    const seen: (string | null)[] = [];
    const other = serve(({ headers }) => (seen.push(headers.get("authorization")), new Response("no", { status: 403 })));
    const url = serve(({ headers }) => (seen.push(headers.get("authorization")), new Response(null, { status: 302, headers: { Location: `${other}/f` } })));
    const refused = stage.copy(`ADD ${url.replace("//", "//user:secret@")}/f /x`).then(() => "", (error: Error) => error.message);
    expect(await refused).toBe(`Get "${url}/f": invalid response status 403`);
    expect(seen).toEqual([`Basic ${btoa("user:secret")}`, null]);
  });
});

describe("git", () => {
  const MAKE = `
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a
    git init -q -b main r; cd r; mkdir sub; echo one > f; echo two > sub/g; ln -s /etc/passwd l; echo x > run; chmod 755 run
    git add -A; git commit -qm one; git tag v1; echo more > f; git commit -qam two; cd ..
    git clone -q --bare r x.git; git -C x.git update-server-info`;
  /** A dumb server: files, and no shallow fetches. */
  const repository = (): string => {
    stage.sh(MAKE);
    return serve(({ url }) => new Response(Bun.file(join(stage.folder, new URL(url).pathname))));
  };
  const asGit = testIf(isRoot && hasTool("git"), "needs root and git");

  asGit("the tip, a tag, a commit and what begins like one; a subdirectory; without .git", async () => {
    const url = repository();
    const commit = stage.sh("git -C r rev-parse v1").trim();
    await stage.copy(`ADD ${url}/x.git /tip`);
    for (const [index, ref] of ["v1", commit, commit.slice(0, 8)].entries()) await stage.copy(`ADD ${url}/x.git#${ref} /at${index}`);
    await stage.copy(`ADD ${url}/x.git#main:sub /sub/`);
    expect(stage.tree("root/tip")).toEqual(["f f 644 0:0", "l l 777 0:0 /etc/passwd", "run f 755 0:0", "sub d 755 0:0", "sub/g f 644 0:0"]);
    expect(stage.sh("cat root/tip/f root/at?/f; ls -A root/sub")).toBe("more\none\none\none\ng\n");
  });

  asGit("--keep-git-dir keeps it, --checksum is a commit", async () => {
    const url = repository();
    const [one, two] = ["v1", "main"].map((ref) => stage.sh(`git -C r rev-parse ${ref}`).trim()) as [string, string];
    await stage.copy(`ADD --keep-git-dir=true --checksum=${two} ${url}/x.git /x`);
    expect(stage.sh("git -c safe.directory='*' -C root/x log --format=%s -1; git -c safe.directory='*' -C root/x status --short")).toBe("two\n");
    await expect(stage.copy(`ADD --checksum=${one} ${url}/x.git /x`)).rejects.toThrow(`expected checksum to match ${one}, got ${two}`);
    await expect(stage.copy(`ADD ${url}/x.git#none /x`)).rejects.toThrow(`git failed: fetch none of ${url}/x.git: fatal: couldn't find remote ref none`);
  });

  asGit("no program of the repository, or of the caller's configuration, runs", async () => {
    const url = repository();
    stage.sh("mkdir home; printf '[core]\\n\\thooksPath = /nowhere\\n[filter \"f\"]\\n\\tsmudge = touch ran; cat\\n' > home/.gitconfig; cd r; echo '* filter=f' > .gitattributes; git add -A; git -c user.name=a -c user.email=a@a commit -qm filters; git push -q ../x.git main; git -C ../x.git update-server-info");
    await stage.copy(`ADD ${url}/x.git /x`, { environment: { ...process.env, HOME: join(stage.folder, "home"), GIT_DIR: "/nowhere" } });
    expect(stage.sh("ls -A root/x; find . -name ran")).toBe(".gitattributes\nf\nl\nrun\nsub\n");
  });

  asRoot("without git there is a sentence", async () => {
    await expect(stage.copy("ADD https://example.com/x.git /x", { environment: { PATH: "/nowhere" } })).rejects.toThrow("git is not installed");
  });
});
