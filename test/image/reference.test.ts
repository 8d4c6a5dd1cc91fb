/** Names of images as Docker normalises and refuses them. */
import { expect, test } from "bun:test";
import { canonicalName, familiarName, parseReference, withDefaultTag } from "../../src/image/reference.ts";

const DIGEST = `sha256:${"0a".repeat(32)}`;

const NAMES: readonly [typed: string, canonical: string, familiar: string][] = [
  ["ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"],
  ["ubuntu:22.04", "docker.io/library/ubuntu:22.04", "ubuntu:22.04"],
  ["index.docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"],
  ["docker.io/library/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest"],
  ["user/app", "docker.io/user/app:latest", "user/app:latest"],
  ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
  ["localhost:5000/a/b/c:1", "localhost:5000/a/b/c:1", "localhost:5000/a/b/c:1"],
  ["host.example/app", "host.example/app:latest", "host.example/app:latest"],
  ["[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"],
  ["Host/app", "Host/app:latest", "Host/app:latest"],
  [`ubuntu@${DIGEST}`, `docker.io/library/ubuntu@${DIGEST}`, `ubuntu@${DIGEST}`],
  [`ubuntu:22.04@${DIGEST}`, `docker.io/library/ubuntu@${DIGEST}`, `ubuntu@${DIGEST}`],
];

test.each(NAMES)("%s means %s", (typed, canonical, familiar) => {
  const reference = withDefaultTag(parseReference(typed));
  expect(canonicalName(reference)).toBe(canonical);
  expect(familiarName(reference)).toBe(familiar);
});

const REFUSED: readonly [typed: string, message: string][] = [
  ["Ubuntu", "invalid reference format: repository name (library/Ubuntu) must be lowercase"],
  ["docker.io/Foo/bar", "invalid reference format: repository name (Foo/bar) must be lowercase"],
  ["", "invalid reference format"], ["a:", "invalid reference format"], ["a b", "invalid reference format"], ["/a", "invalid reference format"],
  ["a//b", "invalid reference format"], ["../../etc/passwd", "invalid reference format"], ["a@sha256:zz", "invalid reference format"],
  ["a\n", "invalid reference format"], [`a:${"t".repeat(129)}`, "invalid reference format"],
  [`a@sha256:${"0".repeat(63)}`, 'invalid reference format: invalid checksum digest format: "sha256:000000000000000000000000000000000000000000000000000000000000000"'],
  ["a".repeat(256), "invalid reference format: repository name must not be more than 255 characters"],
  ["0".repeat(64), `invalid repository name (${"0".repeat(64)}), cannot specify 64-byte hexadecimal strings`],
];

test.each(REFUSED)("%j is refused in Docker's words", (typed, message) => {
  expect(() => parseReference(typed)).toThrow(message);
});
