/** What `ps` and `images` print: Docker's table, or what --format asks for (docker/cli, formatter.go). */
import { MdkError } from "../../error.ts";
import type { Template } from "../template/template.ts";
import type { Methods } from "../template/value.ts";
import { openTemplate } from "./format.ts";
import { json, print, printable, table } from "./text.ts";

export type Row = Readonly<Record<string, string | null>>;

export interface Rows {
  readonly command: "ps" | "images" | "stats" | "volume" | "network" | "df" | "search" | "history";
  /** Head of each member of a row. */
  readonly heads: Readonly<Record<string, string>>;
  /** Members of the plain table, in its order. */
  readonly usual: readonly string[];
  readonly rows: readonly Row[];
  /** Of "raw": label and member. */
  readonly raw: readonly (readonly [label: string, member: string])[];
  /** What errors call a row. */
  readonly type: string;
  readonly methodsOf?: (index: number) => Methods;
}

/** `format`: null is "table". */
export async function printRows(rows: Rows, format: string | null): Promise<void> {
  if (format === null || format === "table") {
    const { heads, usual } = rows;
    return print(printable(table([usual.map((name) => heads[name]!), ...rows.rows.map((row) => usual.map((name) => row[name] ?? ""))])));
  }
  if (format === "json") return rows.rows.forEach((row) => print(rowJson(row)));
  if (format === "raw") return rows.rows.forEach((row) => print(printable(rows.raw.map(([label, name]) => `${label}: ${row[name] ?? ""}`.trimEnd()).join("\n") + "\n")));
  await printTemplate(rows, format);
}

async function printTemplate({ command, heads, rows, type, methodsOf }: Rows, format: string): Promise<void> {
  const titled = format.startsWith("table ");
  // What a shell left as it is.
  const input = (titled ? format.slice("table ".length) : format).replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const template = await openTemplate(input, command);
  if (rows.length === 0) checkFields(template, heads, type);
  const lines = rows.map((row, index) => template.row(row, type, methodsOf?.(index) ?? {}));
  if (titled) print(table([template.heads(heads), ...lines].map((line) => line.split("\t"))));
  else for (const line of lines) print(line);
}

/** A field that no row would have is told where there is no row, too. */
function checkFields(template: Template, heads: Rows["heads"], type: string): void {
  try {
    template.row(Object.fromEntries(Object.keys(heads).map((name) => [name, ""])), type, { Label: () => "" });
  } catch (error) {
    if (error instanceof MdkError && error.message.includes("can't evaluate field")) throw error;
  }
}

/** encoding/json's: names in order, and safe within HTML. */
function rowJson(row: Row): string {
  const sorted = Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
  return json(sorted).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
