"""A DNS server and an HTTPS server on loopback with which a domain publishes its mail servers."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import trustme

Records = Mapping[tuple[str, str], list[str]]  # (name without the last dot, kind) → texts


@contextlib.contextmanager
def dns_server(records: Records) -> Iterator[tuple[str, int]]:
    """Answer over UDP from `records`, and with NXDOMAIN for everything else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_answer, args=(link, records))
        thread.start()
        try:
            yield link.getsockname()
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"stop", link.getsockname())
            thread.join(10)


def _answer(link: socket.socket, records: Records) -> None:
    while True:
        data, client = link.recvfrom(4096)
        if data == b"stop":
            return
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = question.rdtype.name
        texts = records.get((question.name.to_text(omit_final_dot=True).lower(), kind))
        answer = dns.message.make_response(query)
        if texts is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *texts))
        link.sendto(answer.to_wire(), client)


@contextlib.contextmanager
def https_server(
    folder: Path,
    host: str,
    files: Mapping[str, bytes],
    place: tuple[str, int] = ("127.0.0.1", 0),
) -> Iterator[tuple[int, Path]]:
    """Serve files by path, ignoring queries; yields the port and the certificate authority."""
    authority = trustme.CA()
    ca_file = folder / "https-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path.partition("?")[0])
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(place, Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1], ca_file
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def autoconfig(imap_port: int, smtp_port: int) -> bytes:
    """A configuration file with an IMAP server on localhost, and an SMTP server."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="office.test">
    <domain>office.test</domain>
    <incomingServer type="imap">
      <hostname>localhost</hostname>
      <port>{imap_port}</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>localhost</hostname>
      <port>{smtp_port}</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </outgoingServer>
  </emailProvider>
</clientConfig>
""".encode()
