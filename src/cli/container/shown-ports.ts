/** PORTS of `ps`: neighbours in one range (docker/cli formatter, DisplayablePorts). Pure. */
import type { PortRange } from "../../spec/network.ts";
import { hostPortText, portPairs } from "../../spec/ports.ts";

interface Shown {
  readonly port: number;
  readonly protocol: string;
  /** Null: exposed only. */
  readonly host: { readonly address: string; readonly port: number } | null;
}

interface Range {
  readonly address: string | null;
  readonly protocol: string;
  readonly first: number;
  last: number;
}

/** `exposed`: "80/tcp, 53/udp", an image may say "8000-8010/tcp"; those of them that are published are told once. */
export function shownPorts(exposed: string, ranges: readonly PortRange[]): string {
  const published = ranges.flatMap((range) => portPairs(range).map(([containerPort, hostPort]) => ({ ...range, containerPort, hostPort })));
  const taken = new Set(published.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const only = exposed.split(", ").filter((text) => text !== "" && !taken.has(text)).flatMap((text): Shown[] => {
    const [, first = "", last = first, protocol = "tcp"] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(.*))?$/.exec(text) ?? [];
    if (first === "") return [];
    return Array.from({ length: Math.max(1, Number(last) - Number(first) + 1) }, (_, index) => ({ port: Number(first) + index, protocol, host: null }));
  });
  const joined = published.map(({ containerPort, protocol, hostAddress, hostPort }): Shown => ({ port: containerPort, protocol, host: { address: hostAddress, port: hostPort } }));
  const done: string[] = [];
  const open = new Map<string, Range>();
  const moved: string[] = [];
  for (const { port, protocol, host } of [...only, ...joined].sort(compare)) {
    if (host !== null && host.port !== port) {
      moved.push(`${hostPortText(host.address, host.port)}->${port}/${protocol}`);
      continue;
    }
    const key = host === null ? protocol : `${host.address}/${protocol}`;
    const range = open.get(key);
    if (range !== undefined && port === range.last + 1) {
      range.last = port;
      continue;
    }
    if (range !== undefined) done.push(rangeText(range));
    open.set(key, { address: host?.address ?? null, protocol, first: port, last: port });
  }
  return [...done, ...[...open.values()].map(rangeText), ...moved].join(", ");
}

function compare(a: Shown, b: Shown): number {
  const text = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return a.port - b.port || text(a.host?.address ?? "", b.host?.address ?? "") || (a.host?.port ?? 0) - (b.host?.port ?? 0) || text(a.protocol, b.protocol);
}

function rangeText({ address, protocol, first, last }: Range): string {
  const range = first === last ? `${first}` : `${first}-${last}`;
  return `${address === null ? range : `${hostPortText(address, range)}->${range}`}/${protocol}`;
}
