/** COPY and ADD. */
import { heredocText, parseHeredoc, type Heredoc } from "../heredoc.ts";
import type { FlagKind } from "../flags.ts";
import type { Reading } from "./reading.ts";
import type { AddInstruction, CopyInstruction, InlineFile } from "./types.ts";

const SHARED: Readonly<Record<string, FlagKind>> = { chown: "value", chmod: "value", link: "switch", exclude: "list" };
const FLAGS: Readonly<Record<"add" | "copy", Readonly<Record<string, FlagKind>>>> = {
  copy: { ...SHARED, from: "value", parents: "switch" },
  add: { ...SHARED, checksum: "value", "keep-git-dir": "switch", unpack: "switch" },
};

export function parseFiles({ statement: { words, heredocs }, origin, flags, refuse }: Reading, kind: "add" | "copy"): AddInstruction | CopyInstruction {
  const name = kind.toUpperCase();
  const destination = words.at(-1);
  if (destination === undefined || words.length < 2) {
    throw refuse(`${name} requires at least two arguments, but only one was provided. Destination could not be determined`, destination?.at);
  }
  const given = flags(FLAGS[kind]);
  const begun = (word: string): Heredoc | null => {
    try {
      return parseHeredoc(word);
    } catch {
      return null; // its quotes have no end: a name like any other
    }
  };
  if (begun(destination.text) !== null) throw refuse(`${name} cannot accept a heredoc as a destination`, destination.at);
  const sources: string[] = [];
  const inline: InlineFile[] = [];
  for (const { text } of words.slice(0, -1)) {
    const heredoc = begun(text);
    if (heredoc === null) sources.push(text);
    // Of two with one name the last one is what both are.
    else inline.push({ name: heredoc.name, expands: heredoc.expands, content: heredocText({ ...heredoc, content: heredocs.findLast((one) => one.name === heredoc.name)?.content ?? "" }) });
  }
  const files = {
    ...origin, sources, inline, destination: destination.text, chown: given.value("chown") || null, chmod: given.value("chmod") || null,
    link: given.switch("link") ?? false, exclude: given.list("exclude"),
  };
  if (kind === "copy") return { ...files, kind, from: given.value("from") || null, parents: given.switch("parents") ?? false };
  return { ...files, kind, checksum: given.value("checksum") || null, keepGitDirectory: given.switch("keep-git-dir"), unpack: given.switch("unpack") };
}
