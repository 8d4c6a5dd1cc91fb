/** Go's durations and times, which print as words and are numbers or texts in JSON. Pure. */

export class Worded {
  readonly type: "time.Duration" | "time.Time";
  /** As Go prints it. */
  readonly text: string;
  /** As JSON has it: nanoseconds, or RFC 3339. */
  readonly value: number | string;
  constructor(type: Worded["type"], text: string, value: number | string) {
    this.type = type;
    this.text = text;
    this.value = value;
  }
}

/** Of nanoseconds (time.Duration.String): "1m30s", "1.5s", "100ms". */
export function duration(value: number): Worded {
  const seconds = Math.abs(value) / 1e9;
  const unit = [["ns", 1], ["µs", 1e3], ["ms", 1e6]] as const;
  const [name, size] = unit.findLast(([, least]) => Math.abs(value) >= least) ?? ["s", 1];
  const [hours, minutes] = [Math.trunc(seconds / 3600), Math.trunc(seconds / 60) % 60];
  // Whole nanoseconds: what is left of the minutes has no more than nine digits.
  const rest = String(Number(((Math.abs(value) % 60e9) / 1e9).toFixed(9)));
  const text = seconds < 1 ? `${Math.abs(value) / size}${name}` : `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${rest}s`;
  return new Worded("time.Duration", `${value < 0 ? "-" : ""}${text}`, value);
}

/** Of RFC 3339 (time.Time.String): "2026-01-02 03:04:05.678 +0000 UTC"; null: it is none. */
export function moment(value: string): Worded | null {
  const [, day, clock, fraction = "", zone = ""] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(value) ?? [];
  if (day === undefined) return null;
  const offset = zone === "Z" ? "+0000" : zone.replace(":", "");
  return new Worded("time.Time", `${day} ${clock}${fraction.replace(/\.?0*$/, "")} ${offset} ${zone === "Z" ? "UTC" : offset}`, value);
}
