/**
 * What a step has for an SSH agent: it may ask which keys there are, and have something signed (draft-miller-ssh-agent, 4.4 and 4.5). Whatever else it asks, to take
 * keys away, to add some, to lock the agent, is refused before the user's agent hears of it, as BuildKit refuses it.
 */
import type { Readable, Writable } from "node:stream";
import { connectTo, listenAt } from "../../../sys/unix-socket.ts";
import type { AgentSource } from "../request.ts";
import { readPrivateKey, type AgentKey } from "./private-key.ts";
import { string, uint32, WireReader } from "./wire.ts";

const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const ALLOWED: ReadonlySet<number | undefined> = new Set([REQUEST_IDENTITIES, SIGN_REQUEST]);

/** OpenSSH's bound of a message (AGENT_MAX_LEN). */
const MESSAGE_MAX = 256 << 10;

/** Answers one message with one, both with their type in front; one after the other. */
interface Session {
  ask(message: Buffer): Promise<Buffer>;
  close(): void;
}

/** Listens at `path` until it is closed. Throws node's errors, and "ssh-key". */
export async function serveAgent(path: string, source: AgentSource): Promise<{ close(): void }> {
  const open = source.kind === "socket" ? () => upstream(source.path) : own(source.paths.map(readPrivateKey));
  return await listenAt(path, async (client) => {
    const session = open();
    try {
      for await (const message of messages(client)) send(client, ALLOWED.has(message[0]) ? await session.ask(message) : Buffer.of(FAILURE));
    } finally {
      session.close();
    }
  });
}

/** Whole ones, as they come. It ends with one that is too long, and with what ends within one. */
async function* messages(stream: Readable): AsyncGenerator<Buffer, void> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const length = held.readUInt32BE(0);
      if (length === 0 || length > MESSAGE_MAX) return;
      if (held.length < 4 + length) break;
      yield held.subarray(4, 4 + length);
      held = held.subarray(4 + length);
    }
  }
}

function send(stream: Writable, message: Buffer): void {
  stream.write(Buffer.concat([uint32(message.length), message]));
}

/** The user's own agent, by a connection for each of the step's. */
function upstream(path: string): Session {
  const socket = connectTo(path);
  const answers = messages(socket);
  return {
    ask: async (message) => {
      send(socket, message);
      const answer = await answers.next();
      return answer.done === true ? Buffer.of(FAILURE) : answer.value;
    },
    close: () => socket.destroy(),
  };
}

/** Keys that this process holds itself. */
function own(keys: readonly AgentKey[]): () => Session {
  const answer = (message: Buffer): Buffer => {
    if (message[0] === REQUEST_IDENTITIES) return Buffer.concat([Buffer.of(IDENTITIES_ANSWER), uint32(keys.length), ...keys.flatMap(({ publicKey, comment }) => [string(publicKey), string(comment)])]);
    const reader = new WireReader(message.subarray(1));
    const [publicKey, data, flags] = [reader.string(), reader.string(), reader.uint32()];
    const key = keys.find((one) => one.publicKey.equals(publicKey));
    return key === undefined ? Buffer.of(FAILURE) : Buffer.concat([Buffer.of(SIGN_RESPONSE), string(key.sign(data, flags))]);
  };
  return () => ({ ask: async (message) => answer(message), close() {} });
}
