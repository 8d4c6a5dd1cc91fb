/** Checks of how a Dockerfile is written: cases of letters, names, comments; nothing has to be resolved for them. */
import type { FromInstruction, Instruction } from "../language/instructions/types.ts";
import type { Dockerfile } from "../language/parse.ts";
import type { CheckReport } from "./report.ts";

const RESERVED: ReadonlySet<string> = new Set(["context", "scratch"]);

const isLower = (text: string): boolean => text === text.toLowerCase();
const isUpper = (text: string): boolean => text === text.toUpperCase();

/** Each instruction as it is read. */
export function checkInstruction(report: CheckReport, instruction: FromInstruction | Instruction): void {
  if (instruction.kind === "maintainer") report.warnOf("MaintainerDeprecated", instruction);
  if (instruction.kind === "from") checkFrom(report, instruction);
  if (instruction.kind === "from" && instruction.name !== null) describes(report, instruction, "FROM", [instruction.name]);
  if (instruction.kind === "arg") describes(report, instruction, "ARG", instruction.declared.map(({ name }) => name));
}

function checkFrom(report: CheckReport, instruction: FromInstruction): void {
  if (instruction.as === null) return;
  const [as, name] = instruction.as;
  const { keyword } = instruction;
  if (!isLower(name)) report.warnOf("StageNameCasing", instruction, name);
  // A keyword in mixed letters is another rule's.
  if (isLower(keyword) ? !isLower(as) : isUpper(keyword) && !isUpper(as)) report.warnOf("FromAsCasing", instruction, keyword, as);
}

/** The last comment above must begin with a name that is defined. */
function describes(report: CheckReport, instruction: FromInstruction | Instruction, keyword: string, names: readonly string[]): void {
  const comment = instruction.comments.at(-1);
  if (comment === undefined || names.includes(comment.split(" ")[0]!)) return;
  report.warnOf("InvalidDefinitionDescription", instruction, keyword, names.length > 1 ? "<arg_key>" : names[0]!);
}

/** The stages together, once all have been read. */
export function checkStages(report: CheckReport, { stages }: Dockerfile): void {
  const seen = new Set<string>();
  for (const { from: { name, span } } of stages) {
    if (name === null) continue;
    if (RESERVED.has(name)) report.warn("ReservedStageName", span, name);
    if (seen.has(name)) report.warn("DuplicateStageName", span, name);
    seen.add(name);
  }
  const all = stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  const lower = all.filter(({ keyword }) => isLower(keyword)).length;
  const upper = all.filter(({ keyword }) => !isLower(keyword) && isUpper(keyword)).length;
  for (const { keyword, span } of all) {
    if (lower > upper && !isLower(keyword)) report.warn("ConsistentInstructionCasing", span, keyword, "lowercase");
    if (lower <= upper && !isUpper(keyword)) report.warn("ConsistentInstructionCasing", span, keyword, "uppercase");
  }
}
