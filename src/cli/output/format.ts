/** --format of every command: "json", "table", "table TEMPLATE", "raw" or a template, in Docker's words when it is none. */
import { EXIT, CommandError } from "../exit.ts";
import { MdkError } from "../../error.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Template } from "../template/template.ts";
import { printable } from "./text.ts";

/** Docker's status for a template that cannot be parsed, of inspect, info and version. */
const TEMPLATE_STATUS = 64;

/** How a command words what is wrong with a template. */
export interface Wording {
  readonly parse: string;
  readonly execute: string;
  readonly parseStatus: number;
  /** What errors call the template. */
  readonly name?: string;
}

const WORDINGS = {
  inspect: { parse: "template parsing error: ", execute: "template parsing error: ", parseStatus: TEMPLATE_STATUS },
  info: { parse: "template parsing error: ", execute: "", parseStatus: TEMPLATE_STATUS },
  version: { parse: "template parsing error: ", execute: "", parseStatus: TEMPLATE_STATUS, name: "version" },
  events: { parse: "Error parsing format: ", execute: "", parseStatus: TEMPLATE_STATUS },
  images: { parse: "template parsing error: ", execute: "template parsing error: ", parseStatus: EXIT.failure },
  history: { parse: "template parsing error: ", execute: "template parsing error: ", parseStatus: EXIT.failure },
  df: { parse: "template parsing error: ", execute: "", parseStatus: EXIT.failure },
  network: { parse: "template parsing error: ", execute: "template parsing error: ", parseStatus: EXIT.failure },
  volume: { parse: "template parsing error: ", execute: "template parsing error: ", parseStatus: EXIT.failure },
  search: { parse: "template parsing error: ", execute: "template parsing error: ", parseStatus: EXIT.failure },
  stats: { parse: "template parsing error: ", execute: "", parseStatus: EXIT.failure },
  ps: { parse: "failed to parse template: ", execute: "failed to execute template: ", parseStatus: EXIT.failure },
} as const satisfies Readonly<Record<string, Wording>>;

/** What values print on a terminal must not move it: a container's label or an image's author may hold escape sequences. */
function neutralize(text: string): string {
  return /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(text) && isTerminal(1) ? printable(text) : text;
}

/** Loads templates and parses this one. Throws MdkError in the command's words; its methods do. */
export async function openTemplate(input: string, command: keyof typeof WORDINGS): Promise<Template> {
  const wording: Wording = WORDINGS[command];
  const { compileTemplate } = await import("../template/template.ts");
  const name = wording.name === undefined ? {} : { name: wording.name };
  const worded = <T>(prefix: string, status: number, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (error instanceof MdkError) throw new CommandError(status, error.code, `${prefix}${error.message}`);
      // Text or a list that JavaScript cannot hold.
      if (error instanceof RangeError) throw new CommandError(status, "template-too-large", `${prefix}what the template makes is too large`);
      throw error;
    }
  };
  const template = worded(wording.parse, wording.parseStatus, () => compileTemplate(input, { ...name, neutralize }));
  return {
    document: (...args) => worded(wording.execute, EXIT.failure, () => template.document(...args)),
    row: (...args) => worded(wording.execute, EXIT.failure, () => template.row(...args)),
    heads: (...args) => worded(wording.execute, EXIT.failure, () => template.heads(...args)),
  };
}
