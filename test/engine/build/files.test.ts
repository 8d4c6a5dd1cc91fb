/** COPY and ADD: what is named, what is left out, where it goes and what it becomes, rule by rule; find(1), stat(1) and getfattr(1) look at what came. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { FilesStage, type FilesOptions } from "../../helpers/files-stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

let stage: FilesStage;
beforeEach(() => void (stage = new FilesStage()));
afterEach(() => stage.remove());

const asRoot = testIf(isRoot, "needs root");

/** The context of the table. */
const CONTEXT = `
cd context
echo a > a.txt; echo b > b.txt; echo hidden > .env; chmod 640 b.txt
mkdir -p dir/sub/deep dir/empty other; echo one > dir/one; echo two > dir/sub/two; echo three > dir/sub/deep/three.md; chmod 750 dir/sub; chmod 700 dir/empty
ln -s dir link; ln -s a.txt file-link; ln -s /etc/passwd out; ln -s ../../../../etc dir/climb; ln -s nowhere dangling; echo o > other/o.txt
chown -R 1000:1000 .
`;

/** What the files of CONTEXT are where they come. */
const SUB = ["sub d 750 0:0", "sub/deep d 755 0:0", "sub/deep/three.md f 644 0:0", "sub/two f 644 0:0"];
const DIR = ["climb l 777 0:0 ../../../../etc", "empty d 700 0:0", "one f 644 0:0", ...SUB];
const below = (directory: string, lines: readonly string[]): string[] => [`${directory} d 755 0:0`, ...lines.map((line) => `${directory}/${line}`)];

