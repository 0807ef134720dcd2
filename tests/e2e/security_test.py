"""Abuse of a newsprintd, and what it answers: the table of docs/security.md, one test a row. After each
the server must be alive, and nothing of the other tenant may have been told."""
import contextlib
import json
import os
import pathlib
import random
import re
import resource
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import grpc

import newsprint_process as np
from security_case import (ARTICLE, SECRET_WORDS, Authority, Identities, RunningTestCase,
                           SecureProcess, address, bearer, hash_of, new_token, replace_file,
                           retry_seconds, wait_until, with_metadata)

Code = grpc.StatusCode
CASES = {}  # name of a test -> (what is done, what is answered)


def abuse(done, answer):
    """Marks a test as a row of docs/security.md."""
    def mark(test):
        CASES[test.__name__] = (done, answer)
        return test
    return mark


class Servers:
    """Two servers with the same identities: `tls` with TLS and certificates of clients on request,
    `plain` without, and with AdminService on a listener of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = Authority(folder, "news")
        self.other_authority = Authority(folder, "stranger")
        cert = self.authority.issue_server()
        self.people = make_people(folder)
        access = f"--access_file={self.people.path}"
        self.tls = self.start(SecureProcess(
            folder / "tls", self.authority.ca.read_bytes(), f"--tls_cert={cert}",
            f"--tls_key={cert}.key", f"--tls_client_ca={self.authority.ca}",
            "--tls_client_auth=request", access))
        self.plain = self.start(np.NewsprintProcess(folder / "plain", access,
                                                    "--admin_listen=127.0.0.1:0"))
        self.admin_address = next(line.split()[-1] for line in self.plain.stdout_lines
                                  if line.startswith("admin listening on "))
        # They wait for their test while the others run.
        self.loris = [socket.create_connection(address(process))
                      for process in (self.tls, self.plain, self.plain)]
        self.loris[2].sendall(b"PRI * HTTP/2.0\r\n")
        for connection in self.loris:
            unittest.addModuleCleanup(connection.close)
        fill(self.tls, self.people)

    @staticmethod
    def start(process):
        unittest.addModuleCleanup(process.close)
        return process.wait_serving()


def make_people(folder):
    people = Identities(folder / "access.json")
    people.add("root", (["*"], "admin"))
    people.add("alice", (["alpha", "own-*"], "write"), (["shared-*"], "read"))
    people.add("reader", (["alpha"], "read"))
    people.add("bob", (["beta-*"], "admin"))
    people.add("nobody")
    people.add("machine", (["alpha"], "read"), token=False,
               certificate_names=["spiffe://news.example/machine", "legacy-machine"])
    people.add("slow", (["alpha"], "write"), limits={"calls_per_second": 0.01})
    people.add("thin", (["alpha"], "read"), limits={"bytes_per_second": 10})
    people.add("stream", (["alpha"], "write"), limits={"calls_per_second": 50})
    people.add("small", (["quota-*"], "write"), limits={"articles_max": 3})
    people.add("batches", (["alpha"], "write"), limits={"calls_per_second": 10})
    people.add("batch-mistakes", (["alpha"], "read"), limits={"calls_per_second": 10})
    people.add("streams", (["alpha"], "write"), limits={"streams_max": 2})
    for role in ("read", "write", "admin"):
        people.add(f"{role}-of-roles", (["roles"], role))
    people.write()
    return people


def fill(process, people):
    """A collection for alice, one for bob with a secret, and some more."""
    writer = np.Writer(5)
    with process.channel() as channel:
        root = np.Api(with_metadata(channel, bearer(people.tokens["root"])))
        for name in ("alpha", "beta-vault", "beta-wires", "shared-news", "quota-a", "roles"):
            root.CreateCollection(collection={"name": name})
        root.IngestArticle(collection="alpha", article=writer.article("alpha-1", "topic"))
        for i in range(8):
            article = writer.article(f"beta-article-{i}", f"secret {i}")
            article["title"] = f"Zollikofen burglary {i}"
            root.IngestArticle(collection="beta-vault", article=article)


_servers = []


def servers():
    """The same for all tests, started by the first one."""
    if not _servers:
        folder = tempfile.TemporaryDirectory(prefix="newsprint_e2e_", ignore_cleanup_errors=True)
        unittest.addModuleCleanup(folder.cleanup)
        _servers.append(Servers(pathlib.Path(folder.name)))
    return _servers[0]


def list_codes(stream):
    """Of a stream's end; none when it ends well."""
    try:
        list(stream)
    except grpc.RpcError as error:
        return [error.code()]
    return []


class SecurityTestCase(unittest.TestCase):
    def setUp(self):
        self.servers = servers()
        self.authority, self.people = self.servers.authority, self.servers.people
        self.tls, self.plain = self.servers.tls, self.servers.plain
        self.named = set()  # secret words that the test itself has sent
        self.told = []
        self.addCleanup(self.check_afterwards)

    def check_afterwards(self):
        for process in (self.tls, self.plain):
            with process.channel() as channel:
                self.assertEqual(np.health(channel), np.SERVING, process.stderr()[-2000:])
        told = "\n".join(self.told)
        for word in (*SECRET_WORDS, *self.people.tokens.values()):
            if word not in self.named:
                self.assertNotIn(word, told)

    def api(self, who=None, process=None, metadata=(), cert=None, options=()):
        process = process or self.tls
        channel = (process.channel(cert=cert, options=options) if process is self.tls
                   else process.channel())
        self.addCleanup(channel.close)
        if who:
            metadata = [bearer(self.people.tokens[who]), *metadata]
        return np.Api(with_metadata(channel, *metadata))

    def token_file(self, who):
        path = self.servers.folder / f"{who}.token"
        path.write_text(self.people.tokens[who])
        return path

    def refused(self, code, call, *words, **fields):
        """The call has to fail with the code; returns its message."""
        self.named.update(word for word in SECRET_WORDS if word in repr(fields))
        with self.assertRaises(grpc.RpcError) as caught:
            answer = call(*words, **fields)
            if hasattr(answer, "__next__"):
                list(answer)
        self.error = caught.exception
        self.told.append(f"{self.error.details()} {self.error.trailing_metadata()}")
        self.assertEqual(self.error.code(), code, self.error.details())
        return self.error.details()

    def stream(self, api, *requests):
        """Results of a StreamIngest."""
        def messages():
            for i, request in enumerate(requests):
                yield api.StreamIngestRequest(sequence=i + 1, request=request)
        results = [response.result for response in api.StreamIngest(messages(), timeout=60)]
        self.told += [str(result.status.message) for result in results]
        self.named.update(word for word in SECRET_WORDS if word in repr(requests))
        return results


