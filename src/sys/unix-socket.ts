/** Stream sockets of the file system (unix(7)), in this process. */
import { connect, createServer, type Socket } from "node:net";

/**
 * Listens at `path`, where nothing is yet; each connection lasts as long as `serve` does. The file stays when it is closed, which ends what is still open: its
 * maker removes it. Throws node's errors.
 */
export async function listenAt(path: string, serve: (client: Socket) => Promise<void>): Promise<{ close(): void }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    // Who fails is gone: nobody else can hear of it.
    client.on("error", () => client.destroy()).on("close", () => open.delete(client));
    serve(client).catch(() => {}).finally(() => client.destroy());
  });
  await new Promise<void>((done, fail) => server.on("error", fail).listen(path, done));
  return {
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** A connection that is being made: what goes wrong ends it, and whoever reads from it sees that. */
export function connectTo(path: string): Socket {
  const socket = connect(path);
  return socket.on("error", () => socket.destroy());
}
