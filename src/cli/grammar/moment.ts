/** Moments as `logs --since` and `--until` take them (moby api/types/time, GetTimestamp). */
import { EXIT, CommandError } from "../exit.ts";
import { parseDuration } from "../../spec/duration.ts";
import { nineDigits } from "../../engine/container/logs.ts";

/** A date, and from its "T" on an hour, minutes, seconds with a fraction; a zone or none. */
const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/**
 * A Go duration before `now`, a date (local where it names no zone), or seconds since 1970 with a fraction; as text that sorts
 * like the log's times. Null for null. Throws MdkError in Docker's words, `flag` named.
 */
export function momentOf(flag: string, text: string | null, now: Date): string | null {
  if (text === null) return null;
  const duration = text === "0" ? null : parseDuration(text);
  if (duration !== null) return rfc3339(now.getTime() - duration / 1e6, "");
  const date = DATE.exec(text);
  const moment = date === null ? null : dated(date, now);
  if (moment !== null) return moment;
  const seconds = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds !== null) return rfc3339(Number(seconds[1]) * 1000, seconds[2] ?? "");
  const problem = text.includes("-") ? `parsing time ${JSON.stringify(text)}: cannot parse it as a date` : `failed to parse value as time or duration: ${JSON.stringify(text)}`;
  throw new CommandError(EXIT.failure, "invalid-time", `invalid value for ${JSON.stringify(flag)}: ${problem}`);
}

/** Null: there is no such day or hour. */
function dated([, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone]: RegExpExecArray, now: Date): string | null {
  const utc = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(utc) || new Date(utc).getUTCDate() !== Number(day)) return null;
  // The zone of now, as Docker takes it: not that of the date, which may be another in summer.
  const offset = zone === undefined ? -now.getTimezoneOffset() : zone === "Z" ? 0 : Number(`${zone[0]}1`) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  return rfc3339(utc - offset * 60_000, fraction);
}

/** `fraction`: digits of the second, which milliseconds would cut; of the milliseconds themselves when there are none. */
function rfc3339(milliseconds: number, fraction: string): string {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return "9999-12-31T23:59:59.999999999Z";
  const text = date.toISOString();
  return nineDigits(fraction === "" ? text : text.replace(/\.\d+Z$/, `.${fraction}Z`));
}
