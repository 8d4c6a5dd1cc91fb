/** Dockerfiles that mdk and Debian's docker (20.10, its embedded BuildKit) both build, and where what they make differs, with the reason. */

/** The context of each: everything is somebody else's, and old. */
export const CONTEXT = `
echo a > a.txt; echo b > b.txt; chmod 640 b.txt; echo hidden > .env; printf '#!/bin/sh\\necho ran\\n' > run.sh; chmod 755 run.sh
mkdir -p dir/sub/deep dir/empty other tree/one tree/two; echo one > dir/one; echo two > dir/sub/two; echo three > dir/sub/deep/three.md; echo o > other/o.txt
chmod 750 dir/sub; chmod 700 dir/empty; echo 1 > tree/one/f; echo 2 > tree/two/f; ln -s a.txt link; ln -s dir dir-link; ln -s /etc/passwd out; ln -s nowhere dangling; ln -s ../a.txt dir/up
mkdir in; echo inner > in/file; mkdir in/d; ln -s file in/l; chmod 4755 in/file; tar -C in --owner 7 --group 8 -cf archive.tar .; gzip -k archive.tar; tar -C in -cJf archive.tar.xz .; echo plain > plain.gz; ln dir/one dir/same
echo attribute > attributed; setfattr -n user.kind -v text attributed; printf 'NAME=value\\n' > settings; echo 'é' > 'näme with space'
find . -exec touch -h -d 2001-02-03T04:05:06Z {} +
chown -hR 1000:1000 .
`;

export interface BuildCase {
  readonly name: string;
  readonly dockerfile: string;
  readonly flags?: readonly string[];
  /** Words of sh(1) in the context, before. */
  readonly before?: string;
  /** What is not the same, and why. */
  /** Empty places that 20.10 leaves in a layer where something was mounted; later BuildKit takes them away, as mdk does. */
  readonly stubs?: readonly string[];
  readonly differs?: Partial<Record<"tree" | "config" | "history", string>>;
}

const ARGUMENTS = "20.10 says an ARG as it is written; later BuildKit, and mdk, with the value that it has";
const FLAGS = "20.10 leaves --chown and --chmod out; later BuildKit, and mdk, do not";
const ATTRIBUTES = "20.10 loses the extended attributes of the context";
const HEALTH = "20.10 says a health check as Go quotes a structure; later BuildKit, and mdk, name its fields";
const PORTS = "20.10 says the ports as a set, later BuildKit, and mdk, as a list";
const MODES = "20.10 gives the directories that it makes on the way 0755, whatever --chmod says; later BuildKit, and mdk, do not";
const OWNERS = "20.10 leaves --chown out where it unpacks an archive";
const GROUPS = "20.10 gives RUN none of the user's further groups; later BuildKit, and mdk, do";

const run = (name: string, words: string, differs: NonNullable<BuildCase["differs"]> = {}, stubs: readonly string[] = []): BuildCase => ({ name, dockerfile: `FROM base:1\n${words}\n`, differs, stubs });

