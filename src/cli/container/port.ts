/** `mdk port`. */
import { EXIT, CommandError } from "../exit.ts";
import { findContainer } from "../../engine/container/find.ts";
import { readStatus } from "../../engine/end/status.ts";
import { lives } from "../../engine/end/words.ts";
import { hostPortText, portPairs } from "../../spec/ports.ts";
import { listPorts } from "../../store/ports.ts";
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "port CONTAINER [PRIVATE_PORT[/PROTO]]",
  summary: "List port mappings or a specific mapping for the container",
  flags: [],
  operands: [1, 2],
  run: ({ context, operands }) => {
    const [word = "", wanted] = operands;
    const container = findContainer(context, word);
    const ranges = lives(readStatus(context, container).word) ? listPorts(context.database(), container.id) : [];
    const mappings = ranges.flatMap((range) => portPairs(range).map(([inside, outside]) => ({ port: `${inside}/${range.protocol}`, inside, to: hostPortText(range.hostAddress, outside) })));
    if (wanted === undefined) {
      const sorted = mappings.toSorted((a, b) => a.inside - b.inside || (a.port < b.port ? -1 : 1));
      if (sorted.length > 0) print(sorted.map(({ port, to }) => `${port} -> ${to}`).join("\n"));
      return 0;
    }
    const port = portOf(wanted);
    const found = mappings.filter((mapping) => mapping.port === port);
    if (found.length === 0) throw new CommandError(EXIT.failure, "no-such-port", `no public port '${wanted}' published for ${word}`);
    print(found.map(({ to }) => to).join("\n"));
    return 0;
  },
};

/** "80" is "80/tcp". */
function portOf(text: string): string {
  const [number = "", protocol = "tcp"] = text.split("/");
  if (!/^\d{1,5}$/.test(number) || Number(number) > 65535) throw new CommandError(EXIT.failure, "invalid-port", `invalid port: invalid port number '${number}'`);
  return `${Number(number)}/${protocol.toLowerCase()}`;
}
