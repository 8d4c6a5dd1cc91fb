/** WWW-Authenticate (RFC 9110 section 11): which scheme a registry wants, and its parameters. Pure. */

export interface Challenge {
  /** Lower case: "basic", "bearer". */
  readonly scheme: string;
  /** Lower-case keys: realm, service, scope, error. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Headers come from strangers: beyond this one is ignored. */
const LENGTH_MAX = 8192;

/** All challenges of the header's value; what cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  const text = header.slice(0, LENGTH_MAX);
  const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
  const value = /[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z:/-]+))/y;
  const gap = /[ \t,]*/y;
  let at = 0;
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  let parameters = new Map<string, string>();
  for (;;) {
    read(gap);
    const word = read(token);
    if (word === null) return challenges;
    const given = read(value);
    if (given === null) {
      parameters = new Map();
      challenges.push({ scheme: word[0].toLowerCase(), parameters });
    } else if (challenges.length > 0) {
      parameters.set(word[0].toLowerCase(), given[1]?.replace(/\\(.)/g, "$1") ?? given[2] ?? "");
    }
  }
}