const CASES: readonly [name: string, instruction: string, expected: readonly string[], options?: FilesOptions & { readonly before?: string }][] = [
  ["a file to a name, with its mode, root's", "COPY b.txt /x", ["x f 640 0:0"]],
  ["a file to a directory that is not there", "COPY a.txt /new/d/", ["new d 755 0:0", "new/d d 755 0:0", "new/d/a.txt f 644 0:0"]],
  ["a file to a directory that is there", "COPY a.txt /d", ["d d 711 5:5", "d/a.txt f 644 0:0"], { before: "mkdir -m 711 root/d; chown 5:5 root/d" }],
  ["a directory's contents, not the directory", "COPY dir /x", below("x", DIR)],
  ["a directory with a slash", "COPY dir/ /x/", below("x", DIR)],
  ["to the working directory", "COPY a.txt .", ["w d 755 0:0", "w/a.txt f 644 0:0"], { workingDirectory: "/w" }],
  ["below the working directory", "COPY a.txt sub/name", ["w d 755 0:0", "w/sub d 755 0:0", "w/sub/name f 644 0:0"], { workingDirectory: "/w" }],
  ["several files", "COPY a.txt b.txt ./", ["a.txt f 644 0:0", "b.txt f 640 0:0"]],
  ["a wildcard, dotfiles too", "COPY *.txt .e* /t/", ["t d 755 0:0", "t/.env f 644 0:0", "t/a.txt f 644 0:0", "t/b.txt f 640 0:0"]],
  ["a wildcard in the middle, and its own brackets", "COPY [do]*/?.txt /", ["o.txt f 644 0:0"]],
  ["directories that a wildcard matches: their contents", "COPY dir/s* /x/", below("x", ["deep d 755 0:0", "deep/three.md f 644 0:0", "two f 644 0:0"])],
  ["a wildcard without a match: nothing", "COPY *.none /x/", ["x d 755 0:0"].slice(1)],
  ["a link that is named is followed and keeps its name", "COPY file-link /x/", ["x d 755 0:0", "x/file-link f 644 0:0"]],
  ["a link to a directory that is named: its contents", "COPY link /x", below("x", DIR)],
  ["--chown by numbers", "COPY --chown=7 a.txt /n/x", ["n d 755 7:7", "n/x f 644 7:7"]],
  ["--chown with both", "COPY --chown=7:8 dir/sub /x", ["x d 755 7:8", "x/deep d 755 7:8", "x/deep/three.md f 644 7:8", "x/two f 644 7:8"]],
  ["--chown by names", "COPY --chown=joe:staff a.txt /x", ["etc d 755 0:0", "etc/group f 644 0:0", "etc/passwd f 644 0:0", "x f 644 1234:50"], {
    before: "mkdir root/etc; echo 'joe:x:1234:99::/:/bin/sh' > root/etc/passwd; echo 'staff:x:50:' > root/etc/group",
  }],
  ["--chown by a name: its own group", "COPY --chown=joe a.txt /x", ["etc d 755 0:0", "etc/passwd f 644 0:0", "x f 644 1234:99"], {
    before: "mkdir root/etc; echo 'joe:x:1234:99::/:/bin/sh' > root/etc/passwd",
  }],
  ["--chmod in octal, directories too", "COPY --chmod=705 dir/sub /x", ["x d 705 0:0", "x/deep d 705 0:0", "x/deep/three.md f 705 0:0", "x/two f 705 0:0"]],
  ["--chmod in words", "COPY --chmod=u=rwX,go=rX,g+w dir/sub /x", ["x d 755 0:0", "x/deep d 775 0:0", "x/deep/three.md f 664 0:0", "x/two f 664 0:0"]],
  ["--exclude", "COPY --exclude=**/*.md --exclude=empty dir /x", below("x", DIR.filter((line) => !/three|empty/.test(line)))],
  ["--exclude of what a wildcard matches", "COPY --exclude=b* *.txt /x/", ["x d 755 0:0", "x/a.txt f 644 0:0"]],
  ["--parents", "COPY --parents dir/sub/two other/o.txt /x/", ["x d 755 0:0", "x/dir d 755 0:0", "x/dir/sub d 750 0:0", "x/dir/sub/two f 644 0:0", "x/other d 755 0:0", "x/other/o.txt f 644 0:0"]],
  ["--parents from a pivot", "COPY --parents dir/./sub/two /x/", ["x d 755 0:0", "x/sub d 750 0:0", "x/sub/two f 644 0:0"]],
  ["--parents with **", "COPY --parents ./**/*.md /x/", ["x d 755 0:0", "x/dir d 755 0:0", "x/dir/sub d 750 0:0", "x/dir/sub/deep d 755 0:0", "x/dir/sub/deep/three.md f 644 0:0"]],
  [".dockerignore", "COPY . /", ["a.txt f 644 0:0", "dir d 755 0:0", "dir/sub d 750 0:0", "dir/sub/two f 644 0:0"], { ignore: ["*", "!a.txt", "!dir/sub/two"] }],
  ["inline files", "COPY <<ONE <<TWO /i/\nfirst\nONE\nsecond\nTWO", ["i d 755 0:0", "i/ONE f 644 0:0", "i/TWO f 644 0:0"]],
  ["over a file, and into a directory that takes the source's mode and owner", "COPY dir /d", below("d", DIR), { before: "mkdir -p root/d/sub; chmod 711 root/d/sub; chown 9:9 root/d/sub; echo old > root/d/one; chmod 600 root/d/one" }],
  ["a destination that is a link within the root", "COPY a.txt /l/", ["l l 777 0:0 /t/u", "t d 755 0:0", "t/u d 755 0:0", "t/u/a.txt f 644 0:0"], { before: "ln -s /t/u root/l" }],
  ["a destination whose links climb: they end at the root", "COPY a.txt /l/x", ["esc d 755 0:0", "esc/x f 644 0:0", "l l 777 0:0 ../../../esc"], { before: "ln -s ../../../esc root/l" }],
  ["a link in the place of a file is replaced, not followed", "COPY a.txt /d/", ["d d 755 0:0", "d/a.txt f 644 0:0", "victim f 644 0:0"], { before: "mkdir root/d; echo v > root/victim; ln -s ../victim root/d/a.txt" }],
  ["owners of another image stay", "COPY --from=other a.txt /x", ["x f 644 1000:1000"], { ownersKept: true }],
];