class CredentialsTest(SecurityTestCase):
    def refused_as(self, *metadata):
        return self.refused(Code.UNAUTHENTICATED, self.api(metadata=metadata).FindDuplicates,
                            collection="alpha", id="alpha-1")

    def test_good_credentials_pass(self):
        for api in (self.api("alice"), self.api("reader"),
                    self.api(cert=self.authority.issue("m", "URI:spiffe://news.example/machine")),
                    self.api(cert=self.authority.issue("legacy-machine"))):
            self.assertEqual(api.GetArticle(collection="alpha", id="alpha-1").article.id, "alpha-1")
        self.refused(Code.NOT_FOUND, self.api("root", process=self.plain).GetArticle, id="absent")

    @abuse("A call without a token", "UNAUTHENTICATED")
    def test_no_token(self):
        self.assertEqual(self.refused_as(), "authorization: required, got nothing; send a token, or "
                                            "a certificate that the server knows")

    @abuse("A token that nobody has", "UNAUTHENTICATED")
    def test_unknown_token(self):
        self.assertEqual(self.refused_as(bearer(new_token())), "authorization: not a valid token")

    @abuse("A token without its last character, with another case, or with more behind it",
           "UNAUTHENTICATED")
    def test_almost_a_token(self):
        token = self.people.tokens["alice"]
        for almost in (token[:-1], token.swapcase(), token + "A", token + "," + token):
            self.assertEqual(self.refused_as(bearer(almost)), "authorization: not a valid token")

    @abuse("An empty token, one of 7 KB, or one in another scheme (Basic, none)", "UNAUTHENTICATED")
    def test_malformed_authorization(self):
        token = self.people.tokens["alice"]
        for value in ("Bearer ", "Bearer", "", f"Basic {token}", token, "Bearer " + "A" * 7000):
            self.assertEqual(self.refused_as(("authorization", value)),
                             "authorization: not a valid token", value[:20])

    @abuse("A hash out of the access file, sent as the token", "UNAUTHENTICATED")
    def test_hash_as_token(self):
        self.refused_as(bearer(hash_of(self.people.tokens["alice"])))

    @abuse("Two tokens at once, one of them good, or both", "UNAUTHENTICATED")
    def test_two_tokens(self):
        good = bearer(self.people.tokens["alice"])
        for pair in ((good, bearer(new_token())), (bearer(new_token()), good), (good, good)):
            self.assertEqual(self.refused_as(*pair), "authorization: not a valid token")

    @abuse("A good token in another header", "UNAUTHENTICATED")
    def test_token_in_another_header(self):
        token = self.people.tokens["alice"]
        self.refused_as(("x-authorization", f"Bearer {token}"), ("token", token))

    @abuse("Any method of the API, streams included, without a token", "UNAUTHENTICATED")
    def test_every_method_wants_a_token(self):
        api = self.api()
        methods = [method.name for file in np._descriptor_set().file for service in file.service
                   for method in service.method]
        self.assertGreater(len(methods), 30)
        for method in methods:
            with self.subTest(method=method):
                words = [iter(())] if method == "StreamIngest" else []
                self.refused(Code.UNAUTHENTICATED, getattr(api, method), *words)

    @abuse("Any method of the API, for another tenant's collection", "NOT_FOUND or PERMISSION_DENIED")
    def test_every_method_wants_a_right(self):
        api = self.api("alice")
        for file in np._descriptor_set().file:
            for service in file.service:
                for method in service.method:
                    if method.name in ("StreamIngest", "ListCollections"):
                        continue  # tests of their own
                    message = getattr(api, method.input_type.rsplit(".", 1)[1])
                    fields = {field.name for field in message.DESCRIPTOR.fields}
                    given = {}
                    if "collection" in fields:
                        nested = message.DESCRIPTOR.fields_by_name["collection"].message_type
                        given = {"collection": {"name": "beta-vault"} if nested else "beta-vault"}
                    elif method.name in ("GetCollection", "DeleteCollection"):
                        given = {"name": "beta-vault"}
                    with self.subTest(method=method.name):
                        with self.assertRaises(grpc.RpcError) as caught:
                            answer = getattr(api, method.name)(**given)
                            list(answer) if hasattr(answer, "__next__") else None
                        expected = (Code.NOT_FOUND if given and method.name != "CreateCollection"
                                    else Code.PERMISSION_DENIED)
                        self.assertEqual(caught.exception.code(), expected)
                        if expected == Code.NOT_FOUND:
                            self.assertEqual(caught.exception.details(),
                                             'collection: not found, got "beta-vault"')

    @abuse("A certificate of a client that has expired", "the handshake fails")
    def test_expired_certificate(self):
        self.handshake_fails(self.authority.issue("m", "URI:spiffe://news.example/machine", days=0))

    @abuse("A certificate of another authority, with a known name", "the handshake fails")
    def test_certificate_of_another_authority(self):
        self.handshake_fails(self.servers.other_authority.issue("m", "URI:spiffe://news.example/machine"))

    def handshake_fails(self, cert):
        self.refused(Code.UNAVAILABLE, self.api(cert=cert).FindDuplicates, collection="alpha",
                     id="alpha-1", timeout=10)

    @abuse("A good certificate with a name that the access file does not know", "UNAUTHENTICATED")
    def test_certificate_of_a_stranger(self):
        for cert in (self.authority.issue("someone", "URI:spiffe://news.example/machine2"),
                     self.authority.issue("news.example")):
            self.refused(Code.UNAUTHENTICATED, self.api(cert=cert).GetArticle, collection="alpha",
                         id="alpha-1")

    @abuse("A known name as the common name of a certificate whose alternative names are others",
           "UNAUTHENTICATED")
    def test_common_name_does_not_count_beside_others(self):
        cert = self.authority.issue("legacy-machine", "DNS:elsewhere.example")
        self.refused(Code.UNAUTHENTICATED, self.api(cert=cert).GetArticle, collection="alpha",
                     id="alpha-1")

    @abuse("A bad token beside a good certificate", "UNAUTHENTICATED")
    def test_bad_token_beside_a_good_certificate(self):
        cert = self.authority.issue("m", "URI:spiffe://news.example/machine")
        self.refused(Code.UNAUTHENTICATED,
                     self.api(cert=cert, metadata=[bearer(new_token())]).GetArticle,
                     collection="alpha", id="alpha-1")


