/** Instructions that only set something: ENV, LABEL, ARG, EXPOSE, VOLUME, USER, WORKDIR, STOPSIGNAL, MAINTAINER, ONBUILD. */
import { trim } from "../text.ts";
import type { Reading } from "./reading.ts";
import type { ArgInstruction, ExposeInstruction, OnbuildInstruction, PairsInstruction, SingleInstruction, VolumeInstruction } from "./types.ts";

export function parsePairs({ statement: { pairs }, origin, flags, refuse }: Reading, kind: "env" | "label"): PairsInstruction {
  flags({});
  if (pairs.length === 0) throw refuse(`${kind.toUpperCase()} requires at least one argument`);
  if (pairs.some(({ name }) => name === "")) throw refuse(`${kind.toUpperCase()} names can not be blank`);
  return { ...origin, kind, pairs };
}

/** Flags of ARG and STOPSIGNAL are passed over, as BuildKit does. */
export function parseArg({ statement: { words }, origin, refuse }: Reading): ArgInstruction {
  if (words.length === 0) throw refuse("ARG requires at least one argument");
  const declared = words.map(({ text, at }) => {
    const equals = text.indexOf("=");
    if (equals === 0) throw refuse("ARG names can not be blank", at);
    return equals === -1 ? { name: text, value: null } : { name: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  return { ...origin, kind: "arg", declared };
}

export function parseExpose({ statement: { words }, origin, flags, refuse }: Reading): ExposeInstruction {
  if (words.length === 0) throw refuse("EXPOSE requires at least one argument");
  flags({});
  return { ...origin, kind: "expose", ports: words.map(({ text }) => text).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)) };
}

export function parseVolume({ statement: { words }, origin, flags, refuse }: Reading): VolumeInstruction {
  if (words.length === 0) throw refuse("VOLUME requires at least one argument");
  flags({});
  const empty = words.find(({ text }) => trim(text) === "");
  if (empty !== undefined) throw refuse("VOLUME specified can not be an empty string", empty.at);
  return { ...origin, kind: "volume", paths: words.map(({ text }) => trim(text)) };
}

export function parseSingle({ statement: { words }, origin, flags, refuse }: Reading, kind: SingleInstruction["kind"]): SingleInstruction {
  const [value] = words;
  if (value === undefined) throw refuse(`${kind.toUpperCase()} requires exactly one argument`);
  if (kind !== "stopsignal") flags({});
  return { ...origin, kind, value: value.text };
}

/** What it holds back is looked at when somebody builds on the image, but for what may never be held back. */
export function parseOnbuild({ statement: { trigger, heredocs, source }, origin, flags, refuse }: Reading): OnbuildInstruction {
  if (trigger === null) throw refuse("ONBUILD requires at least one argument");
  flags({});
  const keyword = trigger.keyword.toUpperCase();
  if (keyword === "ONBUILD") throw refuse("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", trigger.at);
  if (keyword === "FROM" || keyword === "MAINTAINER") throw refuse(`${keyword} isn't allowed as an ONBUILD trigger`, trigger.at);
  const documents = heredocs.map(({ content, name }) => `\n${content}${name}`);
  return { ...origin, kind: "onbuild", expression: `${source.replace(/^\s*ONBUILD\s*/i, "")}${documents.join("")}` };
}
