/** Private keys in files, as ssh-keygen writes them (openssh, PROTOCOL.key) or as PEM, and what is signed with them. */
import { createPrivateKey, sign, type JsonWebKeyInput, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { MdkError, messageOf } from "../../../error.ts";
import { number, string, WireReader } from "./wire.ts";

export interface AgentKey {
  /** As the wire has it (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4). */
  readonly publicKey: Buffer;
  readonly comment: string;
  /** `flags`: of a request to an agent (draft-miller-ssh-agent, 4.5.1). Returns algorithm and signature, as the wire has them. */
  sign(data: Uint8Array, flags: number): Buffer;
}

/** Throws MdkError "ssh-key": it cannot be read, is none, is of a kind that mdk does not know, or has a passphrase. */
export function readPrivateKey(path: string): AgentKey {
  try {
    const text = readFileSync(path, "latin1");
    const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END OPENSSH PRIVATE KEY-----/.exec(text)?.[1];
    if (body !== undefined) return openKey(Buffer.from(body, "base64"));
    if (/^(Proc-Type: 4,ENCRYPTED|-----BEGIN ENCRYPTED PRIVATE KEY-----)/m.test(text)) throw locked();
    return keyOf(createPrivateKey(text).export({ format: "jwk" }), "");
  } catch (error) {
    throw new MdkError("invalid", "ssh-key", `failed to read the SSH key ${path}: ${messageOf(error)}`, { cause: error, ...(error instanceof MdkError && error.hint !== null ? { hint: error.hint } : {}) });
  }
}

const locked = (): MdkError => new MdkError("unsupported", "ssh-key", "it has a passphrase", { hint: "add it to an agent (ssh-add), and give that" });
const unknown = (type: string): MdkError => new MdkError("unsupported", "ssh-key", `keys of the type ${type} are not supported`);

type JsonWebKey = JsonWebKeyInput["key"];

const MAGIC = "openssh-key-v1\0";

function openKey(bytes: Buffer): AgentKey {
  const reader = new WireReader(bytes);
  if (reader.take(MAGIC.length).toString("latin1") !== MAGIC) throw new MdkError("corrupt", "ssh-format", "it is no key of OpenSSH");
  const [cipher] = [reader.text(), reader.text(), reader.string()];
  if (cipher !== "none") throw locked();
  if (reader.uint32() !== 1) throw new MdkError("unsupported", "ssh-format", "it holds several keys");
  reader.string(); // the public one, which the private one has, too
  const secret = new WireReader(reader.string());
  if (secret.uint32() !== secret.uint32()) throw new MdkError("corrupt", "ssh-format", "its two check numbers differ");
  const jwk = jwkOf(secret.text(), secret);
  return keyOf(jwk, secret.text());
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

function jwkOf(type: string, reader: WireReader): JsonWebKey {
  if (type === "ssh-ed25519") {
    const x = text(reader.string());
    return { kty: "OKP", crv: "Ed25519", x, d: text(reader.string().subarray(0, 32)) };
  }
  if (type === "ssh-rsa") {
    const [n, e, d, qi, p, q] = [reader.number(), reader.number(), reader.number(), reader.number(), reader.number(), reader.number()];
    return { kty: "RSA", n: text(n), e: text(e), d: text(d), p: text(p), q: text(q), dp: text(modulo(d, p)), dq: text(modulo(d, q)), qi: text(qi) };
  }
  const curve = Object.values(CURVES).find(({ name }) => type === `ecdsa-sha2-${name}`);
  if (curve === undefined) throw unknown(type);
  reader.string();
  const point = reader.string();
  return { kty: "EC", crv: curve.crv, x: text(point.subarray(1, 1 + curve.bytes)), y: text(point.subarray(1 + curve.bytes)), d: text(padded(reader.number(), curve.bytes)) };
}

/** Of d by a prime less one: what Chinese remainders want, and the file leaves out. */
function modulo(d: Buffer, prime: Buffer): Buffer {
  const rest = (BigInt(`0x${d.toString("hex")}`) % (BigInt(`0x${prime.toString("hex")}`) - 1n)).toString(16);
  return Buffer.from(rest.length % 2 === 0 ? rest : `0${rest}`, "hex");
}

function padded(bytes: Buffer, length: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(0, length - bytes.length)), bytes]);
}

/** RFC 5656, 10.1: SSH's names, and the hash of each size. */
const CURVES = {
  "P-256": { crv: "P-256", name: "nistp256", hash: "sha256", bytes: 32 },
  "P-384": { crv: "P-384", name: "nistp384", hash: "sha384", bytes: 48 },
  "P-521": { crv: "P-521", name: "nistp521", hash: "sha512", bytes: 66 },
} as const;

function keyOf(jwk: JsonWebKey, comment: string): AgentKey {
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  const bytes = (member: "x" | "y" | "n" | "e"): Buffer => Buffer.from(jwk[member] as string, "base64url");
  if (jwk.kty === "OKP" && jwk.crv === "Ed25519") {
    return { comment, publicKey: Buffer.concat([string("ssh-ed25519"), string(bytes("x"))]), sign: (data) => Buffer.concat([string("ssh-ed25519"), string(sign(null, data, key))]) };
  }
  if (jwk.kty === "RSA") return { comment, publicKey: Buffer.concat([string("ssh-rsa"), number(bytes("e")), number(bytes("n"))]), sign: (data, flags) => signRsa(key, data, flags) };
  const curve = jwk.kty === "EC" && Object.hasOwn(CURVES, jwk.crv as string) ? CURVES[jwk.crv as keyof typeof CURVES] : null;
  if (curve === null) throw unknown(`${jwk.kty} ${jwk.crv ?? ""}`.trim());
  const type = string(`ecdsa-sha2-${curve.name}`);
  return {
    comment, publicKey: Buffer.concat([type, string(curve.name), string(Buffer.concat([Buffer.of(4), padded(bytes("x"), curve.bytes), padded(bytes("y"), curve.bytes)]))]),
    sign: (data) => {
      const both = sign(curve.hash, data, { key, dsaEncoding: "ieee-p1363" });
      return Buffer.concat([type, string(Buffer.concat([number(both.subarray(0, curve.bytes)), number(both.subarray(curve.bytes))]))]);
    },
  };
}

const RSA_SHA2_256 = 2;
const RSA_SHA2_512 = 4;

/** RFC 8332; without a flag the hash is the one of old, SHA-1. */
function signRsa(key: KeyObject, data: Uint8Array, flags: number): Buffer {
  const [name, hash] = (flags & RSA_SHA2_512) !== 0 ? ["rsa-sha2-512", "sha512"] : (flags & RSA_SHA2_256) !== 0 ? ["rsa-sha2-256", "sha256"] : ["ssh-rsa", "sha1"];
  return Buffer.concat([string(name!), string(sign(hash, data, key))]);
}
