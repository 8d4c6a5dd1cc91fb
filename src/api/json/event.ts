/** Docker's JSON of an event (GET /events): pure. */
import type { Event } from "../../store/events.ts";

export function eventJson({ type, action, actor, attributes, timeMs }: Event): Record<string, unknown> {
  // The members before Type are those of Docker's old form, which its clients still read: it had containers and images only.
  const old = type === "container" ? { status: action, id: actor, from: attributes["image"] ?? "" } : type === "image" ? { status: action, id: actor } : {};
  return { ...old, Type: type, Action: action, Actor: { ID: actor, Attributes: attributes }, scope: "local", time: Math.trunc(timeMs / 1000), timeNano: timeMs * 1e6 };
}
