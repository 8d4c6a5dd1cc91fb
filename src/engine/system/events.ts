/** The journal for who asks: what has happened, and what happens while it is waited for. */
import { dataVersion, lastEvent, readEvents, type Event } from "../../store/events.ts";
import type { Context } from "../context.ts";

export interface Watching {
  /** Milliseconds of the epoch; null: from now on. */
  readonly sinceMs: number | null;
  /** It ends then; null: never. */
  readonly untilMs: number | null;
  /** Takes each. False: nobody wants more. */
  readonly take: (event: Event) => boolean;
}

/** How soon an event is told: one read of shared memory each time. */
const LOOK_MS = 50;

/** Tells what is in the journal, and, until its time is over, what comes to it. */
export async function watchEvents(context: Context, { sinceMs, untilMs, take }: Watching): Promise<void> {
  const database = context.database();
  // Not by the clock, which may be set back.
  let last = sinceMs === null ? lastEvent(database) : 0;
  for (let seen = -1; ; ) {
    const version = dataVersion(database);
    if (version !== seen) {
      for (const event of readEvents(database, last, sinceMs ?? 0)) {
        last = event.id;
        if (untilMs !== null && event.timeMs > untilMs) continue;
        if (!take(event)) return;
      }
    }
    seen = version;
    if (untilMs !== null && context.now().getTime() >= untilMs) return;
    await Bun.sleep(LOOK_MS);
  }
}
