/** Loaded before every test file (bunfig.toml): bunfig's own timeout setting is ignored by Bun 1.4. */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(60_000);
