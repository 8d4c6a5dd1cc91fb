/** A statement becomes an instruction: the table of the kinds there are. */
import { DockerfileError } from "../error.ts";
import { parseInstructionFlags } from "../flags.ts";
import { spanFrom, type Statement } from "../statements.ts";
import { suggestion } from "../text.ts";
import { parseFiles } from "./files.ts";
import { parseFrom } from "./from.ts";
import { parseHealthcheck, parseProgram, parseShell } from "./programs.ts";
import type { Reading } from "./reading.ts";
import { parseRun } from "./run.ts";
import { parseArg, parseExpose, parseOnbuild, parsePairs, parseSingle, parseVolume } from "./settings.ts";
import type { FromInstruction, Instruction } from "./types.ts";

type Reader = (reading: Reading) => FromInstruction | Instruction;

/** The common ones first: of two that are equally near, the first is the one that was meant. */
const READERS: Readonly<Record<string, Reader>> = {
  run: parseRun, copy: (reading) => parseFiles(reading, "copy"), from: parseFrom, env: (reading) => parsePairs(reading, "env"), cmd: (reading) => parseProgram(reading, "cmd"),
  add: (reading) => parseFiles(reading, "add"), arg: parseArg, workdir: (reading) => parseSingle(reading, "workdir"), user: (reading) => parseSingle(reading, "user"),
  entrypoint: (reading) => parseProgram(reading, "entrypoint"), expose: parseExpose, healthcheck: parseHealthcheck, label: (reading) => parsePairs(reading, "label"),
  maintainer: (reading) => parseSingle(reading, "maintainer"), onbuild: parseOnbuild, shell: parseShell, stopsignal: (reading) => parseSingle(reading, "stopsignal"),
  volume: parseVolume,
};

/** Throws DockerfileError in BuildKit's words, at the word that is wrong. `isTrigger`: it is no line of the Dockerfile, so none is named. */
export function parseInstruction(statement: Statement, { isTrigger = false } = {}): FromInstruction | Instruction {
  const { line, at, keyword, source } = statement;
  const reader = Object.hasOwn(READERS, keyword.toLowerCase()) ? READERS[keyword.toLowerCase()] : undefined;
  const refuse = (message: string, place = at): DockerfileError => new DockerfileError(`${isTrigger ? "" : `dockerfile parse error on line ${line.first}: `}${message}`, spanFrom(statement, place));
  if (reader === undefined) {
    throw refuse(`unknown instruction: ${keyword}${suggestion(keyword, Object.keys(READERS), { anyCase: true })}`);
  }
  return reader({
    statement, refuse, origin: { span: spanFrom(statement, at), keyword, source, comments: line.comments },
    flags: (table) => parseInstructionFlags(statement.flags, table, refuse),
  });
}
