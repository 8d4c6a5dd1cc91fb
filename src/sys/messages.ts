/** The messages of a socket of type SOCK_SEQPACKET, as they come, with the event loop. */

/**
 * `take` gets one message a call, `over` is called when the other end is closed. The descriptor is the event loop's from now on: it closes it, at the end
 * or when it is told to terminate.
 */
export async function receiveMessages(descriptor: number, take: (bytes: Uint8Array) => void, over: () => void): Promise<{ terminate(): void }> {
  return await Bun.connect({
    // Not in Bun's types: an existing descriptor instead of an address.
    ...({ fd: descriptor } as unknown as { unix: string }),
    socket: { data: (_socket, bytes) => take(bytes), close: over, end: over, error: over },
  });
}
