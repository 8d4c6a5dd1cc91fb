/** `mdk doctor`. */
import { examine, type Finding } from "../../engine/system/doctor.ts";
import { EXIT } from "../exit.ts";
import type { Command } from "../grammar/flags.ts";
import { json, print, printable, table } from "../output/text.ts";

export const command: Command = {
  usage: "doctor [OPTIONS]",
  summary: "Show what this host has for containers, and what is missing",
  flags: [{ name: "json", type: "bool", help: "Print the findings as JSON" }],
  operands: [0, 0],
  anyUser: true,
  run: ({ context, flags }) => {
    const findings = examine(context);
    const works = !findings.some(({ verdict }) => verdict === "missing");
    if (flags.bool("json")) {
      const all = findings.map(({ name, verdict, found, chosen, mend }) => ({ Name: name, Verdict: verdict, Found: found, Chosen: chosen, Mend: mend }));
      print(json({ Works: works, Root: context.root, RunRoot: context.runRoot, Findings: all }));
    } else {
      print(printable(table(findings.flatMap(rowsOf)).trimEnd()));
      print(works ? "\nmdk run works on this host." : "\nmdk run does not work on this host as it is.");
    }
    return works ? 0 : EXIT.failure;
  },
};

/** A line for what is there, and one for what mends it. */
function rowsOf({ name, verdict, found, chosen, mend }: Finding): string[][] {
  const first = [verdict, name, chosen === null ? found : `${found}: ${chosen}`];
  return mend === null ? [first] : [first, ["", "", `→ ${mend}`]];
}
