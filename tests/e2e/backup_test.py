"""newsprint backup, restore and check with real servers: a backup while articles come in, a server
over what was restored, and damaged folders."""
import json
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

import newsprint_process as np
from newsprint_process import run_cli


class Ingesting:
    """Streams articles for as long as it is open, and knows which of them are acknowledged."""

    def __init__(self, api, prefix="s"):
        self.articles = {}  # by id, all that were sent
        self.acknowledged = []  # ids, in order
        self._api = api
        self._prefix = prefix
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(timeout=60)

    def _requests(self):
        writer = np.Writer(7)
        i = 0
        while not self._stop.is_set():
            article = writer.article(f"{self._prefix}{i:06}", f"topic {i % 50}", sentences=20)
            self.articles[article["id"]] = article
            i += 1
            yield self._api.StreamIngestRequest(
                sequence=i, request={"article": article, "skip_related": True})

    def _run(self):
        for response in self._api.StreamIngest(self._requests(), timeout=120):
            if response.result.status.code == 0:
                self.acknowledged.append(response.result.article_id)

    def wait_for(self, count):
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.acknowledged)} of {count} acknowledged")
            time.sleep(0.01)
        return len(self.acknowledged)


def check(folder):
    """Exit code and report of `newsprint check`."""
    done = run_cli("check", folder, "--json")
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def flip(path, where=0.5):
    data = bytearray(path.read_bytes())
    data[int(len(data) * where)] ^= 0x10
    path.write_bytes(data)