class RolesTest(SecurityTestCase):
    def denied(self, who, method, **fields):
        return self.refused(Code.PERMISSION_DENIED, getattr(self.api(who), method), **fields)

    @abuse("Writing with the role read: IngestArticle, BatchIngestArticles, DeleteArticle",
           "PERMISSION_DENIED")
    def test_reader_writes(self):
        message = self.denied("reader", "IngestArticle", collection="alpha", article=ARTICLE)
        self.assertEqual(message, "role: needs write on this collection, got read")
        self.denied("reader", "BatchIngestArticles", collection="alpha",
                    requests=[{"article": ARTICLE}])
        self.denied("reader", "DeleteArticle", collection="alpha", id="alpha-1")
        self.api("reader").GetArticle(collection="alpha", id="alpha-1")

    @abuse("Writing with the role read: StreamIngest", "PERMISSION_DENIED for each article")
    def test_reader_streams(self):
        results = self.stream(self.api("reader"), {"collection": "alpha", "article": ARTICLE},
                              {"article": ARTICLE})
        self.assertEqual([r.status.code for r in results], [7, 7])
        self.refused(Code.NOT_FOUND, self.api("reader").GetArticle, collection="alpha", id="abuse")

    @abuse("Editing groups with the role read: SetCanonical, MergeGroups, SplitGroup, WithdrawStory, "
           "ReinstateStory", "PERMISSION_DENIED")
    def test_reader_edits_groups(self):
        for method in ("SetCanonical", "MergeGroups", "SplitGroup", "WithdrawStory", "ReinstateStory"):
            self.denied("reader", method, collection="alpha", **({} if method in (
                "WithdrawStory", "ReinstateStory") else {"group_id": "g1"}))

    @abuse("Creating, changing, deleting or moving a collection with the role write",
           "PERMISSION_DENIED")
    def test_writer_administers(self):
        self.denied("alice", "CreateCollection", collection={"name": "own-new"})
        self.denied("alice", "UpdateCollection", collection={"name": "alpha"})
        self.denied("alice", "DeleteCollection", name="alpha")
        self.denied("alice", "ReembedCollection", collection="alpha", embedder="builtin")
        self.denied("alice", "CancelReembedding", collection="alpha")
        self.api("alice").GetCollection(name="alpha")

    @abuse("A snapshot of the whole server, by the administrator of some collections",
           "PERMISSION_DENIED")
    def test_tenants_administrator_copies_the_server(self):
        message = self.denied("bob", "CreateSnapshot")
        self.assertEqual(message, 'role: needs admin on all collections ("*"), got none')
        for method in ("ListSnapshots", "DeleteSnapshot", "ReadSnapshot", "ListEmbedders"):
            self.denied("bob", method, **({} if method.startswith("List") else {"name": "x"}))

    @abuse("A good token of an identity without grants", "NOT_FOUND")
    def test_identity_without_grants(self):
        api = self.api("nobody")
        self.refused(Code.NOT_FOUND, api.FindDuplicates, collection="alpha", id="alpha-1")
        self.assertEqual(len(api.ListCollections().collections), 0)


class TenantsTest(SecurityTestCase):
    @abuse("Reading from another tenant's collection", "NOT_FOUND, as if it were not there")
    def test_other_tenants_collection(self):
        api = self.api("alice")
        there = self.refused(Code.NOT_FOUND, api.FindDuplicates, collection="beta-vault", id="x")
        trailers = [k for k, _ in self.error.trailing_metadata() or ()]
        absent = self.refused(Code.NOT_FOUND, api.FindDuplicates, collection="gamma-vault", id="x")
        self.assertEqual(there.replace("beta", "gamma"), absent)
        self.assertEqual(trailers, [k for k, _ in self.error.trailing_metadata() or ()])
        # Nor is anything of the request looked at before.
        self.refused(Code.NOT_FOUND, api.FindRelated, collection="beta-vault", max_results=-1)

    @abuse("Another tenant's article id in one's own collection", "NOT_FOUND")
    def test_other_tenants_article_id(self):
        self.refused(Code.NOT_FOUND, self.api("alice").GetArticle, collection="alpha",
                     id="beta-article-1")
        self.refused(Code.NOT_FOUND, self.api("alice").GetGroup, collection="alpha",
                     article_id="beta-article-1")

    @abuse("Another tenant's group id in one's own collection", "NOT_FOUND")
    def test_other_tenants_group_id(self):
        self.refused(Code.NOT_FOUND, self.api("alice").GetGroup, collection="alpha", group_id="g8")
        self.refused(Code.NOT_FOUND, self.api("alice").MergeGroups, collection="alpha", group_id="g1",
                     merged_group_id="g8")

    @abuse("Watching another tenant's groups", "NOT_FOUND")
    def test_watch_other_tenants_groups(self):
        self.refused(Code.NOT_FOUND, self.api("alice").WatchGroups, collection="beta-vault",
                     after_sequence=0)

    @abuse("Streaming into another tenant's collection", "NOT_FOUND for each article")
    def test_stream_into_other_tenants_collection(self):
        results = self.stream(self.api("alice"), {"collection": "beta-vault", "article": ARTICLE})
        self.assertEqual([(r.status.code, r.status.message) for r in results],
                         [(5, 'collection: not found, got "beta-vault"')])
        self.refused(Code.NOT_FOUND, self.api("bob").GetArticle, collection="beta-vault", id="abuse")

    @abuse("A batch into one's own collection, with an item for another tenant's",
           "INVALID_ARGUMENT for that item")
    def test_batch_item_for_another_tenant(self):
        response = self.api("alice").BatchIngestArticles(
            collection="alpha", requests=[{"collection": "beta-vault", "article": ARTICLE}])
        self.named.add("beta-vault")
        self.assertEqual(response.results[0].status.code, 3)
        self.told.append(response.results[0].status.message)
        self.refused(Code.NOT_FOUND, self.api("bob").GetArticle, collection="beta-vault", id="abuse")

    @abuse("A stream that names one's own collection first and another tenant's later",
           "INVALID_ARGUMENT for that article")
    def test_stream_that_changes_the_collection(self):
        results = self.stream(self.api("alice"), {"collection": "alpha", "article": ARTICLE},
                              {"collection": "beta-vault", "article": ARTICLE})
        self.assertEqual([r.status.code for r in results], [0, 3])
        self.refused(Code.NOT_FOUND, self.api("bob").GetArticle, collection="beta-vault", id="abuse")

    @abuse("Listing all collections, in pages of any size", "only those that the caller may read")
    def test_list_collections(self):
        for who, expected in (("alice", ["alpha", "shared-news"]), ("bob", ["beta-vault", "beta-wires"]),
                              ("reader", ["alpha"]), ("nobody", [])):
            self.named.update(SECRET_WORDS[:1] if who == "bob" else ())
            api = self.api(who)
            for page_size in (1, 2, 100):
                names, token = [], ""
                while True:
                    page = api.ListCollections(page_size=page_size, page_token=token)
                    self.told.append(str(page))
                    names += [c.name for c in page.collections]
                    token = page.next_page_token
                    if not token:
                        break
                self.assertEqual(names, expected)

    @abuse("The page token of another identity's ListCollections", "INVALID_ARGUMENT")
    def test_replayed_page_token(self):
        token = self.api("bob").ListCollections(page_size=1).next_page_token
        self.assertNotEqual(token, "")
        self.refused(Code.INVALID_ARGUMENT, self.api("alice").ListCollections, page_token=token)

    @abuse("The page token of another tenant's ListGroups, for one's own collection",
           "INVALID_ARGUMENT")
    def test_replayed_page_token_of_groups(self):
        token = self.api("bob").ListGroups(collection="beta-vault", page_size=2).next_page_token
        self.assertNotEqual(token, "")
        self.refused(Code.INVALID_ARGUMENT, self.api("alice").ListGroups, collection="alpha",
                     page_size=2, page_token=token)

    @abuse("A page token that was changed or cut, or words that are none", "INVALID_ARGUMENT")
    def test_forged_page_token(self):
        token = self.api("root").ListCollections(page_size=1).next_page_token
        for forged in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), token[:5], "A" * 400, "%",
                       "YmV0YS12YXVsdA=="):
            self.refused(Code.INVALID_ARGUMENT, self.api("root").ListCollections, page_token=forged)

    @abuse("Creating a collection of another tenant's name", "PERMISSION_DENIED, as for any name")
    def test_create_other_tenants_name(self):
        api = self.api("alice")
        there = self.refused(Code.PERMISSION_DENIED, api.CreateCollection,
                             collection={"name": "beta-vault"})
        absent = self.refused(Code.PERMISSION_DENIED, api.CreateCollection,
                              collection={"name": "gamma-vault"})
        self.assertEqual(there, absent)

    @abuse("Deleting another tenant's collection", "NOT_FOUND")
    def test_delete_other_tenants_collection(self):
        self.refused(Code.NOT_FOUND, self.api("alice").DeleteCollection, name="beta-vault")
        self.assertEqual(self.api("bob").GetStats(collection="beta-vault").articles, 8)

    @abuse("An empty name, for the default collection, without a right to that", "NOT_FOUND")
    def test_empty_name(self):
        self.refused(Code.NOT_FOUND, self.api("alice").GetStats)
        self.refused(Code.NOT_FOUND, self.api("alice").IngestArticle, article=ARTICLE)
        self.refused(Code.NOT_FOUND, self.api("alice").DeleteCollection)

    @abuse("A pattern of the access file as the name of a collection", "NOT_FOUND")
    def test_pattern_as_name(self):
        for name in ("*", "beta-*", "own-*", "shared-"):
            self.refused(Code.NOT_FOUND, self.api("alice").GetStats, collection=name)

    @abuse("The size of everybody's data, from GetStats", "0")
    def test_size_of_everybodys_data(self):
        self.assertEqual(self.api("alice").GetStats(collection="alpha").store_bytes, 0)
        self.assertGreater(self.api("root").GetStats(collection="alpha").store_bytes, 0)


