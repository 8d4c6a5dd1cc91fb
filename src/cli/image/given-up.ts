/** Work that a signal gives up: it undoes what it has begun, and the command ends with 128 + n. */
import { MdkError } from "../../error.ts";
import { cancelled } from "../../registry/transport.ts";
import { CommandError } from "../exit.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Throws what the work throws, which may be the signal's reason; after a signal with the status of that. */
export async function givenUp<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let status: number | null = null;
  const handlers = Object.entries(SIGNALS).map(([name, code]) => {
    const handler = (): void => {
      status = code;
      abort.abort(cancelled());
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  try {
    return await work(abort.signal);
  } catch (error) {
    if (status !== null && error instanceof MdkError) throw new CommandError(status, error.code, error.message, { cause: error });
    throw error;
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}
