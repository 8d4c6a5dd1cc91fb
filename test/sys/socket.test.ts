/** Unix sockets: messages, descriptors, names in deep directories. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memfd } from "../../src/sys/memfd.ts";
import {
  connectUnix, listenUnix, receiveWithDescriptors, sendWithDescriptors, socketpair,
} from "../../src/sys/socket.ts";

const directory = mkdtempSync(join(tmpdir(), "mdk-socket-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("descriptors and bytes cross a pair together", () => {
  const [left, right] = socketpair();
  const file = memfd("test", Buffer.from("hello"));
  sendWithDescriptors(left, Buffer.from("abc"), [file, file]);
  closeSync(file);
  const { bytes, descriptors } = receiveWithDescriptors(right, 100, 10);
  expect(Buffer.from(bytes).toString()).toBe("abc");
  expect(descriptors.length).toBe(2);
  const text = Buffer.alloc(10);
  expect(readSync(descriptors[0] as number, text, 0, 10, 0)).toBe(5);
  for (const fd of [...descriptors, left]) closeSync(fd);
  expect(receiveWithDescriptors(right, 100, 10)).toEqual({ bytes: Buffer.alloc(0), descriptors: [] });
  closeSync(right);
});

test("a message that does not fit is refused and leaves no descriptor open", () => {
  const [left, right] = socketpair();
  sendWithDescriptors(left, Buffer.from("abcdef"), []);
  expect(() => receiveWithDescriptors(right, 3, 0)).toThrow("message too long");
  sendWithDescriptors(left, Buffer.from("abc"), [left, left, left]);
  expect(() => receiveWithDescriptors(right, 3, 1)).toThrow("message too long");
  closeSync(left);
  closeSync(right);
});

test("sending to a closed peer is EPIPE, not a signal", () => {
  const [left, right] = socketpair();
  closeSync(right);
  expect(() => sendWithDescriptors(left, Buffer.from("x"), [])).toThrow("broken pipe");
  closeSync(left);
});

test("a listener in a directory whose path is longer than a socket address is reached by name, by its owner only", () => {
  const deep = join(directory, "d".repeat(120));
  mkdirSync(deep);
  const dir = openSync(deep, "r");
  const listener = listenUnix(dir, "attach");
  expect(statSync(join(deep, "attach")).mode & 0o777).toBe(0o600);
  const client = connectUnix(dir, "attach", 2000);
  expect(() => listenUnix(dir, "attach")).toThrow("address already in use");
  closeSync(client);
  // A listener that accepts nobody: its backlog (64) is filled, then one more is not waited for without end.
  const waiting = Array.from({ length: 64 }, () => connectUnix(dir, "attach", 50));
  const began = performance.now();
  expect(() => waiting.push(connectUnix(dir, "attach", 50), connectUnix(dir, "attach", 50))).toThrow("resource temporarily unavailable");
  expect(performance.now() - began).toBeLessThan(2000);
  for (const descriptor of waiting) closeSync(descriptor);
  closeSync(listener);
  expect(() => connectUnix(dir, "attach", 2000)).toThrow("connection refused");
  expect(() => connectUnix(dir, "absent", 2000)).toThrow("no such file");
  closeSync(dir);
});
