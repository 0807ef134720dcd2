"""The flags of deploy/kubernetes/base, with files as the kubelet gives them: links to a folder that is replaced as
a whole. Probes ask as the manifest says; clients come with TLS and a token."""
import hashlib
import os
import re
import unittest

import yaml

import newsprint_process as np
from security_case import Authority, Identities

BASE = np.ROOT / "deploy" / "kubernetes" / "base"
READ_SECONDS = 30  # for a server to notice files: it looks twice a second


class MountedVolume:
    """A folder like that of a projected volume: each file is a link into ..data, and ..data a link to a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        self._count = 0

    def write(self, files):
        """Path in the volume -> bytes, all at once."""
        self._count += 1
        fresh = self.folder / f"..data_{self._count}"
        for path, text in files.items():
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).write_bytes(text)
        old = (self.folder / "..data").resolve() if self._count > 1 else None
        (self.folder / "..data_tmp").symlink_to(fresh.name)
        os.rename(self.folder / "..data_tmp", self.folder / "..data")
        for name in {path.split("/")[0] for path in files}:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if old:
            for path in sorted(old.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            old.rmdir()


class KubernetesTest(np.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.certificates = 0
        self.people = Identities(self.folder / "access.json")
        self.people.add("operator", (["*"], "admin"))
        self.people.add("ingest", (["default"], "write"))
        self.volume = MountedVolume(self.folder / "mounted")
        self.volume.write(self.files(self.new_authority()))
        flags = (BASE / "newsprintd.flags").read_text().replace("/etc/newsprint", str(self.volume.folder))
        flags = re.sub(r"^(--\w+listen=\S+):\d+$", r"\1:0", flags, flags=re.MULTILINE)
        path = self.folder / "newsprintd.flags"
        path.write_text(flags)
        # What stands before a flag file is overridden by it.
        self.process = self.launch(f"--flagfile={path}", f"--data_dir={self.folder}/data")
        self.process.wait_listening()
        self.wait_until(lambda: "event=serving" in self.process.stderr(), "serving")

    def new_authority(self):
        self.certificates += 1
        self.authority = Authority(self.folder, f"authority-{self.certificates}")
        return self.authority

    def files(self, authority):
        cert = authority.issue_server()
        return {"tls/tls.crt": cert.read_bytes(), "tls/tls.key": np.pathlib.Path(f"{cert}.key").read_bytes(),
                "tls/ca.crt": authority.ca.read_bytes(), "access.json": self.people.write().read_bytes()}

    def wait_until(self, condition, what):
        deadline = np.time.monotonic() + READ_SECONDS
        while not condition():
            if np.time.monotonic() > deadline or self.process.process.poll() is not None:
                self.fail(f"{what}: not within {READ_SECONDS} s; {self.process.stderr()}")
            np.time.sleep(0.05)
