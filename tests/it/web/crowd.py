# Two thousand connections that ask nothing, or ask and read slowly. Those that are closed are opened again each second.
# Says "here" when all were opened once; ends with its standard input.
import resource, select, socket, sys

PORT, COUNT = int(sys.argv[1]), 2000
resource.setrlimit(resource.RLIMIT_NOFILE, (COUNT + 500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

OPENINGS = [
    b"",  # idle
    b"GET /health/live HTTP/1.1\r\nHost: h\r\nX: ",  # a head that never ends
    b"POST /api/v1/slos HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n",  # a body that never ends
    b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n" * 200,  # answers that are never read
    b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n",  # one request, and then nothing
]


def opened(index):
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.setblocking(False)
    stream.connect_ex(("127.0.0.1", PORT))
    return [stream, False]


def went_on(index, entry):
    """Whether the connection still stands after another byte of it."""
    stream, has_begun = entry
    kind = OPENINGS[index % len(OPENINGS)]
    try:
        if not has_begun:
            entry[1] = True
            return kind == b"" or stream.send(kind) > 0
        if index % len(OPENINGS) in (1, 2):
            return stream.send(b"x") > 0
        if index % len(OPENINGS) in (0, 4):
            return stream.recv(512) != b""
        return stream.send(b"G") > 0
    except BlockingIOError:
        return True
    except OSError:
        return False


crowd = [opened(index) for index in range(COUNT)]
print("here", flush=True)
while not select.select([sys.stdin], [], [], 1.0)[0]:
    for index, entry in enumerate(crowd):
        if not went_on(index, entry):
            entry[0].close()
            crowd[index] = opened(index)