describe("copies", () => {
  for (const [name, instruction, expected, options = {}] of CASES) {
    asRoot(name, async () => {
      stage.sh(CONTEXT);
      stage.sh(options.before ?? "true");
      await stage.copy(instruction, options);
      expect(stage.tree()).toEqual([...expected].sort());
    });
  }
});

const REFUSED: readonly [name: string, instruction: string, message: string, options?: FilesOptions & { readonly before?: string }][] = [
  ["what is not there", "COPY none /", 'failed to calculate checksum of the build context: "/none": not found'],
  ["what is ignored", "COPY a.txt /", '"/a.txt": not found', { ignore: ["a.txt"] }],
  ["a link to what is ignored", "COPY file-link /", '"/file-link": not found', { ignore: ["a.txt"] }],
  ["a link that leads nowhere", "COPY dangling /", '"/dangling": not found'],
  ["a link out of the context: it ends within", "COPY out /", '"/out": not found'],
  ["a path that climbs: it ends at the root of the context", "COPY ../../etc/passwd /", '"/etc/passwd": not found'],
  ["a directory over a file", "COPY dir /f", "cannot copy to non-directory: /f", { before: "echo > root/f" }],
  ["a directory over a file below", "COPY . /", "cannot copy to non-directory: /dir", { before: "echo > root/dir" }],
  ["a file over a directory", "COPY a.txt /d/", "cannot replace to directory /d/a.txt with file", { before: "mkdir -p root/d/a.txt" }],
  ["several files to one name", "COPY a.txt b.txt /x", "When using COPY with more than one source file, the destination must be a directory and end with a /"],
  ["an unknown user", "COPY --chown=nobody-here a.txt /", "unable to find user nobody-here: no matching entries in passwd file"],
  ["a mode that is none", "COPY --chmod=64a a.txt /", "invalid chmod parameter: '64a'. it should be octal string and between 0 and 07777"],
  ["a mode that is too large", "COPY --chmod=10000 a.txt /", "invalid chmod parameter: '10000'"],
  ["a pattern without an end", "COPY [a /", "syntax error in pattern"],
  ["a URL for COPY", "COPY http://127.0.0.1/x /", "source can't be a URL for COPY"],
  ["a checksum of a file", "ADD --checksum=sha256:00 a.txt /", "checksum requires HTTP(S) or Git sources"],
  ["links in a circle", "COPY a.txt /l/", "too many levels of symbolic links", { before: "ln -s l root/l" }],
];

describe("refuses", () => {
  for (const [name, instruction, message, options = {}] of REFUSED) {
    asRoot(name, async () => {
      stage.sh(CONTEXT);
      stage.sh(options.before ?? "true");
      await expect(stage.copy(instruction, options)).rejects.toThrow(message);
    });
  }
});

asRoot("times are the files', of the top directory too, and SOURCE_DATE_EPOCH's where it is set", async () => {
  stage.sh("mkdir -p context/d/e; echo x > context/d/e/f; ln -s f context/d/e/l; touch -h -d @1111.5 context/d/e/l context/d/e/f; touch -d @2222 context/d/e; touch -d @3333 context/d");
  const times = (): string => stage.sh("cd root; stat -c '%n %.1Y' x x/e x/e/f x/e/l");
  await stage.copy("COPY d /x");
  expect(times()).toBe("x 3333.0\nx/e 2222.0\nx/e/f 1111.5\nx/e/l 1111.5\n");
  await stage.copy("COPY d /x", { epoch: 77 });
  expect(times()).toBe("x 77.0\nx/e 77.0\nx/e/f 77.0\nx/e/l 77.0\n");
});

testIf(isRoot && hasTool("getfattr"), "needs root and getfattr")("attributes come along, a capability too; overlay's marks and a host's labels do not", async () => {
  stage.sh("echo x > context/f; setfattr -n user.note -v hi context/f; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 context/f; setfattr -n trusted.overlay.opaque -v y context/f");
  await stage.copy("COPY f /x");
  expect(stage.sh("getfattr --only-values -n user.note root/x; getfattr -d -m - -e hex root/x | grep -c =")).toBe("hi2\n");
});

