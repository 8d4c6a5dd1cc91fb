/** Warnings as they are found, and what is to be heard of them. */
import type { Span } from "../language/error.ts";
import type { Origin } from "../language/instructions/types.ts";
import { RULES, type RuleName } from "./rules.ts";
import { isChecked, withComments, type CheckSettings } from "./settings.ts";

export interface CheckWarning {
  readonly rule: RuleName;
  /** The sentence. */
  readonly detail: string;
  readonly span: Span;
}

export class CheckReport {
  readonly warnings: CheckWarning[] = [];
  #settings: CheckSettings;

  constructor(settings: CheckSettings) {
    this.#settings = settings;
  }

  /** For the whole file. */
  warn<R extends RuleName>(rule: R, span: Span, ...words: Parameters<(typeof RULES)[R]>): void {
    this.#add(rule, span, words, this.#settings);
  }

  /** Of an instruction: the comments above it may skip the rule. `span`: another place that it is about. */
  warnOf<R extends RuleName>(rule: R, { span, comments }: Pick<Origin, "span" | "comments">, ...words: Parameters<(typeof RULES)[R]>): void {
    this.#add(rule, span, words, withComments(this.#settings, comments));
  }

  #add<R extends RuleName>(rule: R, span: Span, words: Parameters<(typeof RULES)[R]>, settings: CheckSettings): void {
    const say: (...words: string[]) => string = RULES[rule];
    if (isChecked(rule, settings)) this.warnings.push({ rule, detail: say(...words), span });
  }

  /** Of the warnings, each once, where the file says that they are errors; null: it does not, or there are none. */
  get violation(): string | null {
    if (!this.#settings.isError || this.warnings.length === 0) return null;
    return `lint violation found for rules: ${[...new Set(this.warnings.map(({ rule }) => rule))].join(", ")}`;
  }
}