class NamesTest(SecurityTestCase):
    @abuse("Paths, escapes, other cases and look-alikes as names of collections", "NOT_FOUND")
    def test_path_tricks(self):
        for who in ("alice", "root"):
            for name in ("../alpha", "alpha/../beta-vault", "./alpha", "/etc/passwd", "alpha\0x",
                         "%61lpha", "ALPHA", "alph\u0430", "alpha ", "alpha\n", "\\alpha", "."):
                with self.subTest(name=name, who=who):
                    self.refused(Code.NOT_FOUND, self.api(who).GetStats, collection=name)

    @abuse("Creating a collection with a path as its name", "INVALID_ARGUMENT")
    def test_create_a_path(self):
        for name in ("../../etc", "a/b", "..", "a\0b", "A", "-a", "", "x" * 65):
            self.refused(Code.INVALID_ARGUMENT, self.api("root").CreateCollection,
                         collection={"name": name})

    @abuse("A name of a collection of a megabyte", "NOT_FOUND, and not repeated")
    def test_endless_name(self):
        for who in ("alice", "root"):
            self.assertEqual(self.refused(Code.NOT_FOUND, self.api(who).GetStats,
                                          collection="x" * (1 << 20)),
                             "collection: not found, got 1048576 bytes")

    @abuse("Paths in the names of snapshots, and of files in them", "INVALID_ARGUMENT")
    def test_paths_in_snapshots(self):
        api = self.api("root")
        for name in ("../x", "/tmp/x", "a/../../b", "..", "a\0b"):
            self.refused(Code.INVALID_ARGUMENT, api.CreateSnapshot, name=name)
            self.refused(Code.INVALID_ARGUMENT, api.ReadSnapshot, name=name)
            self.refused(Code.INVALID_ARGUMENT, api.DeleteSnapshot, name=name)
        api.CreateSnapshot(name="s1")
        for path in ("../../access.json", "/etc/passwd", "../CURRENT"):
            message = self.refused(Code.INVALID_ARGUMENT, api.ReadSnapshot, name="s1", first_path=path)
            self.assertNotIn("root:", message)
        api.DeleteSnapshot(name="s1")

    @abuse("Line breaks and log fields in a title, an id, and a name of a collection",
           "no line of the log is forged")
    def test_log_injection(self):
        forged = '\ntime=2026-01-01T00:00:00.000+00:00 level=error event=forged message="x"'
        api = self.api("alice")
        api.IngestArticle(collection="alpha", article={
            "id": "log" + forged, "title": forged, "body": forged, "source": forged})
        self.refused(Code.NOT_FOUND, api.GetStats, collection="x" + forged[:50])
        self.refused(Code.NOT_FOUND, api.GetArticle, collection="alpha", id=forged)
        self.refused(Code.UNAUTHENTICATED, self.api(metadata=[bearer('x" event=forged')]).GetStats)

        def is_told():
            # Of many refusals in a second some are left out.
            self.refused(Code.NOT_FOUND, api.GetStats, collection="x" + forged[:50])
            return 'got \\\"x\\ntime=2026' in self.tls.stderr() or "x\\\\ntime=2026" in self.tls.stderr()
        wait_until(is_told, "a refusal with the name in it")
        for line in self.tls.stderr().splitlines():
            self.assertRegex(line, r"^time=\S+ level=\w+ event=(?!forged)\w+")

    def test_refusals_are_logged_with_their_trace(self):
        trace = ("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01")
        stranger, bob = self.api(metadata=[trace]), self.api("bob", metadata=[trace])

        def are_in_the_log():
            self.refused(Code.UNAUTHENTICATED, stranger.GetStats)
            self.refused(Code.PERMISSION_DENIED, bob.CreateSnapshot)
            self.refused(Code.PERMISSION_DENIED, bob.ReadSnapshot, name="s")
            lines = re.findall(r"access_refused identity=\"(\w*)\" .*method=(\w+) .*"
                               r" trace_id=(?:ab){16} span_id=(?:cd){8}$",
                               self.tls.stderr(), re.MULTILINE)
            return {("", "GetStats"), ("bob", "CreateSnapshot"), ("bob", "ReadSnapshot")} <= set(lines)
        wait_until(are_in_the_log, "refusals")

    @abuse("Tokens of refused and of accepted calls", "are never in the log")
    def test_tokens_are_not_logged(self):
        token = new_token()
        bob = self.api("bob")

        def bob_is_in_the_log():
            # Of many refusals in a second some are left out.
            self.refused(Code.UNAUTHENTICATED, self.api(metadata=[bearer(token)]).GetStats)
            self.refused(Code.PERMISSION_DENIED, bob.CreateSnapshot)
            return 'identity="bob"' in self.tls.stderr()
        wait_until(bob_is_in_the_log, "a refusal")
        for process in (self.tls, self.plain):
            for text in (token, *self.people.tokens.values(), "np_"):
                self.assertNotIn(text, process.stderr())


