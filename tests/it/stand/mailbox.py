"""An SMTP server with STARTTLS and AUTH that keeps every mail as a file: mailbox.py PORT DIR CERT KEY USER PASSWORD."""

import pathlib
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

port, directory, cert, key, user, password = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)


class Keeper:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        path = pathlib.Path(directory, f"{self.count}.part")
        path.write_bytes(envelope.content)
        path.rename(path.with_suffix(".eml"))
        return "250 kept"


def authenticate(server, session, envelope, mechanism, given):
    wanted = LoginPassword(user.encode(), password.encode())
    return AuthResult(success=given == wanted, handled=False)


Controller(
    Keeper(),
    hostname="127.0.0.1",
    port=int(port),
    tls_context=context,
    require_starttls=True,
    authenticator=authenticate,
    auth_required=True,
    auth_exclude_mechanism=["LOGIN"],
).start()
print("listening", flush=True)
threading.Event().wait()
