/** Whole Dockerfiles as people write them, built and run, with no network but the loopback. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { builds, useBuildStage } from "../../helpers/build-stage.ts";
import { imageLayout } from "../../helpers/fixtures.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");
const debianTest = testIf(isRoot && existsSync("dist/mdk") && hasTool("skopeo") && hasTool("dpkg-deb"), "needs root, a built dist/mdk, skopeo and dpkg-deb");

useBuildStage();

debianTest("FROM debian, a package installed from a repository in the context with apt-get, and one by dpkg", async () => {
  const archive = join(builds.stage.folder, "debian.tar");
  run("skopeo", "copy", "--quiet", `oci:${imageLayout("debian")}:latest`, `docker-archive:${archive}:debian:12`);
  await builds.ok("load", "-q", "-i", archive);
  builds.fill(`
for name in greeter helper; do
  mkdir -p $name/DEBIAN $name/usr/bin; printf '#!/bin/sh\\necho %s says hello\\n' $name > $name/usr/bin/$name; chmod 755 $name/usr/bin/$name
  printf 'Package: %s\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: nobody <nobody@example.com>\\nDescription: a test\\n' $name > $name/DEBIAN/control
  [ $name = helper ] || echo 'Depends: helper' >> $name/DEBIAN/control
  printf '#!/bin/sh\\nset -e\\nid -u > /var/lib/%s-configured\\n' $name > $name/DEBIAN/postinst; chmod 755 $name/DEBIAN/postinst
done
mkdir repository; for name in greeter helper; do dpkg-deb --root-owner-group -b $name repository/$name.deb >/dev/null; rm -r $name; done`);
  await builds.built(`FROM debian:12
ENV DEBIAN_FRONTEND=noninteractive
RUN --mount=type=bind,source=repository,target=/packages --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=tmpfs,target=/var/lib/apt/lists <<EOF
set -e
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
apt-get install -y --no-install-recommends /packages/helper.deb
dpkg -i /packages/greeter.deb
EOF
CMD ["sh", "-c", "greeter; helper; cat /var/lib/*-configured; dpkg -s greeter | grep ^Status"]
`, ["-t", "packages:1"]);
  expect(await builds.ok("run", "--rm", "packages:1")).toBe("greeter says hello\nhelper says hello\n0\n0\nStatus: install ok installed\n");
}, 120_000);

debianTest("apt-get update and install from a mirror", async () => {
  const mirror = join(builds.stage.folder, "mirror");
  builds.fill(`
mkdir -p ${mirror}/pool greeter/DEBIAN greeter/usr/bin; printf '#!/bin/sh\\necho from the mirror\\n' > greeter/usr/bin/mirrored; chmod 755 greeter/usr/bin/mirrored
printf 'Package: mirrored\\nVersion: 2.0\\nArchitecture: all\\nMaintainer: nobody <nobody@example.com>\\nDescription: a test\\n' > greeter/DEBIAN/control
dpkg-deb --root-owner-group -b greeter ${mirror}/pool/mirrored.deb >/dev/null; cd ${mirror}
{ cat ${builds.context}/greeter/DEBIAN/control; echo "Filename: pool/mirrored.deb"; stat -c 'Size: %s' pool/mirrored.deb; echo "SHA256: $(sha256sum pool/mirrored.deb | cut -d' ' -f1)"; } > Packages`);
  const server = Bun.spawn(["nsenter", `--net=/run/netns/${builds.stage.host}`, "busybox", "httpd", "-f", "-p", "8081", "-h", mirror], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  try {
    await builds.built(`FROM debian:12
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked <<EOF
set -e
rm -f /etc/apt/sources.list.d/*
echo "deb [trusted=yes] http://mirror:8081/ ./" > /etc/apt/sources.list
apt-get update
apt-get install -y --no-install-recommends mirrored
EOF
CMD ["mirrored"]
`, ["-t", "mirrored:1", "--add-host", "mirror:host-gateway"]);
  } finally {
    server.kill();
    await server.exited;
  }
  expect(await builds.ok("run", "--rm", "mirrored:1")).toBe("from the mirror\n");
}, 120_000);

rootTest("an application with a cache mount: what it depends on is fetched once, a change of its source does not fetch again", async () => {
  const dockerfile = `FROM base:1 AS dependencies
WORKDIR /app
COPY needs .
RUN --mount=type=cache,target=/cache for n in $(cat needs); do test -e /cache/$n || { echo fetching $n; echo "module $n" > /cache/$n; }; done; mkdir modules; cp /cache/* modules/

FROM base:1
RUN mkdir -p /srv && chown user /srv
USER user
WORKDIR /srv
COPY --from=dependencies --chown=user /app/modules modules
COPY --chown=user source .
EXPOSE 8080
HEALTHCHECK CMD test -e /srv/index.html
ENTRYPOINT ["sh", "run.sh"]
`;
  builds.fill("echo 'one two' > needs; mkdir source; echo 'cat modules/*; echo version 1; id -un' > source/run.sh");
  const fetched = (said: string): string[] => [...said.matchAll(/^#\d+ \d+\.\d{3} fetching (\w+)$/gm)].map(([, name]) => name!);
  expect(fetched(await builds.built(dockerfile, ["-t", "app:1"]))).toEqual(["one", "two"]);
  builds.fill("echo 'one two' > needs; mkdir source; echo 'cat modules/*; echo version 2; id -un' > source/run.sh");
  expect(fetched(await builds.built(dockerfile, ["-t", "app:2"]))).toEqual([]);
  expect(await builds.ok("run", "--rm", "app:1")).toBe("module one\nmodule two\nversion 1\nuser\n");
  expect(await builds.ok("run", "--rm", "app:2")).toBe("module one\nmodule two\nversion 2\nuser\n");
  builds.fill("echo 'one two three' > needs; mkdir source; echo true > source/run.sh");
  expect(fetched(await builds.built(dockerfile, ["-t", "app:3"]))).toEqual(["three"]);
});

rootTest("a static program out of a stage into scratch", async () => {
  await builds.built(`FROM base:1 AS build
RUN mkdir -p /out/bin && cp /bin/busybox /out/bin/busybox && chmod 555 /out/bin/busybox
FROM scratch
COPY --from=build /out /
USER 65534:65534
ENTRYPOINT ["/bin/busybox"]
CMD ["echo", "of a single file"]
`, ["-t", "static:1"]);
  expect(await builds.ok("run", "--rm", "static:1")).toBe("of a single file\n");
  expect(await builds.ok("run", "--rm", "static:1", "id", "-u")).toBe("65534\n");
  const { layers } = await builds.saved("static:1");
  expect(layers.map((entries) => entries.filter(({ name }) => name !== "").map(({ name }) => name))).toEqual([["bin", "bin/busybox"]]);
});

rootTest("a chain of ONBUILD: a language, a framework, an application", async () => {
  await builds.built("FROM base:1\nONBUILD WORKDIR /app\nONBUILD COPY . .\nONBUILD RUN ls > /listing\n", ["-t", "language:1"]);
  builds.fill("echo f > framework");
  await builds.built("FROM language:1\nONBUILD COPY application /app/\nONBUILD ENV BUILT=yes\n", ["-t", "framework:1"]);
  builds.fill("echo a > application");
  await builds.built('FROM framework:1\nCMD cat /app/* /listing; echo $BUILT\n', ["-t", "application:1"]);
  expect(await builds.ok("run", "--rm", "application:1")).toBe("FROM language:1\nONBUILD COPY application /app/\nONBUILD ENV BUILT=yes\na\nf\nDockerfile\nframework\nyes\n");
});

rootTest("four stages at once take less than one after the other", async () => {
  const stages = ["a", "b", "c", "d"];
  const text = `${stages.map((name) => `FROM base:1 AS ${name}\nRUN sleep 0.6; echo ${name} > /${name}\n`).join("")}FROM scratch\n${stages.map((name) => `COPY --from=${name} /${name} /\n`).join("")}`;
  const begun = performance.now();
  await builds.built(text, ["--no-cache"]);
  expect(performance.now() - begun).toBeLessThan(2000);
});
