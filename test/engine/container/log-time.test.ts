/** The times of a json-file log, in which Docker leaves out the zeros at the end. */
import { expect, test } from "bun:test";
import { nineDigits } from "../../../src/engine/container/logs.ts";

test("a log's times have nine digits, whatever was cut, and sort as text", () => {
  const times = ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.6Z", "2026-01-02T03:04:05.60000001Z", "2026-01-02T03:04:05.627657838Z"];
  const whole = times.map(nineDigits);
  expect(whole).toEqual(["2026-01-02T03:04:05.000000000Z", "2026-01-02T03:04:05.600000000Z", "2026-01-02T03:04:05.600000010Z", "2026-01-02T03:04:05.627657838Z"]);
  expect(whole.toSorted()).toEqual(whole);
});
