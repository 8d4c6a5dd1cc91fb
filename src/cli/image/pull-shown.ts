/** A pull that people watch: Docker's progress on a terminal, its plain lines elsewhere, nothing when asked to be quiet. */
import { CommandError } from "../exit.ts";
import { MdkError } from "../../error.ts";
import type { Context } from "../../engine/context.ts";
import { pull, type Pulled, type PullProgress } from "../../engine/image/pull.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import { writeAll } from "../output/text.ts";
import { PlainProgress, TerminalProgress } from "../output/progress.ts";

export interface PullShown {
  readonly platform: string | null;
  readonly quiet: boolean;
  readonly insecureRegistries: readonly string[];
  /** Where it is shown: 1, or 2 when standard output belongs to a container. */
  readonly descriptor: number;
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Pulls and shows it, down to the lines "Digest" and "Status". A signal gives the pull up; it then leaves nothing and
 * throws "pull-cancelled" with the status 128 + n. Throws what pull throws.
 */
export async function pullShown(context: Context, word: string, how: PullShown): Promise<Pulled> {
  const write = (text: string): void => {
    if (!how.quiet) writeAll(how.descriptor, Buffer.from(text));
  };
  const drawn = !how.quiet && isTerminal(how.descriptor);
  const progress: PullProgress = drawn ? new TerminalProgress(write, () => windowSize(how.descriptor).columns) : new PlainProgress(write);
  const abort = new AbortController();
  let status: number | null = null;
  const handlers = Object.entries(SIGNALS).map(([name, code]) => {
    const handler = (): void => {
      status = code;
      abort.abort();
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  try {
    const pulled = await pull(context, word, {
      platform: how.platform, insecureRegistries: how.insecureRegistries, progress, signal: abort.signal,
    });
    const { familiarName, parseReference, withDefaultTag } = await import("../../image/reference.ts");
    const name = familiarName(withDefaultTag(parseReference(word)));
    write(`Digest: ${pulled.digest}\nStatus: ${pulled.upToDate ? "Image is up to date" : "Downloaded newer image"} for ${name}\n`);
    return pulled;
  } catch (error) {
    if (status !== null && error instanceof MdkError) throw new CommandError(status, error.code, error.message, { cause: error });
    throw error;
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}
