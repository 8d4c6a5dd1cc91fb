/** A container that others find by name is given a resolver: its monitor, once the namespace is on its networks (shim/resolver.zig). */
import { closeSync, writeFileSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { leadToResolver } from "../../network/resolver.ts";
import { enterNamespace } from "../../runtime/netlink.ts";
import { offerResolver, sendResolver } from "../../runtime/resolver.ts";
import { removeView } from "../../runtime/names.ts";
import type { Container } from "../../store/containers.ts";
import { storePaths } from "../../store/paths.ts";
import { portOf } from "../../sys/inet.ts";
import { NetlinkSocket } from "../../sys/netlink.ts";
import type { Begun } from "./begin.ts";
import type { Context } from "../context.ts";
import { connectMonitor } from "../end/end.ts";
import { hasResolver, resolvOf } from "../network/files.ts";
import { announce, writeNameView } from "../network/names.ts";
import type { Seat } from "../network/seat.ts";
import { resolverPort, type Way } from "../network/ways.ts";

/** Descriptors that init sent of its network namespace; `firewall` is missing where the kernel has no nf_tables there. */
export interface ResolverDescriptors {
  readonly udp: number;
  readonly tcp: number;
  readonly firewall: number | undefined;
}

/** Between `created` and `go`. `upstream`: who is asked for names that are not its networks'. Throws MdkError "no-resolver". */
export function giveResolver(context: Context, { container, reservation, connections }: Begun, channel: number, { udp, tcp, firewall }: ResolverDescriptors, upstream: readonly string[]): void {
  const led = resolverPort(reservation.way) !== 0 ? "there" : firewall === undefined ? "unsupported" : leadToResolver(new NetlinkSocket(firewall), { udp: portOf(udp), tcp: portOf(tcp) });
  if (led === "unsupported") {
    throw new MdkError("unsupported", "no-resolver", "the container's network namespace has no nf_tables with nat, by which names are looked up on networks that users make", {
      hint: "modprobe nf_tables nft_chain_nat; on the network bridge nobody is looked up",
    });
  }
  writeNameView(context, container.id, reservation.seats, upstream);
  sendResolver(channel, context.runRoot, container.id, { udp, tcp });
  reservation.seats.forEach(({ network, settings }, index) => announce(context, container, network, settings, connections[index]!));
}

/** Networks of a running container, as they are now and as they were. */
interface Change {
  readonly way: Way;
  readonly seats: readonly Seat[];
  readonly before: readonly Seat[];
}

/**
 * Its monitor answers by the networks that it is on now. One that is on none that its user made keeps a resolver that knows nobody; the monitor of
 * an older mdk cannot be one, and the container goes on asking whom it asked.
 */
export function renewResolver(context: Context, container: Container, openNamespace: () => number, { way, seats, before }: Change): void {
  if (!hasResolver(seats) && !hasResolver(before)) return;
  const { text, upstream } = resolvOf(container.host, seats);
  writeNameView(context, container.id, seats, upstream);
  if (!hasResolver(before) && !offer(context, container, openNamespace, way)) return removeView(context.runRoot, container.id);
  writeFileSync(`${storePaths(context.root).container(container.id)}/resolv.conf`, text);
}

/** False: it cannot be one. The sockets are made in its namespace, and taken by its monitor, unless it has some already: of a network that it was on before. */
function offer(context: Context, container: Container, openNamespace: () => number, way: Way): boolean {
  const monitor = connectMonitor(context, container);
  if (monitor === null) throw hasEnded(container);
  const opened = [monitor.socket];
  try {
    const namespace = openNamespace();
    opened.push(namespace);
    const port = resolverPort(way);
    const sockets = enterNamespace(context.runRoot, namespace, [{ resolverPort: port }, ...(port === 0 ? ["netfilter" as const] : [])]);
    if (sockets === null) throw hasEnded(container);
    opened.push(...sockets);
    const [udp, tcp, firewall] = sockets as [number, number, number | undefined];
    const taken = offerResolver(monitor.socket, context.runRoot, container.id, { udp, tcp });
    if (taken === true && firewall !== undefined) leadToResolver(new NetlinkSocket(firewall), { udp: portOf(udp), tcp: portOf(tcp) });
    return taken !== null;
  } finally {
    opened.forEach((descriptor) => closeSync(descriptor));
  }
}

const hasEnded = ({ id }: Container): MdkError => new MdkError("unavailable", "container-ended", `container ${id} has ended meanwhile`);
