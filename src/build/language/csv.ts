/** One line of comma-separated values (RFC 4180), as BuildKit reads --mount. */

/** Throws an Error in the words of Go's encoding/csv: a quote within a field, a quote without an end. */
export function parseCsv(line: string): string[] {
  const text = line.replace(/\r?\n$/, "");
  if (text === "") throw new Error("EOF");
  const fields: string[] = [];
  for (let at = 0; ; ) {
    const { field, end } = text[at] === '"' ? quotedField(text, at) : plainField(text, at);
    fields.push(field);
    if (end >= text.length) return fields;
    at = end + 1;
  }
}

interface Field {
  readonly field: string;
  /** Of the comma behind it, or of the line. */
  readonly end: number;
}

function plainField(text: string, at: number): Field {
  const comma = text.indexOf(",", at);
  const end = comma === -1 ? text.length : comma;
  const field = text.slice(at, end);
  if (field.includes('"')) throw problem('bare " in non-quoted-field', at + field.indexOf('"'));
  return { field, end };
}

/** Two quotes in a quoted field are one. A comma that ends the line begins an empty field. */
function quotedField(text: string, begin: number): Field {
  const parts: string[] = [];
  for (let at = begin + 1; ; ) {
    const close = text.indexOf('"', at);
    if (close === -1) throw problem('extraneous or missing " in quoted-field', at);
    parts.push(text.slice(at, close));
    const next = text[close + 1];
    if (next === undefined || next === ",") return { field: parts.join(""), end: close + 1 };
    if (next !== '"') throw problem('extraneous or missing " in quoted-field', close);
    parts.push('"');
    at = close + 2;
  }
}

/** `at`: a byte's place to Go, a character's here. */
function problem(what: string, at: number): Error {
  return new Error(`parse error on line 1, column ${at + 1}: ${what}`);
}
