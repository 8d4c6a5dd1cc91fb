/** The nodes of a parsed template. Each that an error can name has its text as Go writes it (parse/node.go). Pure. */
import type { Value } from "./value.ts";

interface Placed {
  /** Index in the template. */
  readonly position: number;
  readonly text: string;
}

export type Operand =
  | (Placed & { readonly kind: "literal"; readonly of: "bool" | "number" | "string"; readonly value: Value })
  | (Placed & { readonly kind: "dot" | "nil" })
  | (Placed & { readonly kind: "identifier" })
  | (Placed & { readonly kind: "field"; readonly path: readonly string[] })
  /** `name` with its "$". */
  | (Placed & { readonly kind: "variable"; readonly name: string; readonly path: readonly string[] })
  | (Placed & { readonly kind: "chain"; readonly of: Operand; readonly path: readonly string[] })
  | Pipeline;

/** A function, method or operand, and its arguments. */
export interface Call extends Placed {
  readonly words: readonly Operand[];
}

export interface Pipeline extends Placed {
  readonly kind: "pipeline";
  /** Variables that its value is given to. */
  readonly variables: readonly string[];
  /** "=", not ":=". */
  readonly assigns: boolean;
  readonly calls: readonly Call[];
}

export interface Branch extends Placed {
  readonly kind: "if" | "with" | "range";
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | (Placed & { readonly kind: "action"; readonly pipeline: Pipeline })
  | Branch
  | (Placed & { readonly kind: "template"; readonly name: string; readonly pipeline: Pipeline | null })
  | { readonly kind: "break" | "continue" };

/** Bodies by name; the whole template is that of the empty name. */
export type Templates = ReadonlyMap<string, readonly Node[]>;
