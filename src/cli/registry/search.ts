/** `mdk search`. */
import { searchImages } from "../../engine/image/search.ts";
import { EXIT, CommandError } from "../exit.ts";
import { parseFilters, type Filter } from "../grammar/filters.ts";
import { isTrue, type Command, type Invocation } from "../grammar/flags.ts";
import { printRows, type Row } from "../output/rows.ts";

const KEYS = ["is-official", "stars"] as const;
type Key = (typeof KEYS)[number];

export const command: Command = {
  usage: "search [OPTIONS] TERM",
  summary: "Search Docker Hub, or a registry (HOST/TERM), for images",
  flags: [
    { name: "filter", short: "f", type: "list", help: "Filter output based on conditions provided (is-official=BOOL, stars=N)" },
    { name: "format", type: "string", help: "Pretty-print search using a Go template" },
    { name: "insecure-registry", type: "list", help: "Registry that may be reached without TLS, or with a certificate nobody vouches for" },
    { name: "limit", type: "int", help: "Max number of search results" },
    { name: "no-trunc", type: "bool", help: "Don't truncate output" },
  ],
  operands: [1, 1],
  anyUser: true,
  run,
};

const HEADS = { Name: "NAME", Description: "DESCRIPTION", StarCount: "STARS", IsOfficial: "OFFICIAL" };
/** moby, registry/search.go. */
const [LIMIT, LIMIT_MAX] = [25, 100];
const DESCRIPTION_CHARACTERS = 45;

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const limit = Number(flags.string("limit") ?? 0) || LIMIT;
  if (limit < 1 || limit > LIMIT_MAX) throw new CommandError(EXIT.failure, "invalid-limit", `limit ${limit} is outside the range of [1, ${LIMIT_MAX}]`);
  const isMeant = matcher(parseFilters(flags.list("filter"), KEYS));
  const format = flags.string("format");
  const found = await searchImages(context, operands[0]!, limit, { insecureRegistries: flags.list("insecure-registry") });
  const rows = found.filter(isMeant).map(({ name, description, stars, official }): Row => ({
    Name: name, Description: described(description, flags.bool("no-trunc")), StarCount: String(stars), IsOfficial: format === "json" ? String(official) : official ? "[OK]" : "",
  }));
  await printRows({ command: "search", type: "*registry.searchContext", heads: HEADS, usual: Object.keys(HEADS), raw: [], rows }, format);
  return 0;
}

function described(text: string, whole: boolean): string {
  const line = text.replace(/[\r\n]/g, " ");
  const characters = [...line];
  return whole || characters.length <= DESCRIPTION_CHARACTERS ? line : `${characters.slice(0, DESCRIPTION_CHARACTERS - 1).join("")}…`;
}

/** All filters hold. Throws "invalid-filter" for a value that its key cannot have. */
function matcher(filters: readonly Filter<Key>[]): (found: { readonly stars: number; readonly official: boolean }) => boolean {
  const conditions = filters.map(({ key, value }) => {
    const wanted = key === "stars" ? (/^\d+$/.test(value) ? Number(value) : null) : isTrue(value);
    if (wanted === null) throw new CommandError(EXIT.failure, "invalid-filter", `invalid filter '${key}=[${value}]'`);
    return (stars: number, official: boolean): boolean => (typeof wanted === "number" ? stars >= wanted : official === wanted);
  });
  return ({ stars, official }) => conditions.every((holds) => holds(stars, official));
}
