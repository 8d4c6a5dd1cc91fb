"""Both ends of connections through a published port. Prints one line for each thing that is asked of it.

  serve PORT            a server, TCP and UDP, of either family; says "up". The first line that comes over a connection says what it does:
                          who      sends the client's address, and then whatever comes, back
                          hash     reads to the end, then sends the SHA-256 of all that came
                          blob N   sends N bytes, then ends
                          mute     never reads
                          reset    resets the connection at once
                        a datagram comes back with the client's address before it
  who ADDRESS PORT      what the server sees
  hash ADDRESS PORT N   sends N bytes, ends its direction, and compares the hash
  blob ADDRESS PORT N   reads to the end and compares
  both ADDRESS PORT N   "who", N bytes in both directions at once
  many ADDRESS PORT N   N connections at once, each with its own word, all open until the last has its answer
  hold ADDRESS PORT N   N connections at once; says "held" when each has its answer, and keeps them
  fill ADDRESS PORT     sends to "mute" until nothing is taken any more; how many bytes that was; then vanishes (RST)
  reset ADDRESS PORT    how "reset" looks
  hang ADDRESS PORT     "who", then waits for what becomes of the connection
  ask ADDRESS PORT N    N datagrams from one socket, and what comes back, and from where
  flood ADDRESS PORT N  one datagram from each of N sockets; how many are answered
"""
import hashlib, select, socket, struct, sys, threading, time

CHUNK = bytes(range(256)) * 256


def bytes_of(count):
    whole, rest = divmod(count, len(CHUNK))
    for _ in range(whole):
        yield CHUNK
    yield CHUNK[:rest]


def digest_of(count):
    digest = hashlib.sha256()
    for part in bytes_of(count):
        digest.update(part)
    return digest.hexdigest()


def read_line(peer):
    line = b""
    while not line.endswith(b"\n"):
        byte = peer.recv(1)
        if not byte:
            break
        line += byte
    return line.decode().strip()


def read_all(peer):
    digest, count = hashlib.sha256(), 0
    while part := peer.recv(1 << 16):
        digest.update(part)
        count += len(part)
    return digest.hexdigest(), count


def abort(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def plain(name):
    return name[0].replace("::ffff:", "")


def serve_one(peer, name):
    words = read_line(peer).split()
    try:
        if words[0] == "who":
            peer.sendall(f"{plain(name)}\n".encode())
            while part := peer.recv(1 << 16):
                peer.sendall(part)
        elif words[0] == "hash":
            peer.sendall(f"{read_all(peer)[0]}\n".encode())
        elif words[0] == "blob":
            for part in bytes_of(int(words[1])):
                peer.sendall(part)
        elif words[0] == "mute":
            threading.Event().wait()
        elif words[0] == "reset":
            return abort(peer)
    except OSError:
        pass
    peer.close()


def serve(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    datagrams.bind(("::", port))

    def answer():
        while True:
            text, name = datagrams.recvfrom(1 << 16)
            datagrams.sendto(f"{plain(name)} ".encode() + text, name)

    threading.Thread(target=answer, daemon=True).start()
    print("up", flush=True)
    while True:
        peer, name = listener.accept()
        threading.Thread(target=serve_one, args=(peer, name), daemon=True).start()


def open_peer(address, port, command):
    peer = socket.create_connection((address, port), timeout=20)
    peer.sendall(f"{command}\n".encode())
    return peer


def who(address, port):
    return read_line(open_peer(address, port, "who"))


def hash_(address, port, count):
    peer = open_peer(address, port, "hash")
    for part in bytes_of(count):
        peer.sendall(part)
    peer.shutdown(socket.SHUT_WR)
    return "same" if read_line(peer) == digest_of(count) and peer.recv(1) == b"" else "other"


def blob(address, port, count):
    digest, got = read_all(open_peer(address, port, f"blob {count}"))
    return "same" if digest == digest_of(count) else f"other: {got}"


def both(address, port, count):
    peer = open_peer(address, port, "who")
    read_line(peer)

    def send():
        for part in bytes_of(count):
            peer.sendall(part)
        peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=send).start()
    return "same" if read_all(peer)[0] == digest_of(count) else "other"


def many(address, port, count):
    peers = [open_peer(address, port, "who") for _ in range(count)]
    for index, peer in enumerate(peers):
        peer.sendall(f"word {index}\n".encode())
    return sum(read_line(peer) != "" and read_line(peer) == f"word {index}" for index, peer in enumerate(peers))


def hold(address, port, count):
    peers = [open_peer(address, port, "who") for _ in range(count)]
    for peer in peers:
        read_line(peer)
    print("held", flush=True)
    threading.Event().wait()


def fill(address, port):
    peer = open_peer(address, port, "mute")
    peer.setblocking(False)
    sent = 0
    while select.select([], [peer], [], 2)[1]:
        sent += peer.send(CHUNK)
    abort(peer)
    return sent


def reset(address, port):
    try:
        return "end" if open_peer(address, port, "reset").recv(1) == b"" else "bytes"
    except OSError as error:
        return type(error).__name__


def hang(address, port):
    peer = open_peer(address, port, "who")
    print(read_line(peer), flush=True)
    try:
        return "end" if peer.recv(1) == b"" else "bytes"
    except OSError as error:
        return type(error).__name__


def ask(address, port, count):
    peer = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(2)
    answers = []
    for index in range(count):
        peer.sendto(f"word {index}".encode(), (address, port))
        text, name = peer.recvfrom(1 << 16)
        answers.append(f"{text.decode()} from {name[0]}")
    return ", ".join(answers)


def flood(address, port, count):
    peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for index, peer in enumerate(peers):
        peer.sendto(b"x" * (index % 1400), (address, port))
    answered, end = set(), time.monotonic() + 3
    while len(answered) < count and (left := end - time.monotonic()) > 0:
        answered.update(select.select([peer for peer in peers if peer not in answered], [], [], left)[0])
    return len(answered)


words = [int(word) if word.isdecimal() else word for word in sys.argv[2:]]
acts = {"serve": serve, "who": who, "hash": hash_, "blob": blob, "both": both, "many": many, "hold": hold, "fill": fill, "reset": reset, "hang": hang, "ask": ask, "flood": flood}
print(acts[sys.argv[1]](*words), flush=True)
