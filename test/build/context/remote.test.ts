/** Addresses that a build fetches from. */
import { expect, test } from "bun:test";
import { parseRemote, withoutPasswords } from "../../../src/build/context/remote.ts";

test("addresses are shown without passwords, and without the names that may be tokens", () => {
  const shown: readonly [string, string][] = [
    ["http://user:SECRET@host/x.git", "http://host/x.git"], ["https://TOKEN@host:1/x#main:sub", "https://host:1/x#main:sub"], ["HTTPS://u:SEC@RET@host/", "HTTPS://host/"],
    ["ssh://git:SECRET@host/x", "ssh://git@host/x"], ["ssh://git@host/x", "ssh://git@host/x"], ["git@host:x.git", "git@host:x.git"],
    ["ADD http://u:SECRET@a/b https://c/d@e /x", "ADD http://a/b https://c/d@e /x"], ["unable to access 'http://u:SECRET@a/b/': no", "unable to access 'http://a/b/': no"],
    ["http://host/a?mail=b@c", "http://host/a?mail=b@c"],
  ];
  for (const [text, clean] of shown) expect(withoutPasswords(text)).toBe(clean);
  expect(() => parseRemote("http://user:SEC/RET@host/x.git")).toThrow('invalid URL "http://host/x.git"');
  expect(() => parseRemote("http://user:SECRET@ho st/x")).toThrow('invalid URL "http://ho st/x"');
});