asRoot("names of one file stay names of one file; devices and pipes are nodes, sockets are left out; nobody opens any of them", async () => {
  stage.sh("cd context; echo x > one; mkdir d; ln one d/two; mkfifo pipe; mknod null c 1 3; chmod 4755 one; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'");
  await stage.copy("COPY . /");
  expect(stage.sh("cd root; stat -c '%n %F %h %a' one d/two pipe null; ls")).toBe("one regular file 2 4755\nd/two regular file 2 4755\npipe fifo 1 644\nnull character special file 1 644\nd\nnull\none\npipe\n");
  await stage.copy("ADD pipe /p"); // looked at, not opened
  expect(stage.tree()).toContain("p p 644 0:0");
});

asRoot("names that are no text are copied as they are", async () => {
  stage.sh("printf x > \"context/$(printf 'caf\\351')\"; mkdir context/d; printf y > \"context/d/$(printf '\\377')\"");
  await stage.copy("COPY * /x/");
  expect(stage.sh("cd root/x; ls | od -An -tx1 | tr -d ' \\n'")).toBe("636166e90aff0a");
});

testIf(isRoot && hasTool("python3"), "needs root and python3")("a tree is deeper than a path may be long", async () => {
  stage.sh("python3 -c \"import os; os.chdir('context'); [(os.mkdir('n' * 200), os.chdir('n' * 200)) for _ in range(60)]; open('f', 'w').write('deep')\"");
  await stage.copy("COPY . /x/");
  expect(stage.sh("find root/x -name f | wc -c; rm -r context root")).toBe(`${"root/x/".length + 60 * 201 + 2}\n`);
});

