/** Stands before a registry and counts what of its blobs goes to clients, as slowly as it is told to. For pulls only. */

/** One request for a blob. */
export interface Fetched {
  readonly digest: string;
  /** Offset that was asked for. */
  readonly from: number;
  /** Bytes handed to the connection so far: some of them may not have arrived where the client was killed. */
  sent: number;
}

export interface CountingProxy {
  /** "127.0.0.1:41234" */
  readonly host: string;
  readonly fetched: Fetched[];
  /** Of each request; Infinity: as fast as it goes. */
  bytesPerSecond: number;
  stop(): void;
}

const PIECE = 64 << 10;

export function countingProxy(registry: string): CountingProxy {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 60, fetch: (request) => answer(proxy, registry, request) });
  const proxy: CountingProxy = { host: `127.0.0.1:${server.port}`, fetched: [], bytesPerSecond: Infinity, stop: () => void server.stop(true) };
  return proxy;
}

async function answer(proxy: CountingProxy, registry: string, request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const [accept, range] = [request.headers.get("accept"), request.headers.get("range")];
  const digest = request.method === "GET" ? pathname.split("/blobs/")[1] : undefined;
  const one: Fetched = { digest: digest ?? "", from: Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0), sent: 0 };
  if (digest !== undefined) proxy.fetched.push(one);
  const theirs = await fetch(`http://${registry}${pathname}${search}`, { method: request.method, headers: { ...(accept === null ? {} : { accept }), ...(range === null ? {} : { range }) } });
  const headers = new Headers(theirs.headers);
  return new Response(digest === undefined || theirs.body === null ? theirs.body : counted(theirs.body, proxy, one), { status: theirs.status, headers });
}

function counted(body: ReadableStream<Uint8Array>, proxy: CountingProxy, one: Fetched): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let rest = new Uint8Array();
  return new ReadableStream({
    async pull(controller) {
      if (rest.length === 0) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        rest = new Uint8Array(value);
      }
      const piece = rest.subarray(0, PIECE);
      rest = rest.subarray(PIECE);
      if (proxy.bytesPerSecond !== Infinity) await Bun.sleep((piece.length * 1000) / proxy.bytesPerSecond);
      one.sent += piece.length;
      controller.enqueue(piece);
    },
    cancel: () => reader.cancel(),
  });
}
