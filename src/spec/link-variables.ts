/** What `--link` tells a container by variables, on the default bridge (moby daemon/links/links.go, ToEnv). Pure. */

/** Somebody who is linked to. */
export interface LinkTarget {
  /** "/web/db": who links, and what the other is to him. */
  readonly name: string;
  /** "172.17.0.2". */
  readonly address: string;
  /** "80/tcp" each. */
  readonly exposed: readonly string[];
  /** KEY=VALUE, his own and his image's. */
  readonly environment: readonly string[];
}

interface Port {
  readonly number: number;
  readonly protocol: string;
}

/** Of every container, and its own business. */
const NOT_TOLD: ReadonlySet<string> = new Set(["HOME", "PATH"]);

/** KEY=VALUE in Docker's order; some of them twice, with the same value. */
export function linkVariables({ name, address, exposed, environment }: LinkTarget): string[] {
  const alias = name.slice(name.lastIndexOf("/") + 1).toUpperCase().replaceAll("-", "_");
  const ports = exposed.map(portOf).sort((a, b) => a.number - b.number || (a.protocol < b.protocol ? -1 : 1));
  const url = ({ number, protocol }: Port): string => `${protocol}://${address}:${number}`;
  const prefix = ({ number, protocol }: Port): string => `${alias}_PORT_${number}_${protocol.toUpperCase()}`;
  const told = environment.map((line) => [line, line.indexOf("=")] as const).filter(([line, equals]) => equals >= 0 && !NOT_TOLD.has(line.slice(0, equals)));
  const range = ([first, last]: readonly [Port, Port]): string[] => {
    const end = prefix({ ...last, number: first.number });
    return [`${prefix(first)}_START=${url(first)}`, `${prefix(first)}_ADDR=${address}`, `${prefix(first)}_PROTO=${first.protocol}`, `${prefix(first)}_PORT_START=${first.number}`, `${end}_END=${url(last)}`, `${end}_PORT_END=${last.number}`];
  };
  return [
    ...ports.slice(0, 1).map((port) => `${alias}_PORT=${url(port)}`),
    ...neighbours(ports).flatMap(range),
    ...ports.flatMap((port) => [`${prefix(port)}=${url(port)}`, `${prefix(port)}_ADDR=${address}`, `${prefix(port)}_PORT=${port.number}`, `${prefix(port)}_PROTO=${port.protocol}`]),
    `${alias}_NAME=${name}`,
    ...told.map(([line]) => `${alias}_ENV_${line}`),
  ];
}

function portOf(text: string): Port {
  const [number = "", protocol = "tcp"] = text.split("/");
  return { number: Number(number), protocol };
}

/** First and last of each three or more that follow one another: Docker's count goes on by one a port, whatever the port's number. */
function neighbours(ports: readonly Port[]): (readonly [first: Port, last: Port])[] {
  const ranges: (readonly [Port, Port])[] = [];
  for (let index = 0; index < ports.length; ) {
    let end = index + 1;
    while (end < ports.length && ports[end]!.number <= ports[index]!.number + (end - index)) end++;
    if (end - index > 2) ranges.push([ports[index]!, ports[end - 1]!]);
    index = end - index > 2 ? end : index + 1;
  }
  return ranges;
}
