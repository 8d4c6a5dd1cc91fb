/** Reads the tokens of a template, and says where and why they are not what was expected (Go's words). Pure. */
import { MdkError } from "../../error.ts";
import { KEYWORDS, lex, type Kind, type Token } from "./lex.ts";

export class Reader {
  protected readonly tokens: readonly Token[];
  /** Index of the next token. */
  protected at = 0;
  /** Where the action began that is being parsed; null: in none. */
  protected action: number | null = null;
  private readonly input: string;
  private readonly name: string;

  constructor(input: string, name: string) {
    this.input = input;
    this.name = name;
    this.tokens = lex(input);
  }

  protected peek(): Token {
    return this.tokens[Math.min(this.at, this.tokens.length - 1)]!;
  }

  protected next(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  protected skipBlanks(): Token {
    while (this.peek().kind === "space") this.at++;
    return this.peek();
  }

  protected nextSolid(): Token {
    this.skipBlanks();
    return this.next();
  }

  private line(position: number): number {
    return this.input.slice(0, position).split("\n").length;
  }

  protected fail(problem: string): never {
    const { position } = this.tokens[Math.max(0, Math.min(this.at, this.tokens.length) - 1)] ?? { position: 0 };
    throw new MdkError("invalid", "template-parse", `template: ${this.name}:${this.line(position)}: ${problem}`);
  }

  protected unexpected(token: Token, context: string): never {
    if (token.kind !== "error") this.fail(`unexpected ${shown(token)} in ${context}`);
    const line = this.action === null ? null : this.line(this.action);
    if (line === null || line === this.line(token.position)) this.fail(token.text);
    this.fail(`${token.text}${token.text.endsWith(" action") ? "" : " in action"} started at ${this.name}:${line}`);
  }

  protected expect(kind: Kind, context: string): Token {
    const token = this.nextSolid();
    if (token.kind !== kind) this.unexpected(token, context);
    return token;
  }
}

/** As errors show a token. */
function shown({ kind, text }: Token): string {
  if (kind === "end of file") return "EOF";
  if (KEYWORDS.has(kind) || kind === "dot") return `<${text}>`;
  return text.length > 10 ? `${JSON.stringify(text.slice(0, 10))}...` : JSON.stringify(text);
}
