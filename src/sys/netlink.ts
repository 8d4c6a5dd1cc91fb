/**
 * Netlink sockets (netlink(7)): requests out, answers and errors back. The kernel handles a request inside send(2), so that
 * every answer is queued when it returns: nothing here ever waits. Messages are built in network/.
 */
import { closeSync } from "node:fs";
import { E } from "./errno.ts";
import { check, errno, libc, SysError } from "./ffi.ts";

const symbols = libc({
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  recvfrom: { args: ["i32", "ptr", "u64", "i32", "ptr", "ptr"], returns: "i64" },
});

/** A request without its sequence number, and what to call it when the kernel refuses it. */
export interface NetlinkMessage {
  /** struct nlmsghdr and payload, padded to 4 bytes. */
  readonly bytes: Uint8Array;
  /** "RTM_NEWLINK". */
  readonly call: string;
  /** "mdk-1a2b3c". */
  readonly object: string;
}

/** The payload of one answer, header excluded. */
export interface NetlinkReply {
  readonly type: number;
  readonly payload: DataView;
}

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

// include/uapi/linux/netlink.h
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
/** Less than any kernel has for a socket (net.core.wmem_default). */
const SEND_BYTES = 64 * 1024;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const AF_NETLINK = 16;
const MSG_DONTWAIT_TRUNC = 0x40 | 0x20;
const HEADER = 16;
/** A dump fills its datagrams up to 32 KiB (netlink_dump); an answer that is longer is an error, not cut. */
const RECEIVE_BYTES = 64 * 1024;
const DUMP_TRIES = 5;

export class NetlinkSocket {
  readonly fd: number;
  private sequence = 0;
  private readonly sender = new Uint8Array(12);
  private readonly senderLength = new Uint32Array(1);
  private readonly buffer = new Uint8Array(RECEIVE_BYTES);

