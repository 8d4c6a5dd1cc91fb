/**
 * Preloaded by `bun test` (bunfig.toml): the time that one test may take where a single file is run by hand. Bun 1.4
 * ignores a timeout in bunfig.toml and forgets this one after the first file, so the scripts say `--timeout` as well.
 */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(120_000);
