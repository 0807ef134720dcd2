"""The flags of deploy/kubernetes/base, with files as the kubelet gives them: links to a folder that is replaced as
a whole. Probes ask as the manifest says; clients come with TLS and a token."""
import os
import pathlib
import re
import time
import unittest
import urllib.request

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
        self.people = Identities(self.folder / "access.json")
        self.people.add("operator", (["*"], "admin"))
        self.people.add("ingest", (["default"], "write"))
        self.authority = Authority(self.folder, "first")
        self.volume = MountedVolume(self.folder / "mounted")
        self.volume.write(self.files())
        text = (BASE / "newsprintd.flags").read_text().replace("/etc/newsprint", str(self.volume.folder))
        flags = self.folder / "newsprintd.flags"
        flags.write_text(re.sub(r"^(--\w*listen=\S+):\d+$", r"\1:0", text, flags=re.MULTILINE))
        self.process = self.launch(f"--flagfile={flags}", f"--data_dir={self.folder / 'data'}")
        self.process.wait_listening()
        self.wait_until(lambda: "event=serving" in self.process.stderr(), "serving")
        self.main = self.process.address.replace("0.0.0.0", "127.0.0.1")
        self.admin = self.process.stdout_lines[1].split()[-1]

    def files(self):
        cert = self.authority.issue_server()
        return {"tls/tls.crt": cert.read_bytes(), "tls/tls.key": pathlib.Path(f"{cert}.key").read_bytes(),
                "tls/ca.crt": self.authority.ca.read_bytes(), "access.json": self.people.write().read_bytes()}

    def wait_until(self, condition, what):
        deadline = time.monotonic() + READ_SECONDS
        while not condition():
            if time.monotonic() > deadline or self.process.process.poll() is not None:
                self.fail(f"{what}: not within {READ_SECONDS} s, stderr: {self.process.stderr()}")
            time.sleep(0.05)

    def ask(self, name, *words, target=None, tls=True):
        """The command line as somebody of that name, or of none."""
        words = [*words, f"--tls_ca={self.authority.ca}"] if tls else [*words]
        if name:
            token = self.folder / f"{name}.token"
            token.write_text(self.people.tokens[name])
            words.append(f"--token_file={token}")
        return self.cli(target or self.main, *words, "--deadline_ms=5000", check=False)

    def test_who_gets_what(self):
        articles = self.write_jsonl("articles.jsonl", np.Writer(3).mixed(5))
        self.assertEqual(self.ask("ingest", "import", articles).returncode, 0)
        for said, done in (
                ("UNAUTHENTICATED", self.ask(None, "groups")),
                ("PERMISSION_DENIED", self.ask("ingest", "collections", "create", "mine", target=self.admin)),
                ("UNIMPLEMENTED", self.ask("operator", "collections", "create", "mine")),
                ("cannot reach", self.ask("ingest", "groups", tls=False))):
            self.assertEqual(done.returncode, 1, said)
            self.assertIn(said, done.stderr)
        done = self.ask("operator", "collections", "create", "mine", target=self.admin)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(self.admin.startswith("127.0.0.1:"), self.admin)

    def test_probes(self):
        address, = re.findall(r"event=metrics_listening address=0\.0\.0\.0(:\d+)", self.process.stderr())
        workload = yaml.safe_load((BASE / "statefulset.yaml").read_text())
        container, = workload["spec"]["template"]["spec"]["containers"]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            with opener.open(f"http://127.0.0.1{address}{container[probe]['httpGet']['path']}", timeout=20) as answer:
                self.assertEqual((answer.status, answer.read()), (200, b"ok\n"), probe)

    def test_changed_secrets(self):
        self.assertEqual(self.ask("ingest", "groups").returncode, 0)
        old = self.authority.ca.read_bytes(), self.people.tokens["ingest"]
        self.authority = Authority(self.folder, "second")
        self.people.add("ingest", (["default"], "write"))
        self.assertEqual(self.ask("ingest", "groups").returncode, 1)
        self.volume.write(self.files())
        self.wait_until(lambda: self.ask("ingest", "groups").returncode == 0, "new certificate and token")
        self.people.tokens["ingest"] = old[1]
        self.assertIn("UNAUTHENTICATED", self.ask("ingest", "groups").stderr)
        self.authority.ca.write_bytes(old[0])
        self.assertIn("cannot reach", self.ask("operator", "groups").stderr)
        self.assertNotRegex(self.process.stderr(), "certificates_refused|access_file_refused")


if __name__ == "__main__":
    unittest.main(verbosity=2)
