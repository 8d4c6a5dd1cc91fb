/** Where images lie besides registries and the store: the words of skopeo, and what only looks like them. */
import { expect, test } from "bun:test";
import { parseLocation } from "../../src/image/location.ts";

test("a transport, a path up to the first colon, and a name", () => {
  expect(parseLocation("oci:/a/b")).toEqual({ transport: "oci", path: "/a/b", name: null });
  expect(parseLocation("oci:b:1.0")).toEqual({ transport: "oci", path: "b", name: "1.0" });
  expect(parseLocation("oci-archive:/x.tar:t")).toEqual({ transport: "oci-archive", path: "/x.tar", name: "t" });
  expect(parseLocation("docker-archive:x.tar:host:5000/a:1")).toEqual({ transport: "docker-archive", path: "x.tar", name: "host:5000/a:1" });
});

test("everything else is a name or an id", () => {
  for (const word of ["oci", "ocix:1", "docker.io/library/oci:1", "docker-archive", "docker:dind", "oci/a:1", "a:oci:b"]) expect(parseLocation(word)).toBeNull();
});

test("what names nothing is refused with what is to be written", () => {
  for (const word of ["oci:", "oci::tag", "docker-archive:", "oci-archive:\0"]) expect(() => parseLocation(word)).toThrow(/names no (directory|file)/);
  expect(() => parseLocation("oci:a:")).toThrow("oci:a: names no image after its last colon");
});
