/** Published ports that a container's monitor serves beside the kernel's table (engine/network/proxy.ts), when its networks change while it runs. */
import { closeSync } from "node:fs";
import { familyOf } from "../../network/port-maps.ts";
import { turnProxy } from "../../runtime/proxy.ts";
import type { Container } from "../../store/containers.ts";
import { heldPorts } from "../../store/ports.ts";
import type { Context } from "../context.ts";
import { connectMonitor } from "../end/end.ts";
import { addressTexts } from "../network/names.ts";
import { gatewaysOf, publishedBy } from "../network/routes.ts";
import type { LiveSeat } from "../network/seat.ts";

/** They lead to the network of its default route, as the others do (engine/network/leading.ts). Whatever was said before may be said again. */
export function turnServed(context: Context, container: Container, seats: readonly LiveSeat[]): void {
  if (!heldPorts(context.database(), container.id).some(({ hostAddress }) => familyOf(hostAddress) === "ipv6")) return;
  const seat = publishedBy(gatewaysOf(seats));
  const { ipv4, ipv6 } = seat === null ? { ipv4: null, ipv6: null } : addressTexts(seat.connection);
  const monitor = connectMonitor(context, container);
  if (monitor === null) return;
  try {
    turnProxy(monitor.socket, ipv6 ?? ipv4);
  } finally {
    closeSync(monitor.socket);
  }
}
