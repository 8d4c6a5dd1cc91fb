/** A stage with one small image for the tests of one file: set before the first, struck after the last. */
import { afterAll, beforeAll } from "bun:test";
import { isRoot } from "./requires.ts";
import { baseLayer, openStage, type Stage } from "./stage.ts";

/** Of the file whose tests run. */
export let stage: Stage;
/** The image's name. */
export let image: string;

/** To be called at the top of a test file, whose tests then need root. */
export function useBaseStage(): void {
  let opened: Stage | undefined;
  beforeAll(async () => {
    if (!isRoot) return;
    opened = stage = openStage();
    image = await stage.image([baseLayer()]);
  });
  afterAll(() => opened?.end());
}
