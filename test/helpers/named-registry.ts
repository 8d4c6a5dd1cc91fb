/**
 * A registry with TLS on 127.0.0.1:5443 that has one image of the base layer, and a name server on 127.0.0.1:53 that knows
 * registry.test alone: for a network namespace of a test's own. Argument: folder of the keys. Prints "ready".
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { archive } from "./archive.ts";
import { fakeImage, serveImage } from "./fake-registry.ts";
import { baseLayer } from "./stage.ts";

const [keys = ""] = process.argv.slice(2);
const image = fakeImage([archive(baseLayer())], { config: { Cmd: ["/bin/true"] } });
Bun.serve({
  hostname: "127.0.0.1", port: 5443, tls: { cert: readFileSync(join(keys, "server.crt")), key: readFileSync(join(keys, "server.key")) },
  fetch: (request) => serveImage(image, new URL(request.url).pathname) ?? new Response("{}", { status: 404 }),
});

const TYPE_A = 1;
/** A pointer to the question's name, type A, class IN, a minute, 127.0.0.1 (RFC 1035, 4.1). */
const ADDRESS = Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);

function answer(query: Buffer): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const known = labels.join(".") === "registry.test";
  const answers = known && query.readUInt16BE(at + 1) === TYPE_A ? [ADDRESS] : [];
  const head = Buffer.from(query.subarray(0, at + 5));
  [known ? 0x8180 : 0x8183, 1, answers.length, 0, 0].forEach((word, index) => head.writeUInt16BE(word, 2 + index * 2));
  return Buffer.concat([head, ...answers]);
}

await Bun.udpSocket({
  hostname: "127.0.0.1", port: 53,
  socket: { data: (socket, query, port, address) => void socket.send(answer(query), port, address) },
});
console.log("ready");
