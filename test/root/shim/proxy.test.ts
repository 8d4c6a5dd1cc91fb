/** The proxy where the kernel knows no marks: connections are made from where the monitor is. Its usual way is in ../network/proxy.test.ts. */
import { afterEach, expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { listenServed, closeHeldPorts, holdPorts } from "../../../src/network/publish.ts";
import { sendProxy } from "../../../src/runtime/proxy.ts";
import { say } from "../../helpers/shim.ts";
import { closeContainers, container, shell } from "../../helpers/shim-container.ts";

afterEach(closeContainers);

test("without the container's namespace it serves all the same, and clients come as the host", async () => {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request, own) => new Response(`${own.requestIP(request)?.address} ${new URL(request.url).pathname}`) });
  const range = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 0, containerPort: 0, length: 1 } as const;
  const held = holdPorts(range, { room: 1, served: true, endpoint: "a" });
  try {
    const made = container({
      ...shell("sleep 100"),
      plan: (plan, d) => ({ ...plan, monitor: { ...plan.monitor, proxied: [{ socket: d.add(held.descriptors[0]!), datagrams: false, address: "127.0.0.1", port: server.port ?? 0, gateway: null }] } }),
    });
    for (const descriptor of made.next().descriptors) closeSync(descriptor);
    listenServed([held], "a");
    sendProxy(made.channel, null);
    closeHeldPorts(held);
    say(made.report, "g");
    made.next();
    expect(await (await fetch(`http://127.0.0.1:${held.range.hostPort}/page`)).text()).toBe("127.0.0.1 /page");
  } finally {
    await server.stop(true);
  }
});
