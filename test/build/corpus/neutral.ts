/** mdk's instructions in the shape in which BuildKit's are recorded, so that the two can be compared. */
import { parseDockerfile, type Stage } from "../../../src/build/language/parse.ts";
import { DockerfileError } from "../../../src/build/language/error.ts";
import { expandInstruction, mountsOf } from "../../../src/build/language/expand/instruction.ts";
import type { CommandLine, Instruction } from "../../../src/build/language/instructions/types.ts";
import type { RunMount } from "../../../src/build/language/instructions/mount.ts";
import type { Heredoc } from "../../../src/build/language/heredoc.ts";

const VARIABLES = new Map([["PATH", "/bin"], ["A", "a b"], ["N", "7"], ["D", "/data"], ["E", ""]]);
/** Those that BuildKit's recorder expands: of ARG and EXPOSE it does so elsewhere. */
const EXPANDED: ReadonlySet<string> = new Set(["env", "label", "copy", "add", "run", "user", "volume", "workdir", "stopsignal"]);
const scope = { lookup: (name: string): string | undefined => VARIABLES.get(name), escape: "\\" };

export function parsed(text: string): unknown {
  try {
    const { arguments: globals, stages } = parseDockerfile(text);
    return { args: globals.map((arg) => shape(arg)), stages: stages.map(stageShape) };
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    return { error: { message: error.message, lines: lines(error) } };
  }
}

export function lines({ span }: { readonly span: DockerfileError["span"] }): [number, number] {
  return [span.start.line, span.end.line];
}

function stageShape({ from, instructions }: Stage): unknown {
  return { name: from.name ?? "", base: from.base, platform: from.platform ?? "", lines: lines(from), commands: instructions.map(command) };
}

function command(instruction: Instruction): unknown {
  const bare = { name: instruction.keyword, lines: lines(instruction), code: instruction.source, parsed: shape(instruction) };
  const run = instruction.kind === "run" ? { network: instruction.network, security: instruction.security } : {};
  if (!EXPANDED.has(instruction.kind)) return bare;
  try {
    const expanded = expandInstruction(instruction, scope);
    const mounts = instruction.kind === "run" ? { mounts: mountsOf(instruction, scope).map(mountShape) } : {};
    return { ...bare, ...run, ...mounts, expanded: shape(expanded) };
  } catch (error) {
    return { ...bare, ...run, expandError: (error as Error).message };
  }
}

function line({ words, isExecForm }: CommandLine, heredocs: readonly Heredoc[] | null): object {
  const files = heredocs === null || heredocs.length === 0 ? null : heredocs.map(({ name, content, stripsTabs }) => ({ Name: name, Data: content, Chomp: stripsTabs }));
  return { CmdLine: words, Files: files, PrependShell: !isExecForm };
}

function shape(instruction: Instruction): object {
  switch (instruction.kind) {
    case "run":
      return line(instruction.command, instruction.heredocs);
    case "cmd": case "entrypoint":
      return line(instruction.command, null);
    case "copy": case "add": {
      const { sources, inline, destination, chown, chmod, link, exclude } = instruction;
      const shared = {
        DestPath: destination, SourcePaths: sources, SourceContents: inline.map(({ name, content, expands }) => ({ Path: name, Data: content, Expand: expands })), Chown: chown ?? "", Chmod: chmod ?? "", Link: link, ExcludePatterns: exclude,
      };
      if (instruction.kind === "copy") return { ...shared, From: instruction.from ?? "", Parents: instruction.parents };
      return { ...shared, Checksum: instruction.checksum ?? "", KeepGitDir: instruction.keepGitDirectory, Unpack: instruction.unpack };
    }
    case "env":
      return { Env: instruction.pairs.map(({ name, value, isLegacy }) => ({ Key: name, Value: value, NoDelim: isLegacy })) };
    case "label":
      return { Labels: instruction.pairs.map(({ name, value, isLegacy }) => ({ Key: name, Value: value, NoDelim: isLegacy })) };
    case "arg":
      return { Args: instruction.declared.map(({ name, value }) => ({ Key: name, Value: value })) };
    case "expose":
      return { Ports: instruction.ports };
    case "volume":
      return { Volumes: instruction.paths };
    case "user":
      return { User: instruction.value };
    case "workdir":
      return { Path: instruction.value };
    case "stopsignal":
      return { Signal: instruction.value };
    case "maintainer":
      return { Maintainer: instruction.value };
    case "shell":
      return { Shell: instruction.command };
    case "onbuild":
      return { Expression: instruction.expression };
    case "healthcheck": {
      const { test, interval, timeout, startPeriod, startInterval, retries } = instruction;
      return { Health: { Test: test, Interval: interval, Timeout: timeout, StartPeriod: startPeriod, StartInterval: startInterval, Retries: retries } };
    }
  }
}

function mountShape({ type, from, source, target, isReadonly, size, id, sharing, isRequired, env, mode, uid, gid }: RunMount): object {
  return { Type: type, From: from ?? "", Source: source, Target: target, ReadOnly: isReadonly, SizeLimit: size, CacheID: id, CacheSharing: sharing ?? "", Required: isRequired, Env: env, Mode: mode, UID: uid, GID: gid };
}

/** JSON without what Go leaves out of its own accord, and without what is not compared. */
export function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(comparable);
  if (typeof value !== "object" || value === null) return value === null || value === "" || value === 0 || value === false ? undefined : value;
  const left = ["DocComment", "FlagsUsed", "doc"];
  const entries = Object.entries(value).filter(([key]) => !left.includes(key)).map(([key, child]): [string, unknown] => [key, comparable(child)]);
  return Object.fromEntries(entries.filter(([, child]) => child !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)));
}
