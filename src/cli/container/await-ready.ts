/** `run -d --wait`: what a smoke test needs in one line. */
import { EXIT, CommandError } from "../exit.ts";
import { awaitReady } from "../../engine/container/await.ts";
import type { Context } from "../../engine/context.ts";
import { followLog } from "../../engine/container/logs.ts";
import { MdkError } from "../../error.ts";
import { readContainer } from "../../store/containers.ts";
import { stream } from "../output/text.ts";

const LINES = 20;

/** Returns when it is ready. Else its last lines of output come first, on standard error, then the error; the container stays as it is. */
export async function awaitReadyOrTell(context: Context, id: string, timeoutMs: number): Promise<void> {
  const container = readContainer(context.database(), id);
  if (container === null) throw new CommandError(EXIT.failure, "ended-first", `container ${id} has ended, and is removed, before it was ready`);
  try {
    await awaitReady(context, container, timeoutMs);
  } catch (error) {
    if (!(error instanceof MdkError)) throw error;
    if (container.host.LogConfig.Type !== "none") {
      const selection = { tail: LINES, since: null, until: null, timestamps: false, details: false, follow: false };
      followLog(context, container, selection, { write: (_stream, bytes) => stream(2, bytes), lost: () => {} });
    }
    throw new CommandError(EXIT.failure, error.code, error.message, error.hint === null ? {} : { hint: error.hint });
  }
}
