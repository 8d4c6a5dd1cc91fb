/** Characters and words as Go has them, whose rules Dockerfiles were written for. */

/** unicode.IsSpace: JavaScript's \s takes U+FEFF for one and leaves U+0085 out. */
const SPACE = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const IS_SPACE = new RegExp(`^[${SPACE}]$`);
const BEFORE = new RegExp(`^[${SPACE}]+`);

/** Of one character. */
export function isSpace(character: string): boolean {
  return IS_SPACE.test(character);
}

/** strings.TrimLeftFunc(text, unicode.IsSpace). */
export function trimStart(text: string): string {
  return text.replace(BEFORE, "");
}

/** strings.TrimSpace. Not by a pattern with "$": such a one is slow where blanks are many and something follows. */
export function trim(text: string): string {
  const front = trimStart(text);
  let end = front.length;
  while (end > 0 && isSpace(front[end - 1]!)) end--;
  return front.slice(0, end);
}

/** strconv.ParseBool; null: neither. */
export function parseBoolean(text: string): boolean | null {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : null;
}

/**
 * " (did you mean X?)", or nothing where no option is nearer than three edits or the word itself is one (BuildKit's util/suggest). Of equal ones the
 * first. `anyCase`: compared in lower case, and written as the word is.
 */
export function suggestion(word: string, options: Iterable<string>, { anyCase = false, form = (match: string): string => ` (did you mean ${match}?)` } = {}): string {
  const wanted = anyCase ? word.toLowerCase() : word;
  let [best, least] = ["", 3];
  for (const option of options) {
    const candidate = anyCase ? option.toLowerCase() : option;
    if (candidate === wanted) return "";
    // Lengths apart by three are three edits at least.
    const distance = Math.abs(candidate.length - wanted.length) < least ? editDistance(wanted, candidate) : least;
    if (distance < least) [best, least] = [candidate, distance];
  }
  if (best === "") return "";
  return form(anyCase && word !== word.toLowerCase() && word === word.toUpperCase() ? best.toUpperCase() : best);
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    above = row;
  }
  return above[b.length]!;
}

/** Go's %q, near enough: JSON's quoting. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
