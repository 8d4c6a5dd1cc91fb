/** An image while its stage is worked on. */
import { expect, test } from "bun:test";
import { emptyImage, withLayer, withWords } from "../../../src/engine/build/stage-image.ts";

test("a history that would be longer than any reader takes ends with a sentence", () => {
  const words = `EXPOSE [${"65535/tcp ".repeat(1 << 16)}]`;
  const grown = Array.from({ length: 25 }).reduce<ReturnType<typeof emptyImage>>((image) => withWords(image, words), emptyImage({ os: "linux", architecture: "amd64", variant: "" }));
  expect(() => withWords(grown, words)).toThrow("the history of the image would be longer than 16 MiB");
  expect(() => withLayer(grown, { layer: null, createdMs: 0 }, words)).toThrow("the history of the image would be longer than 16 MiB");
  expect(withLayer(grown, { layer: null, createdMs: 0 }, "RUN true").history).toHaveLength(26);
});
