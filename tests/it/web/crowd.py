# Two thousand connections that ask nothing, or ask and read slowly. Those that are closed are opened again after 2 s.
# Says "here" when all were opened once; ends with its standard input.
import resource, select, socket, sys

PORT, COUNT = int(sys.argv[1]), 2000
resource.setrlimit(resource.RLIMIT_NOFILE, (COUNT + 500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

IDLE = b""
HEAD = b"GET /health/live HTTP/1.1\r\nHost: h\r\nX: "  # never ends
BODY = b"POST /api/v1/slos HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"  # never ends
UNREAD = b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n" * 4
ONCE = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"  # and then nothing
OPENINGS = [IDLE, HEAD, IDLE, BODY, IDLE, HEAD, IDLE, BODY, UNREAD, ONCE]


def opened():
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.setblocking(False)
    stream.connect_ex(("127.0.0.1", PORT))
    return [stream, False]


def went_on(index, entry):
    """Whether the connection still stands after another byte of it."""
    stream, has_begun = entry
    opening = OPENINGS[index % len(OPENINGS)]
    try:
        if not has_begun:
            entry[1] = True
            return opening == IDLE or stream.send(opening) > 0
        if opening in (HEAD, BODY):
            return stream.send(b"x") > 0
        return stream.recv(512) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


crowd = [opened() for _ in range(COUNT)]
print("here", flush=True)
while not select.select([sys.stdin], [], [], 2.0)[0]:
    for index, entry in enumerate(crowd):
        if not went_on(index, entry):
            entry[0].close()
            crowd[index] = opened()
