/** Bun's JUnit report as a list of tests. */

export type Outcome = "passed" | "failed" | "skipped";

export interface TestCase {
  readonly file: string;
  /** "FILE > DESCRIBE > NAME", as test/skips.txt names a test. */
  readonly id: string;
  readonly outcome: Outcome;
  /** What the failure says, "" of the others. */
  readonly reason: string;
}

/** Reads what `bun test --reporter=junit` writes; a file that did not load is not in it. */
export function parseJunit(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  for (const match of xml.matchAll(/<testcase ([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const attributes = parseAttributes(match[1] ?? "");
    const body = match[3] ?? "";
    const file = attributes.get("file") ?? "";
    const id = [file, attributes.get("classname") ?? "", attributes.get("name") ?? ""].filter((part) => part !== "").join(" > ");
    cases.push({ file, id, outcome: outcomeOf(body), reason: unescape(/<(failure|error)\b[^>]*>([\s\S]*?)<\/\1>/.exec(body)?.[2] ?? "").trimEnd() });
  }
  return cases;
}

function outcomeOf(body: string): Outcome {
  if (/<(failure|error)\b/.test(body)) return "failed";
  return /<skipped\b/.test(body) ? "skipped" : "passed";
}

function parseAttributes(text: string): Map<string, string> {
  return new Map([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map((match) => [match[1] ?? "", unescape(match[2] ?? "")]));
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replace(/&(#(\d+)|#x([0-9a-f]+)|\w+);/gi, (whole, name: string, decimal?: string, hexadecimal?: string) => {
    if (decimal !== undefined) return String.fromCodePoint(Number.parseInt(decimal, 10));
    if (hexadecimal !== undefined) return String.fromCodePoint(Number.parseInt(hexadecimal, 16));
    return ENTITIES[name] ?? whole;
  });
}