  /** A socket that was opened elsewhere, such as in another network namespace: its owner from now on. */
  constructor(fd: number) {
    this.fd = fd;
    const on = new Int32Array([1]);
    // These only better the errors; absent before Linux 4.12.
    symbols().setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, on, 4);
    symbols().setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, on, 4);
    // A dump answers to what its header asks for, and not with everything (Linux 4.20).
    symbols().setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, on, 4);
  }

  /**
   * Sends the messages as one datagram; they are carried out in order, each whatever became of the others (within a
   * transaction of nf_tables: all or none). Returns the answers that are no acknowledgement. Throws the SysError of the first
   * message that failed, with the kernel's own explanation where it gives one.
   */
  request(messages: readonly NetlinkMessage[]): NetlinkReply[] {
    const first = this.transmit(messages);
    const replies: NetlinkReply[] = [];
    let failure: SysError | null = null;
    for (let datagram = this.receive(); datagram !== null; datagram = this.receive()) {
      for (const { sequence, type, flags, payload } of split(datagram)) {
        if (sequence < first || sequence > this.sequence) continue;
        if (type === NLMSG_ERROR) failure ??= toError(payload, flags, messages[sequence - first]);
        else if (type !== NLMSG_DONE) replies.push({ type, payload });
      }
    }
    if (failure !== null) throw failure;
    return replies;
  }

  /**
   * Sends questions as one datagram, each of which has one answer and asks for no acknowledgement. Returns the answers; null: what is asked
   * for is not there (the error `missing`). Throws the SysError of the first that failed otherwise.
   */
  ask(questions: readonly NetlinkMessage[], missing: number = E.ENOENT): (NetlinkReply | null)[] {
    const first = this.transmit(questions);
    const answers = new Map<number, NetlinkReply | SysError | null>();
    for (let datagram = null; answers.size < questions.length && (datagram = this.receive()) !== null; ) {
      for (const { sequence, type, flags, payload } of split(datagram)) {
        if (sequence < first) continue;
        const isMissing = type === NLMSG_ERROR && -payload.getInt32(0, true) === missing;
        answers.set(sequence - first, type !== NLMSG_ERROR ? { type, payload } : isMissing ? null : toError(payload, flags, questions[sequence - first]));
      }
    }
    return questions.map((_, index) => {
      const answer = answers.get(index) ?? null;
      if (answer instanceof SysError) throw answer;
      return answer;
    });
  }

  /** All answers to a dump (NLM_F_DUMP). Repeated when the table changed meanwhile; throws SysError. */
  dump(message: NetlinkMessage): NetlinkReply[] {
    for (let attempt = 1; ; attempt++) {
      const { replies, interrupted } = this.dumpOnce(message);
      if (!interrupted || attempt === DUMP_TRIES) return replies;
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  private dumpOnce(message: NetlinkMessage): { replies: NetlinkReply[]; interrupted: boolean } {
    const own = this.transmit([message]);
    const replies: NetlinkReply[] = [];
    let interrupted = false;
    for (;;) {
      const datagram = this.receive();
      if (datagram === null) throw new SysError(message.call, E.EIO, `${message.object} (the dump ended early)`);
      for (const { sequence, type, flags, payload } of split(datagram)) {
        if (sequence !== own) continue;
        if ((flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (type === NLMSG_DONE) return { replies, interrupted };
        if (type === NLMSG_ERROR) {
          const failure = toError(payload, flags, message);
          if (failure !== null) throw failure;
          return { replies, interrupted };
        }
        replies.push({ type, payload });
      }
    }
  }

  /** Numbers the messages and sends them. Returns the number of the first. */
  private transmit(messages: readonly NetlinkMessage[]): number {
    const first = this.sequence + 1;
    const bytes = new Uint8Array(messages.reduce((sum, message) => sum + message.bytes.length, 0));
    const view = new DataView(bytes.buffer);
    let offset = 0;
    for (const message of messages) {
      bytes.set(message.bytes, offset);
      view.setUint32(offset + 8, ++this.sequence, true);
      offset += message.bytes.length;
    }
    // What waits in a socket's buffer must fit into it (netlink_sendmsg): a long transaction needs a larger one.
    if (bytes.length > SEND_BYTES) symbols().setsockopt(this.fd, SOL_SOCKET, SO_SNDBUFFORCE, new Int32Array([bytes.length]), 4);
    const sent = check(symbols().send(this.fd, bytes, bytes.length, 0), messages[0]?.call ?? "send", messages[0]?.object);
    if (sent !== bytes.length) throw new SysError("send", E.EMSGSIZE, "netlink");
    return first;
  }

  /** The next datagram of the kernel, or null. Other senders are not listened to: their port number is not 0. */
  private receive(): Uint8Array<ArrayBuffer> | null {
    for (;;) {
      const { buffer } = this;
      this.senderLength[0] = this.sender.length;
      const length = Number(
        symbols().recvfrom(this.fd, buffer, buffer.length, MSG_DONTWAIT_TRUNC, this.sender, this.senderLength),
      );
      if (length === -1) {
        const code = errno();
        if (code === E.EAGAIN) return null;
        if (code === E.EINTR) continue;
        throw new SysError("recvfrom", code, "netlink");
      }
      if (length > buffer.length) throw new SysError("recvfrom", E.EMSGSIZE, "netlink");
      if (new DataView(this.sender.buffer).getUint32(4, true) === 0) return buffer.slice(0, length);
    }
  }
}

/** Opens a socket in the caller's network namespace. Throws SysError: EPROTONOSUPPORT where the kernel lacks the protocol. */
export function openNetlink(protocol: typeof NETLINK_ROUTE | typeof NETLINK_NETFILTER): NetlinkSocket {
  return new NetlinkSocket(check(symbols().socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), "socket", "AF_NETLINK"));
}

interface Answer extends NetlinkReply {
  readonly sequence: number;
  readonly flags: number;
}

function split(datagram: Uint8Array<ArrayBuffer>): Answer[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const answers: Answer[] = [];
  for (let offset = 0; offset + HEADER <= datagram.length; ) {
    const length = view.getUint32(offset, true);
    if (length < HEADER || offset + length > datagram.length) break;
    answers.push({
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      payload: new DataView(datagram.buffer, datagram.byteOffset + offset + HEADER, length - HEADER),
    });
    offset += (length + 3) & ~3;
  }
  return answers;
}

/** struct nlmsgerr: the error, the request's header (and all of it unless capped), then attributes. Null: success. */
function toError(payload: DataView, flags: number, message: NetlinkMessage | undefined): SysError | null {
  const code = -payload.getInt32(0, true);
  if (code === 0) return null;
  const text = explanation(payload, flags);
  const object = message?.object ?? "";
  return new SysError(message?.call ?? "netlink", code, text === "" ? object : `${object} (${text})`);
}

function explanation(payload: DataView, flags: number): string {
  if ((flags & NLM_F_ACK_TLVS) === 0) return "";
  const request = (flags & NLM_F_CAPPED) !== 0 ? HEADER : payload.getUint32(4, true);
  for (let offset = 4 + ((request + 3) & ~3); offset + 4 <= payload.byteLength; ) {
    const length = payload.getUint16(offset, true);
    if (length < 4 || offset + length > payload.byteLength) return "";
    if (payload.getUint16(offset + 2, true) === NLMSGERR_ATTR_MSG) {
      return Buffer.from(payload.buffer, payload.byteOffset + offset + 4, length - 5).toString();
    }
    offset += (length + 3) & ~3;
  }
  return "";
}