const SETTINGS: readonly BuildCase[] = [
  run("nothing at all", ""),
  run("CMD, shell form", "CMD echo $HOME"),
  run("CMD, exec form", 'CMD ["echo", "a b"]'),
  run("CMD, the last one counts", "CMD one\nCMD two"),
  run("CMD, no words", "CMD []"),
  run("ENTRYPOINT takes the base's CMD away", 'ENTRYPOINT ["cat"]'),
  run("ENTRYPOINT leaves a CMD before it", 'CMD ["x"]\nENTRYPOINT ["cat"]'),
  run("ENTRYPOINT, shell form", "ENTRYPOINT exec cat"),
  run("ENV, both forms", "ENV A=1 B='two words' C=\"$A-x\"\nENV D the rest of it\nENV A=9 E=$A"),
  run("ENV with modifiers", "ENV A=x\nENV B=${A:-no} C=${N:-no} D=${A:+yes} E=${N:+yes} F=\\$A"),
  run("ENV over the base's", "ENV PATH=/x:$PATH"),
  run("ARG: a default, a value, none", "ARG A=1\nARG B\nARG C=x$A\nENV V=$A$B$C"),
  { name: "ARG from outside", dockerfile: "FROM base:1\nARG A=1\nARG B\nENV V=$A-$B\nRUN echo $A $B > /x\n", flags: ["--build-arg", "A=5", "--build-arg", "B=6"], differs: { history: ARGUMENTS } },
  { name: "ARG before FROM", dockerfile: "ARG TAG=1\nARG X=outer\nFROM base:$TAG\nARG X\nENV X=$X\n", differs: { history: ARGUMENTS } },
  { name: "ARG of one stage is not in another", dockerfile: "FROM base:1 AS a\nARG A=1\nENV E=$A\nFROM a\nENV F=$A$E\n" },
  { name: "a proxy stays out of the history", dockerfile: "FROM base:1\nRUN echo $http_proxy > /x\n", flags: ["--build-arg", "http_proxy=http://192.0.2.1:1"] },
  run("LABEL and ENV with quotes, escapes and lines", "LABEL a=\"one \\\ntwo\" b='single $HOME' c=\"double $PATH\" d=un\\ quoted\nENV X=\"a\\\"b\" Y='c\"d' Z=e\\\\f"),
  run("LABEL", 'LABEL a=1 b="two words"\nLABEL "a"=2 com.example.x=\'y\''),
  { name: "--label over LABEL", dockerfile: "FROM base:1\nLABEL a=1 b=2\n", flags: ["--label", "a=3", "--label", "c="] },
  run("EXPOSE", "EXPOSE 80 443/tcp 53/udp 8000-8002", { history: PORTS }),
  run("VOLUME, both forms", 'VOLUME /a /b\nVOLUME ["/c", "/a"]'),
  run("USER and what runs as it", "RUN mkdir -m 777 /w\nUSER 1000:50\nRUN id -u > /w/u; id -g > /w/g; touch /w/x"),
  run("USER by name", "RUN mkdir -m 777 /w\nUSER user\nRUN id > /w/u; pwd >> /w/u; echo $HOME >> /w/u", { tree: GROUPS }),
  run("STOPSIGNAL", "STOPSIGNAL SIGQUIT"),
  run("SHELL", 'SHELL ["/bin/sh", "-e", "-c"]\nRUN echo x > /x\nCMD echo x\nENTRYPOINT y'),
  run("HEALTHCHECK", 'HEALTHCHECK --interval=5s --timeout=1m30s --start-period=500ms --retries=9 CMD ["true"]', { history: HEALTH }),
  run("HEALTHCHECK, shell form", "HEALTHCHECK CMD test -e /x || exit 1", { history: HEALTH }),
  run("HEALTHCHECK NONE", "HEALTHCHECK CMD x\nHEALTHCHECK NONE", { history: HEALTH }),
  run("MAINTAINER", "MAINTAINER Some Body <some@body.example>"),
  run("ONBUILD is kept for others", "ONBUILD RUN echo x > /x\nONBUILD COPY a.txt /"),
  { name: "ONBUILD of another stage", dockerfile: "FROM base:1 AS a\nONBUILD RUN echo x > /x\nONBUILD ENV T=1\nFROM a\nRUN cat /x > /y\n" },
];

const WORKING: readonly BuildCase[] = [
  run("WORKDIR, made and relative", "WORKDIR /a/b\nWORKDIR c\nRUN pwd > out"),
  run("WORKDIR that is there", "WORKDIR /tmp\nRUN pwd > out"),
  run("WORKDIR with a variable", "ENV D=/d/e\nWORKDIR $D/f\nRUN pwd > out"),
  run("WORKDIR belongs to root, whoever USER is", "USER 1000\nWORKDIR /w/x"),
  run("WORKDIR through a link", "RUN mkdir /real; ln -s /real /way\nWORKDIR /way/x\nRUN pwd -P > out"),
];