class BackupTest(np.ServerTestCase):
    def assert_whole(self, folder):
        code, report = check(folder)
        self.assertEqual(code, 0, report)
        self.assertTrue(report["ok"])
        return report

    def test_a_backup_under_load_holds_what_was_acknowledged(self):
        server = self.serve()
        backups = []
        with Ingesting(self.api(server)) as ingesting:
            for n in range(3):
                before = ingesting.wait_for(400 * (n + 1))
                report = self.cli_json(server, "backup", self.folder / f"backup{n}")
                self.assertGreater(report["bytes"], 0)
                backups.append((before, report))
            ingesting.wait_for(before + 100)  # it goes on
        self.assertEqual(self.cli_json(server, "snapshots")["snapshots"], [])
        self.assertEqual(list((server.data_dir / "snapshots").iterdir()), [])
        for event in (r"snapshot_created name=backup-\S+ bytes=\d+ seconds=\d+\.\d\d",
                      r"snapshot_deleted name=backup-\S+"):
            self.assertEqual(len(re.findall(rf"level=info event={event}\n", server.stderr())), 3, event)
        self.stop(server)
        self.assert_whole(server.data_dir)
        for n, (before, _) in enumerate(backups):
            backup, restored = self.folder / f"backup{n}", self.folder / f"restored{n}"
            self.assertEqual(self.assert_whole(backup)["backup"], True)
            done = run_cli("restore", backup, restored)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assert_whole(restored)
            copy = self.serve(data_dir=restored)
            api = self.api(copy)
            articles = api.GetStats().articles
            self.assertGreaterEqual(articles, before)
            ids = ingesting.acknowledged[:before]
            for at in range(0, before, 1000):
                found = api.BatchGetArticles(ids=ids[at:at + 1000]).results
                for article_id, result in zip(ids[at:], found):
                    self.assertEqual(result.status.code, 0, article_id)
                    self.assertEqual(result.article.body, ingesting.articles[article_id]["body"])
            # The first part of what was sent, without gaps, and no more.
            sent = list(ingesting.articles)
            self.assertEqual(api.GetArticle(id=sent[articles - 1]).article.id, sent[articles - 1])
            again = api.IngestArticle(article=ingesting.articles[ids[0]])
            self.assertTrue(again.verdict.replayed)
            self.stop(copy)
            self.assert_whole(restored)

    def backup_of_some(self):
        """A server that has stopped, and a backup of it with tables, blob files and a log."""
        server = self.serve()
        writer = np.Writer(3)
        self.cli(server, "import", self.write_jsonl("a.jsonl", writer.mixed(150)))
        self.stop(server)
        server = self.serve()
        self.cli(server, "import", self.write_jsonl("b.jsonl", writer.mixed(50, prefix="b")))
        backup = self.folder / "backup"
        self.cli(server, "backup", backup)
        return server, backup

    def test_every_damaged_file_of_a_backup_is_named(self):
        _, backup = self.backup_of_some()
        files = [p for p in backup.rglob("*") if p.is_file()]
        self.assertTrue({".sst", ".blob", ".log"} <= {p.suffix for p in files}, files)
        target = self.folder / "target"
        for path in files:
            name = str(path.relative_to(backup))
            good = path.read_bytes()
            flip(path)
            done = run_cli("restore", backup, target)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(name, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            code, report = check(backup)
            self.assertEqual(code, 1, name)
            self.assertIn(name, json.dumps(report["problems"]))
            path.unlink()
            done = run_cli("restore", backup, target)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(name, done.stderr)
            path.write_bytes(good)
            self.assertFalse(target.exists())
        self.assertEqual(run_cli("restore", backup, target).returncode, 0)
        again = run_cli("restore", backup, target)
        self.assertEqual(again.returncode, 1)
        self.assertIn("not an empty folder", again.stderr)

    def test_check_finds_damage_of_a_data_folder(self):
        server, _ = self.backup_of_some()
        code, report = check(server.data_dir)
        self.assertEqual((code, "in use by another process" in report), (1, True), report)
        server.kill()  # so that there is a log
        self.assertEqual(self.assert_whole(server.data_dir)["articles"], 200)
        for suffix, kind in ((".sst", "file"), (".blob", "file"), (".log", "log")):
            folder = self.folder / f"damaged{suffix}"
            shutil.copytree(server.data_dir, folder)
            path = max(folder.glob(f"*{suffix}"), key=lambda p: p.stat().st_size)
            flip(path, 0.4)
            code, report = check(folder)
            self.assertEqual(code, 1, suffix)
            self.assertEqual([p["kind"] for p in report["problems"]], [kind], report)
        # The graphs are a cache: no data is lost with them.
        graphs = server.data_dir / "graphs" / "1-1.graphs"
        graphs.write_bytes(b"nothing")
        done = run_cli("check", server.data_dir)
        self.assertEqual(done.returncode, 1)
        self.assertIn("graphs: graphs/1-1.graphs: ", done.stdout)
        self.assertIn("delete the file", done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1)
        graphs.unlink()
        self.assert_whole(server.data_dir)

    def test_an_interrupted_backup_leaves_nothing(self):
        server, _ = self.backup_of_some()
        target = self.folder / "interrupted"
        for delay in (0.0, 0.02, 0.05, 0.1):
            process = subprocess.Popen(
                [np.BIN / "newsprint", f"--target={server.address}", "backup", target],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
            if target.exists():  # it was done, though the signal may have come before it ended
                self.assert_whole(target)
                shutil.rmtree(target)
            else:
                self.assertNotEqual(code, 0)
            self.assertEqual(list(self.folder.glob("interrupted*")), [])
        self.assertEqual(self.cli_json(server, "snapshots")["snapshots"], [])

    def test_a_killed_server_forgets_half_a_snapshot(self):
        server, _ = self.backup_of_some()
        self.cli(server, "snapshots", "create", "kept")
        server.kill()
        half = server.data_dir / "snapshots" / ".half.tmp"
        half.mkdir()
        (half / "000012.sst").write_bytes(b"x")
        again = self.serve()
        self.assertFalse(half.exists())
        names = [s["name"] for s in self.cli_json(again, "snapshots")["snapshots"]]
        self.assertEqual(names, ["kept"])
        self.assert_whole(server.data_dir / "snapshots" / "kept")


if __name__ == "__main__":
    unittest.main(verbosity=2)