class TransportTest(SecurityTestCase):
    @abuse("Plaintext to a port with TLS", "the connection is closed")
    def test_plaintext_to_a_tls_port(self):
        with grpc.insecure_channel(self.tls.address, options=np.CHANNEL_OPTIONS) as channel:
            self.refused(Code.UNAVAILABLE, np.Api(with_metadata(
                channel, bearer(self.people.tokens["alice"]))).GetStats, timeout=10)

    @abuse("TLS to a port without", "the connection is closed")
    def test_tls_to_a_plaintext_port(self):
        credentials = grpc.ssl_channel_credentials(self.authority.ca.read_bytes())
        with grpc.secure_channel(self.plain.address, credentials,
                                 options=np.CHANNEL_OPTIONS) as channel:
            self.refused(Code.UNAVAILABLE, np.Api(channel).GetStats, timeout=10)

    @abuse("TLS 1.1", "the handshake fails")
    def test_old_tls(self):
        done = subprocess.run(["openssl", "s_client", "-connect", self.tls.address, "-tls1_1",
                               "-cipher", "ALL@SECLEVEL=0"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        self.assertIn(b"Cipher is (NONE)", done.stdout)

    def raw_tls(self):
        context = ssl.create_default_context(cafile=self.authority.ca)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(address(self.tls), timeout=20)
        self.addCleanup(plain.close)
        return context.wrap_socket(plain, server_hostname="localhost")

    def read_all(self, connection):
        """What the server says until it closes."""
        said = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while chunk := connection.recv(1 << 16):
                said += chunk
        return said

    @abuse("HTTP/1.1, and random bytes, in place of HTTP/2", "the connection is closed")
    def test_not_http2(self):
        for text in (b"GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(256)) * 8):
            for connection in (socket.create_connection(address(self.plain), timeout=20),
                               self.raw_tls()):
                with connection:
                    connection.sendall(text)
                    self.assertLess(len(self.read_all(connection)), 200)

    @abuse("Random bytes in place of a handshake", "the connection is closed")
    def test_not_tls(self):
        with socket.create_connection(address(self.tls), timeout=20) as connection:
            connection.sendall(b"\x16\x03\x01" + random.Random(1).randbytes(4096))
            self.assertLess(len(self.read_all(connection)), 200)

    @abuse("Connections that send nothing, or half of what HTTP/2 begins with",
           "the connection is closed after 10 seconds")
    def test_slow_loris(self):
        for connection in self.servers.loris:
            connection.settimeout(30)
            self.assertLess(len(self.read_all(connection)), 200)

    @abuse("Headers of 100 KB, in one and in a thousand", "RESOURCE_EXHAUSTED")
    def test_huge_headers(self):
        for extra in ([("x-much", "A" * 100_000)], [(f"x-{i}", "A" * 100) for i in range(1000)]):
            api = self.api("alice", metadata=extra,
                           options=[("grpc.max_metadata_size", 1 << 20)])
            self.refused(Code.RESOURCE_EXHAUSTED, api.GetStats, collection="alpha")

    @abuse("A compressed request that inflates to 64 MB", "UNIMPLEMENTED, without inflating it")
    def test_decompression_bomb(self):
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            api = self.api("alice", options=[("grpc.max_send_message_length", -1)])
            call = api.channel.unary_unary("/newsprint.v1.ArticleService/GetArticle",
                                           request_serializer=bytes, response_deserializer=bytes)
            self.refused(Code.UNIMPLEMENTED,
                         lambda: call(bytes(64 << 20), compression=compression, timeout=30))

    @abuse("A request of 17 MB", "RESOURCE_EXHAUSTED")
    def test_huge_request(self):
        self.refused(Code.RESOURCE_EXHAUSTED, self.api("alice").IngestArticle, collection="alpha",
                     article={**ARTICLE, "body": "x" * (17 << 20)})

    @abuse("Bytes that are no such message", "INVALID_ARGUMENT")
    def test_not_a_message(self):
        call = self.api("alice").channel.unary_unary(
            "/newsprint.v1.ArticleService/GetArticle", request_serializer=bytes,
            response_deserializer=bytes)
        for request in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 1000):
            self.refused(Code.INVALID_ARGUMENT, lambda: call(request, timeout=30))

    @abuse("A service or method that is not there", "UNIMPLEMENTED")
    def test_unknown_method(self):
        for path in ("/newsprint.v1.ArticleService/DropEverything", "/newsprint.v1.Shell/Run",
                     "/../../etc/passwd"):
            call = self.api("alice").channel.unary_unary(path, request_serializer=bytes,
                                                         response_deserializer=bytes)
            self.refused(Code.UNIMPLEMENTED, lambda: call(b"", timeout=30))

    @abuse("Reflection, when it is switched off, as it is with an access file", "UNIMPLEMENTED")
    def test_reflection_when_switched_off(self):
        for process in (self.tls, self.plain):
            api = self.api("root", process=process)
            call = api.channel.stream_stream(
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                request_serializer=bytes, response_deserializer=bytes)
            self.refused(Code.UNIMPLEMENTED, lambda: call(iter([b"\x3a\x00"]), timeout=30))

    @abuse("AdminService on the main listener, when it has one of its own", "UNIMPLEMENTED")
    def test_admin_on_the_main_listener(self):
        main = self.api("root", process=self.plain)
        service = next(service for file in np._descriptor_set().file for service in file.service
                       if service.name == "AdminService")
        self.assertGreater(len(service.method), 8)
        for method in service.method:
            self.refused(Code.UNIMPLEMENTED, getattr(main, method.name))
        with grpc.insecure_channel(self.servers.admin_address, options=np.CHANNEL_OPTIONS) as channel:
            self.assertEqual(np.health(channel), np.SERVING)
            root = np.Api(with_metadata(channel, bearer(self.people.tokens["root"])))
            self.assertEqual(len(root.ListCollections().collections), 1)
            self.refused(Code.UNAUTHENTICATED, np.Api(channel).ListCollections)


class RoleTableTest(SecurityTestCase):
    """That docs/security.md says which role is needed: neither less nor more does."""

    @staticmethod
    def table():
        """Method -> role, as documented."""
        roles = {}
        for line in (np.ROOT / "docs" / "security.md").read_text().splitlines():
            match = re.fullmatch(r"\| `(read|write|admin)` \| (.+) \|", line)
            if match:
                for group in re.findall(r"(?:Create-, Update-, Delete-, )?\b[A-Z]\w+", match.group(2)):
                    for name in group.replace("-", "Collection").split(", "):
                        roles[name] = match.group(1)
        return roles

    def answers_to(self, api, method):
        """The code of a call for the collection `roles`, with nothing else in it."""
        message = getattr(api, method.input_type.rsplit(".", 1)[1])
        field = message.DESCRIPTOR.fields_by_name.get("collection")
        fields = {}
        if field is not None:
            fields = {"collection": {"name": "roles"} if field.message_type else "roles"}
        elif method.name in ("GetCollection", "DeleteCollection"):
            fields = {"name": "roles"}
        try:
            if method.name == "StreamIngest":
                return self.stream(api, {"collection": "roles"})[0].status.code
            answer = getattr(api, method.name)(**fields)
            if hasattr(answer, "__next__"):
                answer.cancel()
        except grpc.RpcError as error:
            return error.code().value[0]
        return 0

    def test_each_method_needs_the_role_of_the_docs(self):
        roles = self.table()
        ranks = ["none", "read", "write", "admin"]
        apis = {role: self.api(f"{role}-of-roles") for role in ranks[1:]}
        methods = {method.name: method for file in np._descriptor_set().file
                   for service in file.service for method in service.method}
        about_server = {"CreateSnapshot", "ListSnapshots", "DeleteSnapshot", "ReadSnapshot",
                        "ListEmbedders", "ListCollections"}
        self.assertEqual(set(roles), set(methods) - about_server)
        # Last, as it ends what the others are about.
        for name in sorted(roles, key=lambda name: (name == "DeleteCollection", name)):
            for role in ranks[1:]:
                if methods[name].server_streaming and name != "StreamIngest":
                    call = getattr(apis[role], name)(collection="roles", after_sequence=0)
                    try:
                        next(call)
                        code = 0
                    except grpc.RpcError as error:
                        code = error.code().value[0]
                    call.cancel()
                else:
                    code = self.answers_to(apis[role], methods[name])
                may = ranks.index(role) >= ranks.index(roles[name])
                with self.subTest(method=name, role=role):
                    self.assertEqual(code == Code.PERMISSION_DENIED.value[0], not may, code)
                    self.assertNotEqual(code, Code.UNAUTHENTICATED.value[0])

    def test_administration_is_logged(self):
        api = self.api("root")
        api.CreateCollection(collection={"name": "shared-logged"})
        api.DeleteCollection(name="shared-logged")
        list(api.ReadSnapshot(name=api.CreateSnapshot(name="logged").snapshot.name))
        api.DeleteSnapshot(name="logged")
        self.refused(Code.PERMISSION_DENIED, self.api("alice").UpdateCollection,
                     collection={"name": "alpha"})  # as access_refused
        for line in ('identity="root" method=ReadSnapshot collection="" code=OK','identity="root" method=CreateCollection collection="shared-logged" code=OK',
                     'identity="root" method=DeleteCollection collection="shared-logged" code=OK'):
            wait_until(lambda: f"event=administration {line}" in self.tls.stderr(), line)
        self.assertNotIn('event=administration identity="alice" method=UpdateCollection',
                         self.tls.stderr())


class LimitsTest(SecurityTestCase):
    @abuse("A batch of many articles, to get around the limit of calls", "each counts as a call")
    def test_batch_counts_its_articles(self):
        api = self.api("batches")
        requests = [{"article": {**ARTICLE, "id": f"batch-{i}"}} for i in range(50)]
        results = api.BatchIngestArticles(collection="alpha", requests=requests).results
        self.assertEqual({result.status.code for result in results}, {0})
        self.refused(Code.RESOURCE_EXHAUSTED, api.GetStats, collection="alpha")
        # 49 too many, at ten a second.
        self.assertGreater(retry_seconds(self.error), 2)
        # One that is refused for its size does not keep its sender out for hours.
        self.refused(Code.INVALID_ARGUMENT, self.api("batch-mistakes").BatchGetArticles,
                     collection="alpha", ids=["x"] * 100_000)
        wait_until(lambda: self.api("batch-mistakes").GetStats(collection="alpha"), "an answer")

    @abuse("More streams at once than the identity may have open", "RESOURCE_EXHAUSTED")
    def test_too_many_streams(self):
        api = self.api("streams")
        watches = [api.WatchGroups(collection="alpha", after_sequence=0) for _ in range(2)]
        for watch in watches:
            next(watch)
        self.refused(Code.RESOURCE_EXHAUSTED, api.WatchGroups, collection="alpha", after_sequence=0)
        self.refused(Code.RESOURCE_EXHAUSTED, api.StreamIngest, iter(()))
        watches.pop().cancel()
        # The server hears of it a moment later.
        wait_until(lambda: not list_codes(api.StreamIngest(iter(()))), "room for a stream")
        watches.pop().cancel()

    @abuse("More calls in a second than the identity may make", "RESOURCE_EXHAUSTED, with RetryInfo")
    def test_too_many_calls(self):
        api = self.api("slow")
        api.GetStats(collection="alpha")
        for _ in range(3):
            self.refused(Code.RESOURCE_EXHAUSTED, api.GetStats, collection="alpha")
            self.assertGreater(retry_seconds(self.error), 50)
        self.refused(Code.RESOURCE_EXHAUSTED, api.WatchGroups, collection="alpha")
        self.api("alice").GetStats(collection="alpha")  # others are not slowed down

    @abuse("More bytes in a second, questions and answers, than the identity may send and get",
           "RESOURCE_EXHAUSTED, with RetryInfo")
    def test_too_many_bytes(self):
        api = self.api("thin")
        api.GetArticle(collection="alpha", id="alpha-1")
        self.refused(Code.RESOURCE_EXHAUSTED, api.GetArticle, collection="alpha", id="alpha-1")
        self.assertGreater(retry_seconds(self.error), 5)

    @abuse("A stream that sends faster than the identity may", "is read more slowly, and loses nothing")
    def test_fast_stream(self):
        begin = time.monotonic()
        results = self.stream(self.api("stream"), *(
            {"collection": "alpha", "article": {**ARTICLE, "id": f"fast-{i}"}} for i in range(120)))
        self.assertEqual([r.status.code for r in results], [0] * 120)
        self.assertGreater(time.monotonic() - begin, 1)

    @abuse("More articles than the identity may store: one by one, in a batch, in a stream",
           "RESOURCE_EXHAUSTED for those beyond")
    def test_too_many_articles(self):
        api = self.api("small")
        article = [{**ARTICLE, "id": f"q{i}", "body": f"{ARTICLE['body']} {i}"} for i in range(6)]
        api.IngestArticle(collection="quota-a", article=article[0])
        batch = api.BatchIngestArticles(collection="quota-a", requests=[
            {"article": a} for a in (article[1], article[0], article[2], article[3])])
        self.assertEqual([r.status.code for r in batch.results], [0, 0, 0, 8])
        self.assertIn("limit 3 (articles_max)", batch.results[3].status.message)
        self.refused(Code.RESOURCE_EXHAUSTED, api.IngestArticle, collection="quota-a",
                     article=article[3])
        self.assertIsNone(retry_seconds(self.error))  # it would not help
        results = self.stream(api, {"collection": "quota-a", "article": article[4]},
                              {"article": {**article[0], "body": "Another text."}})
        self.assertEqual([r.status.code for r in results], [8, 0])
        api.DeleteArticle(collection="quota-a", id="q1")
        api.IngestArticle(collection="quota-a", article=article[5])
        self.assertEqual(api.GetStats(collection="quota-a").articles, 3)
        # The command line reports what is refused, and does not wait for better times.
        file = np.write_jsonl(self.servers.folder / "quota.jsonl", article)
        done = np.run_cli(f"--target={self.tls.address}", f"--tls_ca={self.authority.ca}",
                          f"--token_file={self.token_file('small')}", "--collection=quota-a",
                          "import", file, "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["failed"]), (1, 3))


class StartTest(np.ServerTestCase):
    """What a newsprintd refuses to start with, and servers of other settings."""

    def start_refused(self, *flags):
        done = np.run_binary("newsprintd", f"--data_dir={self.folder / 'data'}", *flags, seconds=20)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        # It has opened, and perhaps brought to another format, nothing.
        self.assertFalse((self.folder / "data").exists())
        return done.stderr.splitlines()[-1]

    @abuse("A listener without TLS on another address than a loopback one", "does not start")
    def test_plaintext_on_all_addresses(self):
        for flags in (["--listen=0.0.0.0:0"], ["--listen=[::]:0"],
                      ["--listen=127.0.0.1:0", "--admin_listen=0.0.0.0:0"]):
            self.assertIn("not a loopback address", self.start_refused(*flags))
        server = self.launch("--allow_plaintext", listen="0.0.0.0:0").wait_listening()
        self.assertIn("event=plaintext_listener", server.stderr())
        self.assertIn("event=open_listener", server.stderr())

    @abuse("Certificates that are missing, damaged, not of the key, or with a password",
           "does not start")
    def test_bad_certificates(self):
        authority = Authority(self.folder, "news")
        one, other = authority.issue_server(), authority.issue_server()
        junk = self.folder / "junk"
        junk.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        half = self.folder / "half"
        text = other.read_text()
        half.write_text(one.read_text() + text[:len(text) // 2])
        locked = self.folder / "locked"
        subprocess.run(["openssl", "pkey", "-in", f"{one}.key", "-aes256", "-passout", "pass:x", "-out",
                        locked], check=True)
        for flag, flags in {
                "tls_cert: cannot be read": [f"--tls_cert={junk}x", f"--tls_key={one}.key"],
                "tls_cert: no certificate": [f"--tls_cert={junk}", f"--tls_key={one}.key"],
                "tls_cert: damaged behind": [f"--tls_cert={half}", f"--tls_key={one}.key"],
                "tls_client_ca: damaged behind": [f"--tls_cert={one}", f"--tls_key={one}.key",
                                                  f"--tls_client_ca={half}"],
                "tls_key: no private key": [f"--tls_cert={one}", f"--tls_key={junk}"],
                "tls_key: no private key in PEM form, or one with a password":
                    [f"--tls_cert={one}", f"--tls_key={locked}"],
                "tls_key: not the key": [f"--tls_cert={one}", f"--tls_key={other}.key"],
                "tls_key: required": [f"--tls_cert={one}"],
                "tls_client_ca: no certificate": [f"--tls_cert={one}", f"--tls_key={one}.key",
                                                  f"--tls_client_ca={junk}"],
                "tls_client_auth: got": ["--tls_client_auth=maybe"]}.items():
            self.assertIn(flag, self.start_refused("--listen=127.0.0.1:0", *flags))

    @abuse("An access file with an error, or none at its place", "does not start")
    def test_bad_access_file(self):
        path = self.folder / "access.json"
        self.assertIn("access_file: cannot be read", self.start_refused(f"--access_file={path}"))
        path.write_text('{"identities":[{"name":"a","token_sha256":["x"]}]}')
        self.assertIn("access_file: identities[0].token_sha256[0]: not a SHA-256",
                      self.start_refused(f"--access_file={path}"))

    @abuse("No certificate, where the server requires one", "the handshake fails")
    def test_no_certificate_where_one_is_required(self):
        authority = Authority(self.folder, "news")
        cert = authority.issue_server()
        people = Identities(self.folder / "access.json")
        people.add("machine", (["*"], "read"), token=False, certificate_names=["machine.example"])
        people.add("root", (["*"], "admin"))
        process = SecureProcess(
            self.folder / "data", authority.ca.read_bytes(), f"--tls_cert={cert}",
            f"--tls_key={cert}.key", f"--tls_client_ca={authority.ca}", "--reflection=true",
            f"--access_file={people.write()}")
        self._processes.append(process)
        process.wait_listening()
        with process.channel() as channel, self.assertRaises(grpc.RpcError) as caught:
            np.Api(with_metadata(channel, bearer(people.tokens["root"]))).GetStats(timeout=10)
        self.assertEqual(caught.exception.code(), Code.UNAVAILABLE)
        with process.channel(cert=authority.issue("m", "DNS:machine.example")) as channel:
            wait_until(lambda: np.health(channel) == np.SERVING, "serving")
            self.assertEqual(np.Api(channel).GetStats().articles, 0)
            # Switched on by the flag, and open.
            call = channel.stream_stream(
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                request_serializer=bytes, response_deserializer=bytes)
            self.assertIn(b"newsprint.v1.ArticleService", next(call(iter([b"\x3a\x00"]), timeout=30)))

    def test_what_may_be_a_mistake_is_told(self):
        authority = Authority(self.folder, "news")
        cert = authority.issue("newsprintd", "IP:127.0.0.1", days=0)
        people = Identities(self.folder / "access.json")
        people.add("machine", (["*"], "read"), token=False, certificate_names=["machine.example"])
        people.write().chmod(0o666)
        pathlib.Path(f"{cert}.key").chmod(0o644)
        flags = [f"--tls_cert={cert}", f"--tls_key={cert}.key", f"--access_file={people.path}"]
        checked = np.run_binary("newsprintd", f"--data_dir={self.folder / 'data'}", *flags,
                                "--check_config")
        self.assertEqual((checked.returncode, checked.stdout), (0, "configuration ok\n"))
        for log in (checked.stderr, self.launch(*flags).wait_listening().stderr()):
            self.assertIn("event=certificate_expired", log)
            self.assertIn("event=certificate_names_unused", log)
            self.assertRegex(log, 'event=file_mode message="tls_key: everybody .* 0644')
            self.assertRegex(log, 'event=file_mode message="access_file: others .* 0666')

    @abuse("More connections than the process may have file descriptors",
           "the server says so and ends with an error, to be started again")
    def test_out_of_file_descriptors(self):
        server = self.launch().wait_serving()
        pid = server.process.pid
        # It takes all that the system lets it have.
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        self.assertEqual(soft, hard)
        limit = len(os.listdir(f"/proc/{pid}/fd")) + 20
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))
        with contextlib.ExitStack() as connections:
            for _ in range(60):
                with contextlib.suppress(OSError):
                    connections.enter_context(socket.create_connection(address(server)))
            self.assertEqual(server.process.wait(timeout=60), 1)
        self.assertIn("event=listener_lost", server.stderr())
        self.assertIn("newsprintd: listen: no more connections are taken", server.stderr())


class ReplacedFilesTest(RunningTestCase):
    def replace_token(self, *names, keep_old):
        for name in names:
            entry = self.people.entries[name]
            self.people.tokens[name] = new_token()
            entry["token_sha256"] = [hash_of(self.people.tokens[name]),
                                     *(entry["token_sha256"][:1] if keep_old else [])]
        self.people.write()

    def test_certificates_and_tokens_are_replaced_under_load(self):
        stop, failures, calls = threading.Event(), [], [0] * 4

        def run(i):
            try:
                while not stop.is_set():
                    # A new connection each time, and so a handshake.
                    with self.process.channel() as channel:
                        api = self.as_alice(channel)
                        for _ in range(20):
                            api.ListGroups()
                            calls[i] += 1
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=run, args=[i]) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        certificates = {self.served_certificate()}
        for _ in range(2):
            old = dict(self.people.tokens)
            # The new hash goes in beside the old one; then the callers change; then the old one goes.
            fresh = new_token()
            entry = self.people.entries["alice"]
            entry["token_sha256"].append(hash_of(fresh))
            self.install(self.authority.issue_server())
            self.change("access_file_read", self.people.write)
            wait_until(lambda: self.served_certificate() not in certificates, "a new certificate")
            certificates.add(self.served_certificate())
            self.people.tokens["alice"] = fresh
            before = list(calls)
            wait_until(lambda: all(now > was + 40 for now, was in zip(calls, before)) or failures,
                       "calls with the new token")
            entry["token_sha256"] = [hash_of(fresh)]
            self.change("access_file_read", self.people.write)
            with self.process.channel() as channel, self.assertRaises(grpc.RpcError) as caught:
                np.Api(with_metadata(channel, bearer(old["alice"]))).ListGroups()
            self.assertEqual(caught.exception.code(), Code.UNAUTHENTICATED)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(len(certificates), 3)
        self.assertGreater(sum(calls), 500)

    @abuse("A certificate, a key or an access file that is broken while the server runs",
           "those of before stay")
    def test_broken_files_change_nothing(self):
        served = self.served_certificate()
        other = self.authority.issue_server()

        def nothing():
            pass
        for damage_certificate, damage_people in (
                (lambda: replace_file(self.cert, other.read_bytes()),  # without its key
                 lambda: replace_file(self.people.path, '{"identities": [}')),
                (lambda: replace_file(self.cert, "no certificate"), nothing),
                (self.cert.unlink, self.people.path.unlink)):
            refused = self.log_count("access_file_refused")
            damage_people()
            self.change("certificates_refused", damage_certificate)
            if damage_people != nothing:
                wait_until(lambda: self.log_count("access_file_refused") > refused, "a refusal")
            self.assertEqual(self.served_certificate(), served)
            with self.process.channel() as channel:
                self.as_alice(channel).GetStats()
        self.assertIn("line 1, column 17", self.process.stderr())
        self.people.write()
        self.change("certificates_read", lambda: self.install(other))
        self.assertNotEqual(self.served_certificate(), served)
        wait_until(lambda: self.log_count("access_file_read") > 0, "the access file")

    def open_streams(self, channel):
        """An ingestion that has answered once, and a watch that has; both stay open."""
        api = self.as_alice(channel)
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)

        def requests():
            yield api.StreamIngestRequest(sequence=1, request={"article": {**ARTICLE, "id": "s1"}})
            self.go_on.wait(60)
            yield api.StreamIngestRequest(sequence=2, request={"article": {**ARTICLE, "id": "s2"}})
        ingest = api.StreamIngest(requests(), timeout=60)
        self.assertEqual(next(ingest).result.status.code, 0)
        watch = api.WatchGroups(after_sequence=0)
        next(watch)
        return ingest, watch

    @abuse("A token that is taken back: streams that it has opened, and later calls",
           "UNAUTHENTICATED within seconds")
    def test_revoked_token(self):
        with self.process.channel() as channel:
            streams = self.open_streams(channel)
            del self.people.entries["alice"]
            self.change("access_file_read", self.people.write)
            for stream in streams:
                with self.assertRaises(grpc.RpcError) as caught:
                    next(stream)
                self.assertEqual(caught.exception.code(), Code.UNAUTHENTICATED)
            with self.assertRaises(grpc.RpcError) as caught:
                self.as_alice(channel).GetStats()
            self.assertEqual(caught.exception.code(), Code.UNAUTHENTICATED)

    def test_streams_go_on_when_the_token_is_replaced(self):
        with self.process.channel() as channel:
            ingest, watch = self.open_streams(channel)
            self.change("access_file_read", lambda: self.replace_token("alice", keep_old=False))
            self.go_on.set()
            self.assertEqual([r.result.status.code for r in ingest], [0])
            watch.cancel()

    @abuse("A right that is taken back while streams are open",
           "PERMISSION_DENIED or NOT_FOUND within seconds")
    def test_revoked_right(self):
        with self.process.channel() as channel:
            ingest, watch = self.open_streams(channel)
            self.people.entries["alice"]["grants"] = []
            self.change("access_file_read", self.people.write)
            with self.assertRaises(grpc.RpcError) as caught:
                next(watch)
            self.assertEqual(caught.exception.code(), Code.NOT_FOUND)
            self.go_on.set()
            self.assertEqual([r.result.status.code for r in ingest], [5])

    @abuse("Reading a snapshot at a rate so low that it would take hours, while the token is taken back "
           "or the server stops", "the stream ends within seconds")
    def test_snapshot_at_a_low_rate(self):
        self.people.add("keeper", (["*"], "admin"))
        for name in ("leaver", "copyist"):
            self.people.add(name, (["*"], "admin"), limits={"bytes_per_second": 2})
        self.change("access_file_read", self.people.write)
        with self.process.channel() as channel:
            keeper, leaver, copyist = (
                np.Api(with_metadata(channel, bearer(self.people.tokens[name])))
                for name in ("keeper", "leaver", "copyist"))
            keeper.CreateSnapshot(name="s")
            streams = [api.ReadSnapshot(name="s", timeout=120) for api in (leaver, copyist)]
            for stream in streams:
                next(stream)
            del self.people.entries["leaver"]
            self.change("access_file_read", self.people.write)
            with self.assertRaises(grpc.RpcError) as caught:
                next(streams[0])
            self.assertEqual(caught.exception.code(), Code.UNAUTHENTICATED)
            self.assertEqual(self.process.stop(), 0)
            with self.assertRaises(grpc.RpcError) as caught:
                next(streams[1])
            self.assertEqual(caught.exception.code(), Code.UNAVAILABLE)

    def test_command_line(self):
        tls = f"--tls_ca={self.authority.ca}"
        made = json.loads(np.run_cli("token", "create", "--json").stdout)
        self.assertEqual(made["token_sha256"], hash_of(made["token"]))
        token_file = self.folder / "token"
        hidden = np.run_cli("token", "create", f"--output={token_file}")
        self.assertIn(hash_of(token_file.read_text().strip()), hidden.stdout)
        self.assertNotIn(token_file.read_text().strip(), hidden.stdout)
        self.assertEqual(token_file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(np.run_cli("token", "create", f"--output={token_file}").returncode, 1)
        token_file.write_text(self.people.tokens["alice"] + "\n")
        file = np.write_jsonl(self.folder / "a.jsonl", [ARTICLE])
        self.cli(self.process, "import", file, tls, f"--token_file={token_file}")
        done = self.cli(self.process, "stats", tls, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("(UNAUTHENTICATED); give the server's kind of credential: --token_file=FILE",
                      done.stderr)
        refused = self.cli("198.51.100.1:1", "stats", f"--token_file={token_file}", check=False)
        self.assertIn("token: would go unencrypted to another machine", refused.stderr)
        self.assertNotIn(self.people.tokens["alice"], refused.stderr)


class TableTest(unittest.TestCase):
    def test_the_table_of_the_docs_is_that_of_the_tests(self):
        rows = {}
        for line in (np.ROOT / "docs" / "security.md").read_text().splitlines():
            match = re.fullmatch(r"\| (.+) \| (.+) \| `(test_\w+)` \|", line)
            if match:
                self.assertNotIn(match.group(3), rows)
                rows[match.group(3)] = (match.group(1), match.group(2))
        self.assertEqual(rows, CASES)
        self.assertGreaterEqual(len(rows), 40)


if __name__ == "__main__":
    unittest.main()
