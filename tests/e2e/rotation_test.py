"""Certificates, tokens and rights that are replaced while callers are at work."""
import os
import pathlib
import shutil
import threading
import time
import unittest

import grpc

import newsprint_process as np
from security_case import (ARTICLE, Authority, Identities, RunningTestCase, SecureProcess, bearer,
                           hash_of, new_token, replace_file, wait_until, with_metadata)

Code = grpc.StatusCode


class Load:
    """Callers that call until they are told to stop, each on new connections now and then; and what
    failed."""

    def __init__(self, connect, callers=3, calls_each=15):
        self.failures, self.calls = [], [0] * callers
        self._stop = threading.Event()
        self._connect, self._calls_each = connect, calls_each
        self._threads = [threading.Thread(target=self._run, args=[i]) for i in range(callers)]
        for thread in self._threads:
            thread.start()

    def _run(self, i):
        try:
            while not self._stop.is_set():
                with self._connect() as channel:
                    api = np.Api(channel)
                    for _ in range(self._calls_each):
                        api.ListGroups()
                        self.calls[i] += 1
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(error)

    def go_on(self):
        """Waits until every caller has had two connections more."""
        before = list(self.calls)
        wait_until(lambda: self.failures or all(
            now > was + 2 * self._calls_each for now, was in zip(self.calls, before)), "calls")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.failures


class Ingestion(threading.Thread):
    """A StreamIngest that stays open, with an article every few milliseconds."""

    def __init__(self, api):
        super().__init__()
        self._api, self._stopping = api, threading.Event()
        self.sent, self.codes, self.end = 0, [], None
        self.start()

    def _requests(self):
        while not self._stopping.is_set():
            self.sent += 1
            yield self._api.StreamIngestRequest(sequence=self.sent, request={
                "article": {**ARTICLE, "id": f"streamed-{self.sent}"}})
            time.sleep(0.005)

    def run(self):
        try:
            for response in self._api.StreamIngest(self._requests(), timeout=120):
                self.codes.append(response.result.status.code)
        except grpc.RpcError as error:
            self.end = error

    def stop(self):
        self._stopping.set()
        self.join()


class SymlinkTest(np.ServerTestCase):
    """Files as Kubernetes mounts them: links to a link to a folder, which alone is replaced."""

    def install(self, pair, people):
        self.count = getattr(self, "count", 0) + 1
        folder = self.folder / "mount" / f"..{self.count}"
        folder.mkdir(parents=True)
        shutil.copy(pair, folder / "tls.crt")
        shutil.copy(f"{pair}.key", folder / "tls.key")
        people.path = folder / "access.json"
        people.write()
        link = self.folder / "mount" / "..data.new"
        link.symlink_to(folder.name)
        os.replace(link, self.folder / "mount" / "..data")
        if self.count > 1:
            shutil.rmtree(self.folder / "mount" / f"..{self.count - 1}")
        for name in ("tls.crt", "tls.key", "access.json"):
            at = self.folder / "mount" / name
            if not at.is_symlink():
                at.symlink_to(pathlib.Path("..data") / name)

    def test_no_call_fails(self):
        authority = Authority(self.folder, "news")
        people = Identities(self.folder / "none")
        people.add("alice", (["*"], "write"))
        self.install(authority.issue_server(), people)
        mount = self.folder / "mount"
        process = SecureProcess(
            self.folder / "data", authority.ca.read_bytes(), f"--tls_cert={mount}/tls.crt",
            f"--tls_key={mount}/tls.key", f"--access_file={mount}/access.json")
        self._processes.append(process)
        process.wait_serving()
        with process.channel() as channel:
            ingestion = Ingestion(np.Api(with_metadata(channel, bearer(people.tokens["alice"]))))
            load = Load(lambda: _Authorized(process.channel(), people.tokens["alice"]))
            for turn in range(1, 4):
                fresh = new_token()
                entry = people.entries["alice"]
                entry["token_sha256"] = [entry["token_sha256"][-1], hash_of(fresh)]
                self.install(authority.issue_server(), people)
                wait_until(lambda: process.stderr().count("event=certificates_read") == turn and
                           process.stderr().count("event=access_file_read") == turn, "the new files")
                people.tokens["alice"] = fresh
                load.go_on()
            self.assertEqual(load.stop(), [])
            ingestion.stop()
            self.assertIsNone(ingestion.end)
            self.assertEqual(len(ingestion.codes), ingestion.sent)
            self.assertEqual(set(ingestion.codes), {0})
        self.assertNotIn("_refused", process.stderr())