const RUNNING: readonly BuildCase[] = [
  run("RUN, shell form over lines", "RUN echo one > /x && \\\n    # not this\n    echo two >> /x"),
  run("RUN, exec form", 'RUN ["sh", "-c", "echo $0 $1 > /x", "a", "b c"]'),
  run("RUN makes nothing", "RUN true"),
  run("RUN removes files of the base", "RUN rm /etc/group; rm -r /home; mkdir /home; echo x > /home/x"),
  run("RUN: modes, owners, links", "RUN mkdir -m 2775 /d; chown 7:8 /d; echo x > /d/x; ln /d/x /d/y; ln -s x /d/z; chmod 6711 /d/x; mkfifo /d/p; mknod /d/n c 1 3; mknod /d/b b 7 0"),
  run("RUN changes a mode of a file of the base", "RUN chmod 600 /etc/passwd; chown 5:6 /etc/group"),
  run("RUN moves a directory of the base", "RUN mv /home /home2; mkdir /home; echo x > /home/x"),
  run("RUN makes and a later one removes", "RUN mkdir /d; echo x > /d/x; echo y > /d/y\nRUN rm /d/x\nRUN rm -r /d; echo z > /d"),
  run("RUN replaces a directory by a link", "RUN mkdir /d; echo x > /d/x\nRUN rm -r /d; ln -s /tmp /d"),
  run("RUN with variables of its stage", "ARG A=1\nENV B=2\nRUN echo $A $B \"${C:-3}\" > /x"),
  run("RUN: what the environment is", "RUN env | grep -v ^HOSTNAME= | grep -v ^SHLVL= | sort > /x"),
  run("RUN --mount=type=tmpfs", "RUN --mount=type=tmpfs,target=/t echo x > /t/x; mkdir /t/d", {}, ["/t"]),
  run("RUN --mount=type=cache", "RUN --mount=type=cache,target=/c/deep echo x > /c/deep/x\nRUN --mount=type=cache,target=/c/deep cat /c/deep/x > /x", {}, ["/c", "/c/deep"]),
  run("RUN --mount=type=cache with owner and mode", "RUN --mount=type=cache,target=/c,id=owned,uid=7,gid=8,mode=0711 stat -c '%a %u:%g' /c > /x", {}, ["/c"]),
  run("RUN --mount=type=bind", "RUN --mount=type=bind,target=/b ls -A /b > /x; cat /b/dir/sub/two >> /x", {}, ["/b"]),
  run("RUN --mount=type=bind of one file", "RUN --mount=type=bind,source=a.txt,target=/b cat /b > /x", {}, ["/b"]),
  run("RUN --mount=type=bind, written, thrown away", "RUN --mount=type=bind,target=/b,rw echo n > /b/new; ls /b > /x", {}, ["/b"]),
  run("RUN --mount below a link of the image", "RUN mkdir -p /real; ln -s real /way\nRUN --mount=type=tmpfs,target=/way/t echo x > /way/t/x", {}, ["/real/t"]),
  run("RUN writes into a VOLUME, and the image's ENTRYPOINT is none of its business", 'VOLUME /v\nENTRYPOINT ["false"]\nRUN mkdir -p /v; echo x > /v/x\nRUN cat /v/x > /y'),
  run("RUN makes a directory anew that is below", "RUN mkdir -p /d/e; echo x > /d/e/x; echo y > /d/y\nRUN rm -r /d; mkdir /d; echo z > /d/z\nRUN mkdir /d/e; echo w > /d/e/w"),
  run("RUN: a large file with holes, names that are no plain text", "RUN dd if=/dev/zero of=/holes bs=1 count=1 seek=3000000 2>/dev/null; touch '/a b' /-x '/q\"q' \"$(printf '/n\\nl')\""),
  run("RUN: a long path", "RUN cd /tmp; for i in 1 2 3 4 5 6; do mkdir $(printf 'x%.0s' $(seq 90)); cd x*; done; touch $(printf 'y%.0s' $(seq 200))"),
  run("RUN: a file that becomes a directory, and back", "RUN echo x > /p; mkdir /q; echo y > /q/y\nRUN rm /p; mkdir /p; echo z > /p/z; rm -r /q; echo w > /q"),
  run("RUN over lines with heredoc-like words", "RUN echo '<<EOF' > /x; echo $((1<<2)) >> /x"),
  { name: "RUN --mount=type=bind,from", dockerfile: "FROM base:1 AS a\nRUN mkdir /o; echo x > /o/x\nFROM base:1\nRUN --mount=type=bind,from=a,source=/o,target=/i cat /i/x > /y\n", stubs: ["/i"] },
  { name: "RUN --mount=type=secret", dockerfile: "FROM base:1\nRUN --mount=type=secret,id=s,mode=0444 wc -c < /run/secrets/s > /x; stat -c '%a %u:%g' /run/secrets/s >> /x\n", flags: ["--secret", "id=s,src=CONTEXT/a.txt"], stubs: ["/run", "/run/secrets"] },
  { name: "RUN --mount=type=secret at a place, not required", dockerfile: "FROM base:1\nRUN --mount=type=secret,id=none,target=/etc/none ls /etc/none > /x || true\n" },
];

