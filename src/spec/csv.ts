/** One record of comma-separated values, as Go's encoding/csv reads it: --mount, --network. Pure. */
import { MdkError } from "../error.ts";

/** Its fields; one in double quotes may hold commas. Throws MdkError "invalid-record" in Go's words. */
export function parseRecord(text: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at <= text.length; ) {
    if (text[at] !== '"') {
      const comma = text.indexOf(",", at);
      const end = comma === -1 ? text.length : comma;
      const field = text.slice(at, end);
      if (field.includes('"')) throw invalid(`parse error on line 1, column ${at + field.indexOf('"') + 1}: bare " in non-quoted-field`);
      fields.push(field);
      at = end + 1;
      continue;
    }
    let field = "";
    let end = at + 1;
    for (; ; end++) {
      const quote = text.indexOf('"', end);
      if (quote === -1) throw invalid(`parse error on line 1, column ${text.length + 1}: extraneous or missing " in quoted-field`);
      field += text.slice(end, quote);
      end = quote + 1;
      if (text[end] !== '"') break;
      field += '"';
    }
    if (end < text.length && text[end] !== ",") throw invalid(`parse error on line 1, column ${end + 1}: extraneous or missing " in quoted-field`);
    fields.push(field);
    at = end + 1;
  }
  return fields;
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-record", message);