class _Authorized:
    """A channel that is closed with the block, and has a token on each call."""

    def __init__(self, channel, token):
        self._channel, self._token = channel, token

    def __enter__(self):
        return with_metadata(self._channel, bearer(self._token))

    def __exit__(self, *error):
        self._channel.close()


class ClientCertificatesTest(np.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.old, self.new = Authority(self.folder, "old"), Authority(self.folder, "new")
        self.roots = self.folder / "roots.pem"
        self.trust(self.old)
        cert = self.old.issue_server()
        self.people = Identities(self.folder / "access.json")
        self.people.add("machine", (["*"], "write"), token=False,
                        certificate_names=["one.example", "two.example"])
        self.process = SecureProcess(
            self.folder / "data", self.old.ca.read_bytes(), f"--tls_cert={cert}",
            f"--tls_key={cert}.key", f"--tls_client_ca={self.roots}",
            f"--access_file={self.people.write()}")
        self._processes.append(self.process)
        self.process.wait_listening()
        self.good = self.old.issue("one.example")
        with self.process.channel(cert=self.good) as channel:
            wait_until(lambda: np.health(channel) == np.SERVING, "serving")

    def trust(self, *authorities):
        replace_file(self.roots, b"".join(authority.ca.read_bytes() for authority in authorities))

    def change(self, event, action):
        before = self.process.stderr().count(f"event={event}")
        action()
        wait_until(lambda: self.process.stderr().count(f"event={event}") > before, event)

    def test_authorities_and_certificates_are_replaced_under_load(self):
        certificate = [self.good]
        load = Load(lambda: self.process.channel(cert=certificate[0]))
        self.change("certificates_read", lambda: self.trust(self.old, self.new))
        load.go_on()
        certificate[0] = self.new.issue("one.example")
        load.go_on()
        self.change("certificates_read", lambda: self.trust(self.new))
        load.go_on()
        self.assertEqual(load.stop(), [])
        with self.process.channel(cert=self.good) as channel, \
                self.assertRaises(grpc.RpcError) as caught:
            np.Api(channel).ListGroups(timeout=10)
        self.assertEqual(caught.exception.code(), Code.UNAVAILABLE)

    def watch(self, certificate):
        channel = self.process.channel(cert=certificate)
        self.addCleanup(channel.close)
        api = np.Api(channel)
        watch = api.WatchGroups(after_sequence=0)
        next(watch)
        return api, watch

    def ends_unauthenticated(self, watch):
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in watch:
                pass
        self.assertEqual(caught.exception.code(), Code.UNAUTHENTICATED)
        return caught.exception.details()

    def test_streams_end_with_the_name_of_their_certificate(self):
        _, one = self.watch(self.good)
        api, two = self.watch(self.old.issue("two.example"))
        self.people.entries["machine"]["certificate_names"] = ["two.example"]
        self.change("access_file_read", self.people.write)
        self.ends_unauthenticated(one)
        api.IngestArticle(article=ARTICLE)
        self.assertEqual(len(next(two).changes), 1)
        two.cancel()

    def test_streams_end_with_their_certificate(self):
        certificate = self.old.issue_for_seconds("two.example", 5)
        expires = time.time() + 5
        short_api, short = self.watch(certificate)
        go_on = threading.Event()

        def requests():
            yield short_api.StreamIngestRequest(sequence=1, request={
                "article": {**ARTICLE, "id": "in time"}})
            go_on.wait(60)
            yield short_api.StreamIngestRequest(sequence=2, request={
                "article": {**ARTICLE, "id": "too late"}})
        ingestion = short_api.StreamIngest(requests(), timeout=60)
        self.assertEqual(next(ingestion).result.status.code, 0)
        api, _ = self.watch(self.good)
        time.sleep(max(0, expires + 1.5 - time.time()))
        api.IngestArticle(article=ARTICLE)  # what it would be told next
        self.assertIn("expired", self.ends_unauthenticated(short))
        go_on.set()
        self.assertIn("expired", self.ends_unauthenticated(ingestion))
        with self.assertRaises(grpc.RpcError) as caught:
            api.GetArticle(id="too late")
        self.assertEqual(caught.exception.code(), Code.NOT_FOUND)


class ClientLibraryTest(RunningTestCase):
    """`newsprint import` at a limited rate, and what happens meanwhile."""

    def begin_import(self):
        """Of 1,500 articles, which takes ten seconds. Returns the thread, a list for its result, and
        the token file."""
        token_file = self.folder / "token"
        self.people.entries["alice"]["limits"] = {"calls_per_second": 150}
        token_file.write_text(self.people.tokens["alice"])
        self.change("access_file_read", self.people.write)
        file = np.write_jsonl(self.folder / "a.jsonl", [
            {**ARTICLE, "id": f"a{i}", "title": f"Report {i}"} for i in range(1500)])
        done = []
        importer = threading.Thread(target=lambda: done.append(self.cli(
            self.process, "import", file, f"--tls_ca={self.authority.ca}",
            f"--token_file={token_file}", check=False)))
        importer.start()
        return importer, done, token_file

    def test_an_import_outlives_a_restart(self):
        importer, done, _ = self.begin_import()
        with self.process.channel() as channel:
            bob = np.Api(with_metadata(channel, bearer(self.people.tokens["bob"])))
            wait_until(lambda: bob.GetStats().articles > 50, "the import")
        self.assertEqual(self.process.stop(), 0)
        time.sleep(10)  # as one that loads millions of articles
        self.process = SecureProcess(
            self.folder / "data", self.authority.ca.read_bytes(), f"--tls_cert={self.cert}",
            f"--tls_key={self.cert}.key", f"--access_file={self.people.path}",
            listen=self.process.address)
        self._processes.append(self.process)
        self.process.wait_serving()
        importer.join()
        self.assertEqual(done[0].returncode, 0, done[0].stderr)
        self.assertIn("; trying again", done[0].stderr)
        with self.process.channel() as channel:
            bob = np.Api(with_metadata(channel, bearer(self.people.tokens["bob"])))
            self.assertEqual(bob.GetStats().articles, 1500)

    def test_an_import_outlives_its_tokens(self):
        importer, done, token_file = self.begin_import()
        with self.process.channel() as channel:
            bob = np.Api(with_metadata(channel, bearer(self.people.tokens["bob"])))
            wait_until(lambda: bob.GetStats().articles > 50, "the import")
            # A new token beside the old one; then the client's file; then the old one goes.
            old = self.people.entries["alice"]["token_sha256"]
            fresh = new_token()
            self.people.entries["alice"]["token_sha256"] = [*old, hash_of(fresh)]
            self.change("access_file_read", self.people.write)
            replace_file(token_file, fresh)
            self.people.entries["alice"]["token_sha256"] = [hash_of(fresh)]
            self.change("access_file_read", self.people.write)
            stored = bob.GetStats().articles
            wait_until(lambda: bob.GetStats().articles > stored + 50, "more of the import")
            # It has leaked: another name and token, which ends the stream.
            fresh = new_token()
            replace_file(token_file, fresh)
            entry = self.people.entries.pop("alice")
            self.people.entries["alice-2"] = {**entry, "name": "alice-2",
                                              "token_sha256": [hash_of(fresh)]}
            self.change("access_file_read", self.people.write)
            self.assertLess(bob.GetStats().articles, 1500)
            importer.join()
            self.assertEqual(done[0].returncode, 0, done[0].stderr)
            self.assertEqual(bob.GetStats().articles, 1500)


if __name__ == "__main__":
    unittest.main()
