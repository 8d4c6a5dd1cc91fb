/**
 * Questions for names by the thousand, and bytes that are none; executed in a container's network namespace. Prints one JSON object.
 *
 *     burst NAME COUNT SECONDS   COUNT queries at once; how many were answered within the time, by response code
 *     loop NAME COUNT            one after the other; median and 99th percentile in µs
 *     noise COUNT                random bytes and damaged queries, and every hundredth of them by TCP, as it comes
 *     hold COUNT SECONDS         TCP connections that say nothing
 */
import { RESOLVER } from "../../src/network/resolv.ts";

const PORT = 53;
const BURST_EACH = 50;

function query(id: number, name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  return Buffer.concat([Buffer.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0), ...labels, Buffer.of(0, 0, 1, 0, 1)]);
}

async function burst(name: string, count: number, seconds: number): Promise<unknown> {
  const codes: Record<number, number> = {};
  const { promise, resolve } = Promise.withResolvers<void>();
  const answered = new Set<number>();
  // As many programs would: the answers must find room in their sockets.
  const sockets = await Promise.all(Array.from({ length: Math.ceil(count / BURST_EACH) }, () => Bun.udpSocket({
    connect: { hostname: RESOLVER, port: PORT },
    socket: {
      data: (_socket, bytes) => {
        answered.add(bytes.readUInt16BE(0));
        codes[bytes[3]! & 15] = (codes[bytes[3]! & 15] ?? 0) + 1;
        if (answered.size === count) resolve();
      },
    },
  })));
  const start = Bun.nanoseconds();
  for (let id = 0; id < count; id++) sockets[id % sockets.length]!.send(query(id, name.replace("*", String(id))));
  const timer = setTimeout(resolve, seconds * 1000);
  await promise;
  clearTimeout(timer);
  for (const socket of sockets) socket.close();
  return { answered: answered.size, codes, ms: Math.round((Bun.nanoseconds() - start) / 1e6) };
}

async function loop(name: string, count: number): Promise<unknown> {
  let heard: () => void = () => {};
  const socket = await Bun.udpSocket({ connect: { hostname: RESOLVER, port: PORT }, socket: { data: () => heard() } });
  const times: number[] = [];
  for (let id = 0; id < count; id++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    heard = resolve;
    const start = Bun.nanoseconds();
    socket.send(query(id & 0xffff, name));
    await promise;
    times.push((Bun.nanoseconds() - start) / 1000);
  }
  socket.close();
  times.sort((left, right) => left - right);
  return { median: Math.round(times[count >> 1]!), p99: Math.round(times[Math.floor(count * 0.99)]!) };
}

async function noise(count: number): Promise<unknown> {
  const socket = await Bun.udpSocket({ connect: { hostname: RESOLVER, port: PORT }, socket: { data: () => {} } });
  for (let round = 0; round < count; round++) {
    const bytes = round % 2 === 0 ? query(round, "../../etc/passwd.web") : Buffer.alloc(Math.floor(Math.random() * 1500));
    if (round % 2 === 1) crypto.getRandomValues(bytes);
    else for (let change = 0; change < 3; change++) bytes[Math.floor(Math.random() * bytes.length)] = Math.floor(Math.random() * 256);
    socket.send(bytes);
    if (round % 64 === 0) await Bun.sleep(0);
    if (round % 100 === 0) await Bun.connect({ hostname: RESOLVER, port: PORT, socket: { data: () => {}, open: (connection) => (connection.write(bytes), void connection.end()) } });
  }
  socket.close();
  return { sent: count };
}

async function hold(count: number, seconds: number): Promise<unknown> {
  const sockets = await Promise.all(Array.from({ length: count }, () => Bun.connect({ hostname: RESOLVER, port: PORT, socket: { data: () => {} } })));
  console.log("held");
  await Bun.sleep(seconds * 1000);
  for (const socket of sockets) socket.terminate();
  return { held: sockets.length };
}

const [mode, ...words] = process.argv.slice(2);
const number = (index: number): number => Number(words[index]);
const results = {
  burst: () => burst(words[0]!, number(1), number(2)), loop: () => loop(words[0]!, number(1)), noise: () => noise(number(0)), hold: () => hold(number(0), number(1)),
} as const;
console.log(JSON.stringify(await results[mode as keyof typeof results]()));
