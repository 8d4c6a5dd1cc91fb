/** Preloaded by `bun test` (bunfig.toml): the time that one test may take. Bun ignores a timeout in bunfig.toml. */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(120_000);
