/** What RUN, CMD and ENTRYPOINT execute. */
import { expect, test } from "bun:test";
import { DEFAULT_SHELL, executedBy, programWords, type Executed } from "../../../src/build/language/command-line.ts";
import { parseDockerfile } from "../../../src/build/language/parse.ts";

function executed(text: string, shell = DEFAULT_SHELL): Executed | readonly string[] {
  const [instruction] = parseDockerfile(`FROM a\n${text}\n`).stages[0]!.instructions;
  if (instruction?.kind === "run") return executedBy(instruction, shell);
  return instruction?.kind === "cmd" || instruction?.kind === "entrypoint" ? programWords(instruction.command, shell) : [];
}

test("a line is the shell's, an array is a program", () => {
  expect(executed("RUN echo  a && b")).toEqual({ words: ["/bin/sh", "-c", "echo  a && b"], script: null });
  expect(executed('RUN ["echo", "a b"]')).toEqual({ words: ["echo", "a b"], script: null });
  expect(executed("CMD echo a", ["bash", "-ec"])).toEqual(["bash", "-ec", "echo a"]);
  expect(executed("ENTRYPOINT []")).toEqual([]);
});

test("a heredoc that is the whole line is the shell's text, without its tabs where it says so", () => {
  expect(executed("RUN <<EOF\na\n  b $C\nEOF")).toEqual({ words: ["/bin/sh", "-c", "a\n  b $C\n"], script: null });
  expect(executed("RUN <<-EOF\n\t\ta\n\tb\n\tEOF")).toEqual({ words: ["/bin/sh", "-c", "a\nb\n"], script: null });
});

test("one that begins with #! is a program", () => {
  const content = "#!/usr/bin/env python3\nprint(1)\n";
  expect(executed(`RUN <<RUN.py\n${content}RUN.py`)).toEqual({ words: ["/bin/sh", "-c", "/dev/pipes/RUN.py"], script: { path: "/dev/pipes/RUN.py", content } });
});

test("heredocs within a line are the shell's, as they stand", () => {
  expect(executed("RUN <<-A cat && <<'B' cat\n\ta\n\tA\nb\nB")).toEqual({ words: ["/bin/sh", "-c", "<<-A cat && <<'B' cat\n\ta\nA\nb\nB"], script: null });
});
