/**
 * Go's text/template, as Docker's command line has it for -f and --format. Parsed once, then carried out on each row; pure, and
 * loaded only where a format is asked for.
 */
import { MdkError } from "../../error.ts";
import { execute } from "./execute.ts";
import { parseTemplate } from "./parse.ts";
import { Struct, typed, untyped, type Methods, type Shape, type Value } from "./value.ts";

export interface Template {
  /** A document with Go's types; `lenient`: where its types lack something, it is tried again without them, as docker's inspect does. */
  readonly document: (document: unknown, shape: Shape, how?: { readonly lenient?: boolean }) => string;
  /** A row of a list: `type` is what errors call it. */
  readonly row: (row: Readonly<Record<string, string | null>>, type: string, methods: Methods) => string;
  /** The heads of a table of such rows: functions that change texts leave them as they are. */
  readonly heads: (heads: Readonly<Record<string, string>>) => string;
}

/** `name`: as errors call it. `neutralize`: applied to what values print. Throws MdkError "template-parse"; its methods "template-execute". */
export function compileTemplate(input: string, how: { readonly name?: string; readonly neutralize?: (text: string) => string } = {}): Template {
  const name = how.name ?? "";
  const templates = parseTemplate(input, name);
  const neutralize = how.neutralize ?? ((text: string) => text);
  const render = (value: Value, strict: boolean, heads = false): string => execute(templates, value, { name, input, strict, heads, neutralize });
  return {
    document(document, shape, { lenient = false } = {}) {
      try {
        return render(typed(document, shape), false);
      } catch (error) {
        if (!lenient || !(error instanceof MdkError)) throw error;
        return render(untyped(document), true);
      }
    },
    row: (row, type, methods) => render(new Struct(type, new Map(Object.entries(row)), { methods }), false),
    heads: (heads) => render(new Struct("formatter.SubHeaderContext", new Map(Object.entries(heads)), { methods: { Label: headOfLabel } }), false, true),
  };
}

/** "build date" of "com.example.build-date" (formatter.SubHeaderContext.Label). */
function headOfLabel(name: string): string {
  return name.split(".").at(-1)!.replace(/[-_]/g, " ");
}
