/** A socket in the place of another one, for who may not open that. */
import { connect, createServer, type Socket } from "node:net";

/**
 * Listens at `path`, where nothing is yet, and passes on what comes to the socket at `to`, both ways, connection by connection. The file stays when it is
 * closed: its maker removes it. Throws node's errors.
 */
export async function relaySocket(path: string, to: string): Promise<{ close(): void }> {
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    // Who fails closes; the other side hears of it by its end.
    socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const far = connect({ path: to, allowHalfOpen: true });
    for (const socket of [client, far]) keep(socket);
    client.pipe(far).on("close", () => client.destroy());
    far.pipe(client).on("close", () => far.destroy());
  });
  await new Promise<void>((done, fail) => server.on("error", fail).listen(path, done));
  return {
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
