/** --since and --until: what docker 28.2.2 (moby api/types/time) takes, and when that is. */
import { expect, test } from "bun:test";
import { momentOf } from "../../../src/cli/grammar/moment.ts";

const now = new Date("2026-03-04T12:00:00.000Z");
/** Docker takes the zone that it is now. */
const local = (text: string): string => new Date(Date.parse(`${text}Z`) + now.getTimezoneOffset() * 60_000).toISOString().replace("Z", "000000Z");

test("durations go back from now", () => {
  expect(momentOf("since", "10m", now)).toBe("2026-03-04T11:50:00.000000000Z");
  expect(momentOf("since", "1h30m", now)).toBe("2026-03-04T10:30:00.000000000Z");
  expect(momentOf("since", "1.5h", now)).toBe("2026-03-04T10:30:00.000000000Z");
  expect(momentOf("until", "-10s", now)).toBe("2026-03-04T12:00:10.000000000Z");
});

test("a date without a zone is local, one with a zone is not, and the digits of a second stay", () => {
  expect(momentOf("since", "2026-01-02T03:04:05.123456789Z", now)).toBe("2026-01-02T03:04:05.123456789Z");
  expect(momentOf("since", "2026-01-02T03:04:05+02:00", now)).toBe("2026-01-02T01:04:05.000000000Z");
  expect(momentOf("since", "2026-01-02T03:04-01:30", now)).toBe("2026-01-02T04:34:00.000000000Z");
  for (const [text, whole] of [["2026-01-02", "2026-01-02T00:00:00"], ["2026-01-02T03", "2026-01-02T03:00:00"], ["2026-01-02T03:04", "2026-01-02T03:04:00"], ["2026-01-02T03:04:05", "2026-01-02T03:04:05"]] as const) {
    expect(momentOf("since", text, now)).toBe(local(whole));
  }
});

test("seconds since 1970 have a fraction of nine digits", () => {
  expect(momentOf("since", "10", now)).toBe("1970-01-01T00:00:10.000000000Z");
  expect(momentOf("since", "1136073600.000000001", now)).toBe("2006-01-01T00:00:00.000000001Z");
  expect(momentOf("since", "0", now)).toBe("1970-01-01T00:00:00.000000000Z");
});

test("what is none of these is refused by the name of the flag; nothing is no moment", () => {
  expect(momentOf("since", null, now)).toBeNull();
  expect(() => momentOf("until", "10x", now)).toThrow('invalid value for "until": failed to parse value as time or duration: "10x"');
  expect(() => momentOf("since", "2026-02-30", now)).toThrow('invalid value for "since": parsing time "2026-02-30"');
  expect(() => momentOf("since", "2026-01-02 10:00", now)).toThrow('invalid value for "since": parsing time');
});
