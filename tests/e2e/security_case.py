"""What the tests of security share: certificates of a small authority, identities, servers with TLS,
and clients that say who they are."""
import hashlib
import json
import os
import pathlib
import secrets
import ssl
import subprocess
import time

import grpc

import newsprint_process as np

# Of the other tenant, whose traces nobody else may see.
SECRET_WORDS = ("beta-vault", "beta-article", "Zollikofen", "burglary")
ARTICLE = {"id": "abuse", "title": "Ferry runs aground", "body": "A ferry ran aground near the pier."}
READ_SECONDS = 30  # for a server to notice files: it looks twice a second


def new_token():
    return "np_" + secrets.token_urlsafe(32)


def hash_of(token):
    return hashlib.sha256(token.encode()).hexdigest()


class Authority:
    """Makes certificates in a folder; every one is a pair of paths, without their endings."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.name = name
        self._count = 0
        # What Python 3.13 insists on: the usage here, and whose key it is in each certificate.
        self._openssl("req", "-x509", *self._new_key(self.folder / name), "-subj", f"/CN={name}",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-days", "2", "-out", self.ca)

    @property
    def ca(self):
        return self.folder / f"{self.name}.pem"

    @staticmethod
    def _new_key(path):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{path}.key")

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def issue_for_seconds(self, common_name, seconds):
        """A certificate that expires so soon."""
        path = self.issue(common_name)
        end = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))
        (self.folder / "index").write_text("")
        (self.folder / "serial").write_text(f"{1000 + self._count}\n")
        (self.folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca=one\n[one]\ndatabase={self.folder}/index\nserial={self.folder}/serial\n"
            f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=any\nunique_subject=no\n"
            "[any]\ncommonName=supplied\n")
        self._openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.conf", "-cert", self.ca,
                      "-keyfile", self.folder / f"{self.name}.key", "-in", f"{path}.csr", "-enddate",
                      end, "-out", path)
        return path

    def issue(self, common_name, alternative_names="", days=2):
        """Returns the path of a certificate; its key has the same with .key behind. With days=0 it has expired;
        OpenSSL 3.5 makes none that ends before it begins."""
        self._count += 1
        path = self.folder / f"{self.name}-{self._count}"
        self._openssl("req", *self._new_key(path), "-subj", f"/CN={common_name}", "-out", f"{path}.csr")
        extensions = self.folder / f"{self.name}-{self._count}.ext"
        extensions.write_text("subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n" +
                              (f"subjectAltName={alternative_names}\n" if alternative_names else ""))
        self._openssl("x509", "-req", "-in", f"{path}.csr", "-CA", self.ca, "-CAkey",
                      self.folder / f"{self.name}.key", "-set_serial", str(self._count + 1), "-days",
                      str(days), "-extfile", extensions, "-out", path)
        return path

    def issue_server(self):
        return self.issue("newsprintd", "DNS:localhost,IP:127.0.0.1")


def replace_file(path, text):
    """At once, as those should who replace files of a running server."""
    fresh = pathlib.Path(f"{path}.new")
    fresh.write_bytes(text.encode() if isinstance(text, str) else text)
    os.replace(fresh, path)


class SecureProcess(np.NewsprintProcess):
    """A newsprintd with TLS."""

    def __init__(self, data_dir, root, *flags, **more):
        super().__init__(data_dir, *flags, **more)
        self.root = root  # PEM

    def channel(self, cert=None, options=()):
        key = cert and pathlib.Path(f"{cert}.key").read_bytes()
        credentials = grpc.ssl_channel_credentials(self.root, key,
                                                   cert and pathlib.Path(cert).read_bytes())
        return grpc.secure_channel(self.address, credentials, options=[*np.CHANNEL_OPTIONS, *options])


class _Details(grpc.ClientCallDetails):
    def __init__(self, details, metadata):
        self.method = details.method
        self.timeout = details.timeout
        self.metadata = [*(details.metadata or ()), *metadata]
        self.credentials = details.credentials
        self.wait_for_ready = getattr(details, "wait_for_ready", None)
        self.compression = getattr(details, "compression", None)


class _AddMetadata(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor,
                   grpc.StreamStreamClientInterceptor):
    def __init__(self, metadata):
        self._metadata = metadata

    def _go_on(self, go_on, details, request):
        return go_on(_Details(details, self._metadata), request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_stream = _go_on


def with_metadata(channel, *metadata):
    return grpc.intercept_channel(channel, _AddMetadata(metadata)) if metadata else channel


def bearer(token):
    return ("authorization", f"Bearer {token}")


class Identities:
    """An access file, and the tokens that only its users know."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.tokens = {}
        self.entries = {}

    def add(self, name, *grants, limits=None, certificate_names=None, token=True):
        entry = {"name": name}
        if token:
            self.tokens[name] = new_token()
            entry["token_sha256"] = [hash_of(self.tokens[name])]
        if certificate_names:
            entry["certificate_names"] = certificate_names
        entry["grants"] = [{"collections": collections, "role": role}
                           for collections, role in grants]
        if limits:
            entry["limits"] = limits
        self.entries[name] = entry

    def write(self):
        replace_file(self.path, json.dumps({"identities": list(self.entries.values())}, indent=1))
        return self.path


def retry_seconds(error):
    """The google.rpc.RetryInfo of a status, in seconds; None when it has none. Reads what it needs of
    the wire format: field 3 of the status is an Any, field 1 of that the type, 2 the message."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and b"google.rpc.RetryInfo" in value:
            inner = value[value.index(b"RetryInfo") + len(b"RetryInfo"):]
            delay = inner[4:4 + inner[3]] if inner[2] == 0x0a else b""
            seconds, nanos, at = 0, 0, 0
            while at < len(delay):
                tag, number, shift = delay[at], 0, 0
                at += 1
                while True:
                    number |= (delay[at] & 0x7f) << shift
                    shift += 7
                    at += 1
                    if delay[at - 1] < 0x80:
                        break
                if tag == 0x08:
                    seconds = number
                if tag == 0x10:
                    nanos = number
            return seconds + nanos / 1e9
    return None


def wait_until(condition, what):
    deadline = time.monotonic() + READ_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {READ_SECONDS} s: {what}")
        time.sleep(0.05)


def address(process):
    host, port = process.address.rsplit(":", 1)
    return host, int(port)


class RunningTestCase(np.ServerTestCase):
    """A server whose certificate and access file may be replaced."""

    def setUp(self):
        super().setUp()
        self.authority = Authority(self.folder, "news")
        self.cert = self.folder / "server.pem"
        self.install(self.authority.issue_server())
        self.people = Identities(self.folder / "access.json")
        self.people.add("alice", (["*"], "write"))
        self.people.add("bob", (["*"], "read"))
        self.people.write()
        self.process = SecureProcess(
            self.folder / "data", self.authority.ca.read_bytes(), f"--tls_cert={self.cert}",
            f"--tls_key={self.cert}.key", f"--access_file={self.people.path}")
        self._processes.append(self.process)
        self.process.wait_serving()

    def install(self, pair):
        replace_file(f"{self.cert}.key", pathlib.Path(f"{pair}.key").read_bytes())
        replace_file(self.cert, pair.read_bytes())

    def served_certificate(self):
        return ssl.get_server_certificate(address(self.process))

    def log_count(self, event):
        return self.process.stderr().count(f"event={event}")

    def change(self, event, action):
        """Does something and waits until the server has told of it."""
        before = self.log_count(event)
        action()
        wait_until(lambda: self.log_count(event) > before, event)

    def as_alice(self, channel):
        return np.Api(with_metadata(channel, bearer(self.people.tokens["alice"])))