const FILES: readonly BuildCase[] = [
  run("COPY a file", "COPY a.txt /x"),
  run("COPY belongs to root, whoever USER is", "USER 1000:1000\nCOPY a.txt dir /n/"),
  run("COPY where a directory was removed", "COPY dir /d\nRUN rm -r /d\nCOPY tree /d"),
  run("COPY the same twice, and over one another", "COPY a.txt /x\nCOPY a.txt /x\nCOPY b.txt /x\nCOPY run.sh b.txt /bin/"),
  run("COPY a link to where a directory is", "COPY dir/up /tmp/\nCOPY dir/ /l/"),
  run("COPY with variables", "ARG FROM=a.txt\nENV TO=/some/where\nCOPY ${FROM} $TO/$FROM.copy"),
  run("COPY into directories", "COPY a.txt /new/deep/\nCOPY b.txt /new/"),
  run("COPY relative to WORKDIR", "WORKDIR /w\nCOPY a.txt .\nCOPY b.txt sub/"),
  run("COPY a directory's contents", "COPY dir /d"),
  run("COPY everything", "COPY . /all/", { tree: ATTRIBUTES }),
  run("COPY over what is there", "RUN mkdir -p /d/sub; echo old > /d/one; chmod 711 /d/sub; chown 5:5 /d /d/sub\nCOPY dir /d"),
  run("COPY wildcards", "COPY *.txt r?n.sh /t/"),
  run("COPY a wildcard of directories", "COPY tree/* /t/"),
  run("COPY links that are named", "COPY link dir-link /l/"),
  run("COPY by words of JSON", 'COPY ["näme with space", "/s/"]'),
  run("COPY --chown", "COPY --chown=7:8 dir /d\nCOPY --chown=user:staff a.txt /n/x\nCOPY --chown=user b.txt /b", { history: FLAGS }),
  run("COPY --chmod", "COPY --chmod=604 dir /d\nCOPY --chmod=711 a.txt /n/x", { history: FLAGS, tree: MODES }),
  run("COPY extended attributes", "COPY attributed /x", { tree: ATTRIBUTES }),
  run("COPY through a link of the image", "RUN mkdir /real; ln -s /real /way; ln -s ../../../../outside /climb\nCOPY a.txt /way/\nCOPY b.txt /climb/x"),
  run("COPY does not unpack", "COPY archive.tar /"),
  run("ADD a file", "ADD a.txt /x"),
  run("ADD archives", "ADD archive.tar /t/\nADD archive.tar.gz /g/"),
  run("ADD --chown an archive", "ADD --chown=7:9 archive.tar /t/", { history: FLAGS, tree: OWNERS }),
  run("ADD what only looks like one", "ADD plain.gz /t/"),
  run("ADD a directory with an archive in it", "ADD . /t/", { tree: ATTRIBUTES }),
  { name: "COPY --from a stage keeps owners", dockerfile: "FROM base:1 AS a\nRUN mkdir /o; echo x > /o/x; chown 7:8 /o /o/x; chmod 2750 /o; ln -s x /o/l; ln /o/x /o/h\nFROM base:1\nCOPY --from=a /o /p\nCOPY --from=0 /o/x /o/l /q/\n" },
  { name: "COPY --from an image", dockerfile: "FROM base:1\nCOPY --from=base:1 /etc/passwd /p\n" },
  { name: "COPY --from --chown", dockerfile: "FROM base:1 AS a\nRUN mkdir /o; echo x > /o/x; chown 7:8 /o/x\nFROM base:1\nCOPY --from=a --chown=9 /o /p\n", differs: { history: FLAGS } },
  { name: ".dockerignore", dockerfile: "FROM base:1\nCOPY . /c/\n", before: "printf '*\\n!a.txt\\n!dir/sub\\ndir/sub/deep\\n' > .dockerignore" },
  { name: ".dockerignore with **", dockerfile: "FROM base:1\nCOPY . /c/\n", before: "printf '# no\\n**/*.md\\nattributed\\n**/f\\n.*\\n*.tar*\\n' > .dockerignore" },
  { name: "a Dockerfile that is ignored", dockerfile: "FROM base:1\nCOPY . /c/\n", before: "printf 'Dockerfile\\n.dockerignore\\ndir\\nattributed\\n' > .dockerignore" },
];

