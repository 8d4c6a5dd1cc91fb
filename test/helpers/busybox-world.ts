/** A world with busybox for the tests of one file: made before the first, emptied after each, gone after the last. */
import { afterAll, afterEach, beforeAll } from "bun:test";
import { startWorld, type World } from "./mdk.ts";

/** Of the file whose tests run. */
export let world: World;
/** The image's name. */
export let busybox: string;

/** To be called at the top of a test file. */
export function useBusyboxWorld(): void {
  beforeAll(async () => {
    const started = await startWorld("busybox");
    [world, busybox] = [started, started.image("busybox")];
  });
  afterEach(() => world.removeAll());
  afterAll(() => world?.close());
}
