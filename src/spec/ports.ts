/** Published ports as the engine carries them out: Docker's PortBindings, flattened and checked. Pure. */
import { MdkError } from "../error.ts";
import type { PortBinding } from "./container.ts";

/** One port to publish. */
export interface PortRequest {
  readonly protocol: "tcp" | "udp";
  readonly containerPort: number;
  /** "0.0.0.0": every address. */
  readonly hostAddress: string;
  /** Candidates, tried in order; [0]: any free port. */
  readonly hostPorts: readonly number[];
}

const PORTS_MAX = 65535;

/** Throws MdkError for what no port is. */
export function parsePorts(bindings: Readonly<Record<string, readonly PortBinding[]>>): PortRequest[] {
  const requests: PortRequest[] = [];
  for (const [key, list] of Object.entries(bindings)) {
    const match = /^(\d{1,5})\/(tcp|udp)$/.exec(key);
    if (match === null || Number(match[1]) === 0 || Number(match[1]) > PORTS_MAX) throw new MdkError("invalid-port", `invalid containerPort: ${key}`);
    for (const binding of list) {
      requests.push({
        protocol: match[2] as "tcp" | "udp", containerPort: Number(match[1]),
        hostAddress: binding.HostIp === "" ? "0.0.0.0" : binding.HostIp, hostPorts: candidates(binding.HostPort),
      });
    }
  }
  return requests;
}

function candidates(text: string): number[] {
  if (text === "" || text === "0") return [0];
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first > PORTS_MAX || last > PORTS_MAX || last < first) throw new MdkError("invalid-port", `invalid hostPort: ${text}`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