const STAGES: readonly BuildCase[] = [
  { name: "FROM scratch", dockerfile: "FROM scratch\nCOPY a.txt /\nENV A=1\n" },
  { name: "scratch with a program that runs", dockerfile: "FROM base:1 AS a\nFROM scratch\nCOPY --from=a /bin/busybox /bin/sh\nRUN echo x > /x\nCMD [\"/bin/sh\"]\n", stubs: ["/etc"] },
  { name: "stages on stages, and one that is not needed", dockerfile: "FROM base:1 AS a\nRUN echo a > /a\nFROM a AS b\nRUN echo b > /b\nFROM base:1 AS c\nRUN false\nFROM b\nCOPY --from=a /a /aa\n" },
  { name: "--target", dockerfile: "FROM base:1 AS a\nRUN echo a > /a\nCMD a\nFROM a\nRUN echo b > /b\n", flags: ["--target", "a"] },
  { name: "--platform of the host in FROM", dockerfile: "FROM --platform=$BUILDPLATFORM base:1\nARG TARGETPLATFORM\nARG TARGETARCH\nRUN echo $TARGETPLATFORM $TARGETARCH > /x\n", differs: { history: ARGUMENTS } },
  { name: "# escape=`", dockerfile: "# escape=`\nFROM base:1\nRUN echo a\\b `\n && echo c > /x\nENV A=`$B\n" },
  { name: "comments, blanks and letters of both cases", dockerfile: "# one\nfrom base:1 As x\n\n  # two\n  run   echo   'a   b'   > /x  \nlabel  a  =\n".replace("label  a  =\n", "cmd [ \"a\" ,\"b\" ]\n") },
  { name: "CRLF", dockerfile: "FROM base:1\r\nRUN echo a > /x\r\nENV A=1 \\\r\n  B=2\r\n" },
];

export const CASES: readonly BuildCase[] = [...SETTINGS, ...WORKING, ...RUNNING, ...FILES, ...STAGES];
