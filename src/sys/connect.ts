/** Whether somebody takes a TCP connection. */

/** False after `timeoutMs`, too. The connection is closed at once. */
export async function answers(address: string, port: number, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  try {
    const connecting = Bun.connect({
      hostname: address, port,
      socket: { open: (socket) => (resolve(true), void socket.end()), data: () => {}, error: () => resolve(false), connectError: () => resolve(false) },
    });
    connecting.catch(() => resolve(false));
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