asRoot("an interrupt ends it, before and after the digest", async () => {
  stage.sh("echo x > context/f");
  await expect(stage.copy("COPY . /x/", { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  const interrupt = new AbortController();
  await expect(stage.copy("COPY . /x/", { signal: interrupt.signal, meanwhile: () => interrupt.abort() })).rejects.toThrow("aborted");
  expect(stage.tree()).toEqual([]);
});

describe("a hostile source", () => {
  asRoot("a device 0:0, overlay's sign for a deleted file, is refused", async () => {
    stage.sh("mknod context/w c 0 0");
    await expect(stage.copy("COPY . /")).rejects.toThrow("is a device 0:0, which is no device");
  });

  const swapped: readonly [name: string, script: string][] = [
    ["a file that is written", "echo more >> context/d/f"],
    ["a file that is replaced", "rm context/d/f; echo x > context/d/f"],
    ["a file that becomes a link out", "rm context/d/f; ln -s /etc/passwd context/d/f"],
    ["a file that becomes a pipe", "rm context/d/f; mkfifo context/d/f"],
    ["one whose time is set back", "touch -r context/d/f stamp; echo y > context/d/f; touch -r stamp context/d/f"],
  ];
  for (const [name, script] of swapped) {
    asRoot(`${name} between the digest and the copy is told by its name`, async () => {
      stage.sh("mkdir context/d; echo x > context/d/f");
      await expect(stage.copy("COPY . /", { meanwhile: () => void stage.sh(script) })).rejects.toThrow('"/d/f" of the build context changed while it was read');
    });
  }

  asRoot("a directory that becomes a link out is not entered, a file that is gone is named", async () => {
    stage.sh("mkdir context/d; echo x > context/d/f");
    await expect(stage.copy("COPY . /", { meanwhile: () => void stage.sh("mv context/d gone; ln -s /etc context/d") })).rejects.toThrow(/copy "\/d\/f" of the build context: openat2/);
    expect(stage.sh("ls root/d")).toBe("");
  });

  asRoot("a destination that somebody turns into a link out is not followed out", async () => {
    stage.sh("echo x > context/f; mkdir victim; ln -s ../victim root/l");
    await stage.copy("COPY f /l/");
    expect(stage.sh("ls victim; cat root/victim/f")).toBe("x\n");
  });
});

asRoot("the digest is of names, modes, links, contents and attributes, not of times or of what is left out", async () => {
  stage.sh(CONTEXT);
  const digests = new Map<string, string>();
  const differs = async (script: string, isOther: boolean, options: FilesOptions = {}): Promise<void> => {
    stage.sh(script);
    const digest = await stage.copy("COPY . /x/", { ignore: ["*.log"], ...options });
    const before = digests.get("last");
    if (before !== undefined) expect([script, digest !== before]).toEqual([script, isOther]);
    digests.set("last", digest);
  };
  await differs("true", false);
  await differs("touch -d @5 context/a.txt context/dir; chown 5:5 context/a.txt; echo x > context/new.log", false);
  await differs("echo c > context/a.txt", true);
  await differs("chmod 600 context/a.txt", true);
  await differs("mv context/a.txt context/z.txt", true);
  await differs("ln -sfn other context/link", true);
  await differs("mkdir context/dir/fresh", true);
  await differs("chmod 700 context/dir/fresh", true);
  await differs("setfattr -n user.x -v 1 context/z.txt || python3 -c 'import os; os.setxattr(\"context/z.txt\", \"user.x\", b\"1\")'", true);
  await differs("mv context context2; cp -a context2 context; rm -r context2", false);
});

asRoot("what an earlier build digested is not read again, unless stat(2) says otherwise", async () => {
  stage.sh(CONTEXT);
  const known = new Map<string, string>();
  let found = 0;
  const digests = { begun: Date.now() + 60_000, find: (key: string) => (known.has(key) ? (found++, known.get(key)!) : null), keep: (key: string, digest: string) => void known.set(key, digest) };
  const first = await stage.copy("COPY . /x/", { digests });
  const directories = known.size;
  expect(await stage.copy("COPY . /x/", { digests })).toBe(first);
  expect(found).toBe(directories);
  found = 0;
  stage.sh("echo other > context/dir/one");
  expect(await stage.copy("COPY . /x/", { digests })).not.toBe(first);
  expect([found, known.size]).toEqual([directories - 1, directories + 1]);
  // Two changes within one tick of the clock leave the same times: what changed just now is not kept.
  known.clear();
  await stage.copy("COPY . /x/", { digests: { ...digests, begun: Date.now() } });
  expect(known.size).toBe(0);
});

asRoot("whoever gives up need not wait until all names have been asked of all patterns", async () => {
  stage.sh(`cd context; for at in $(seq 300); do : > ${"a".repeat(240)}$at; done`);
  const began = performance.now();
  await expect(stage.copy("COPY . /x/", { ignore: Array.from({ length: 10_000 }, (_, at) => `*a*a${at}x`), signal: AbortSignal.timeout(300) })).rejects.toThrow("timed out");
  expect(performance.now() - began).toBeLessThan(1500);
});

test("what --chmod may say", async () => {
  const { parseChmod } = await import("../../../src/build/context/chmod.ts");
  const cases: readonly [text: string, mode: number, isDirectory: boolean, expected: number][] = [
    ["0", 0o777, false, 0], ["4755", 0, false, 0o4755], ["u+x", 0o644, false, 0o744], ["+x", 0o644, false, 0o755], ["a-w", 0o666, false, 0o444], ["g=u", 0o740, false, 0o770],
    ["o=", 0o777, false, 0o770], ["u+s,g+s,+t", 0o755, false, 0o7755], ["a+X", 0o644, false, 0o644], ["a+X", 0o644, true, 0o755], ["a+X", 0o744, false, 0o755], ["u=rw,go=r", 0o2755, true, 0o2644],
    ["u=rw", 0o4755, false, 0o655], ["go-rwx+r", 0o777, false, 0o744],
  ];
  expect(cases.map(([text, mode, isDirectory]) => parseChmod(text).apply(mode, isDirectory).toString(8))).toEqual(cases.map(([, , , expected]) => expected.toString(8)));
  for (const text of ["", "u", "u+z", "8", "u+x,", "+x u", "0x1"]) expect(() => parseChmod(text)).toThrow("invalid chmod parameter");
});
