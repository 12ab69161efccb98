# A bad cable between the devices `near` (the DHCP server's side) and `far`: carries frames both ways, and loses, doubles
# and holds back those of DHCP by a seeded dice. Says on standard output, a line each: "begins"; "ack ADDRESS MAC" for each
# acknowledgement that the server sends, whatever becomes of it; "lost", "twice", "late".
# Arguments: seed, percent lost, percent doubled, percent late, 1 = no acknowledgement arrives.
import heapq, random, select, socket, sys, time

seed, loss, twice, late, unacknowledged = map(int, sys.argv[1:6])
dice = random.Random(seed)


def port(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 0))
    return s


def dhcp(frame):
    """Where the DHCP message begins, if it is one."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    udp = 14 + (frame[14] & 15) * 4
    ports = int.from_bytes(frame[udp : udp + 2], "big"), int.from_bytes(frame[udp + 2 : udp + 4], "big")
    return udp + 8 if set(ports) <= {67, 68} else None


def kind(message):
    at = 240
    while at + 2 < len(message) and message[at] != 255:
        if message[at] == 0:
            at += 1
            continue
        if message[at] == 53:
            return message[at + 2]
        at += 2 + message[at + 1]
    return None


near, far = port("near"), port("far")
held, order = [], 0
print("begins")
while True:
    now = time.monotonic()
    while held and held[0][0] <= now:
        _, _, to, frame = heapq.heappop(held)
        to.send(frame)
    ready, _, _ = select.select([near, far], [], [], held[0][0] - now if held else None)
    for source in ready:
        frame, at = source.recvfrom(65535)
        if at[2] == socket.PACKET_OUTGOING:
            continue
        to, start = (far if source is near else near), dhcp(frame)
        if start is None:
            to.send(frame)
            continue
        # The kernel leaves the checksum to the card, and there is none: 0 says so (RFC 768).
        frame = frame[: start - 2] + b"\0\0" + frame[start:]
        message = frame[start:]
        if source is near and kind(message) == 5:
            print("ack", socket.inet_ntoa(message[16:20]), message[28:34].hex().upper())
            if unacknowledged:
                continue
        if dice.randrange(100) < loss:
            print("lost")
            continue
        copies = 1
        if dice.randrange(100) < twice:
            print("twice")
            copies = 2
        for _ in range(copies):
            wait = 0
            if dice.randrange(100) < late:
                print("late")
                wait = dice.uniform(0.001, 0.4)
            order += 1
            heapq.heappush(held, (time.monotonic() + wait, order, to, frame))
