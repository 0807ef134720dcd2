"""newsprintd from outside: start, health, flags, shutdown, restarts after SIGTERM and SIGKILL, logs."""
import os
import re
import subprocess
import threading
import time
import unittest

import grpc

import newsprint_process as np
from newsprint_process import NOT_SERVING, SERVING

# A value of logfmt: bare, or quoted with backslash escapes.
LOG_LINE = re.compile(r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d '
                      r'level=(?:debug|info|warning|error) event=[a-z_]+'
                      r'(?: [a-z_]+=(?:"(?:[^"\\]|\\.)*"|[^\s"=]+))*')


def ingest_all(api, articles, collection=""):
    """Streams the articles and returns the results, in order."""
    def requests():
        for i, article in enumerate(articles):
            yield api.StreamIngestRequest(
                sequence=i + 1, request={"collection": collection, "article": article})
    return [response.result for response in api.StreamIngest(requests(), timeout=60)]


def state_of(api, ids):
    """What a client can see of these articles, and of the collection as a whole. Times and sizes are
    left out: they are not a function of what was ingested."""
    state = {}
    for article_id in ids:
        duplicates = api.FindDuplicates(id=article_id).verdict
        related = api.FindRelated(id=article_id, max_results=20).related
        group = api.GetGroup(article_id=article_id)
        state[article_id] = {
            "verdict": (api.relation(duplicates.relation), duplicates.canonical_id,
                        duplicates.group_id, [str(match) for match in duplicates.matches]),
            "related": [(r.article_id, r.score, r.group_id, r.title) for r in related],
            "group": (str(group.group), [(m.article_id, m.relation, str(m.evidence))
                                         for m in group.members]),
        }
    stats = api.GetStats()
    state["stats"] = (stats.articles, stats.groups, stats.sequence,
                      {api.relation(c.relation): c.count for c in stats.relations})
    return state


class StartTest(np.ServerTestCase):
    def test_prints_one_line_and_serves(self):
        server = self.serve()
        self.assertRegex(server.address, r"^127\.0\.0\.1:[1-9]\d*$")
        self.assertEqual(self.api(server).GetStats().articles, 0)
        self.stop(server)
        self.assertEqual(server.stdout_lines, [f"listening on {server.address}\n"])

    def fill_so_that_loading_takes_a_while(self):
        """Long vectors, whose graph is built anew at each start."""
        server = self.serve()
        api = self.api(server)
        api.CreateCollection(collection={
            "name": "wide", "embedder": "caller", "embedding_dimension": 4096})
        random = np.random.Random(11)
        articles = [{"id": f"w{i}", "body": f"item {i}",
                     "embedding": [random.uniform(-1, 1) for _ in range(4096)]} for i in range(400)]
        results = ingest_all(api, articles, collection="wide")
        self.assertEqual([r.status.code for r in results], [0] * len(articles))
        self.stop(server)

    def test_health_is_not_serving_until_the_indexes_are_loaded(self):
        self.fill_so_that_loading_takes_a_while()
        server = self.launch().wait_listening()
        api = self.api(server)
        statuses = np.watch_health(api.channel)
        self.assertEqual(next(statuses), NOT_SERVING)
        with self.assertRaises(grpc.RpcError) as caught:
            api.GetStats()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("starting", caught.exception.details())
        self.assertEqual(next(statuses), SERVING)
        self.assertEqual(api.GetStats(collection="wide").articles, 400)

    def test_sigterm_while_the_indexes_are_loaded(self):
        self.fill_so_that_loading_takes_a_while()
        server = self.launch().wait_listening()
        self.stop(server)

    def test_help(self):
        done = np.run_binary("newsprintd", "--help")
        for flag in ("--listen", "--data_dir", "--drain_seconds", "--log_level"):
            self.assertIn(flag, done.stdout)
        titles = re.findall(r"^([A-Z].*):$", done.stdout, re.MULTILINE)
        self.assertEqual(titles, ["Listening", "Security", "Storage", "Limits", "Overload", "Embedding",
                                  "Logging", "Monitoring", "Running"])
        self.assertIn("--title_bytes_max=BYTES\n      Longest title of an article.\n"
                      "      Default: 4096; 1 to 65536.\n", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)
        self.assertEqual(done.stderr, "")
        self.assertNotIn(str(np.ROOT).strip("/"), done.stdout, "a path of the build machine")
        self.assertEqual(done.returncode, 0)

    def test_version(self):
        done = np.run_binary("newsprintd", "--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^newsprintd \d+\.\d+\.\d+\n$")


class BadFlagsTest(np.ServerTestCase):
    def assert_refused(self, flag, *words, data_dir=True):
        """Not zero, nothing on standard output, and one line on standard error with `flag`.

        Log lines may come before it: where gRPC cannot bind, they say why.
        """
        if data_dir:
            words = (f"--data_dir={self.folder / 'data'}", *words)
        try:
            done = np.run_binary("newsprintd", *words, seconds=5)
        except subprocess.TimeoutExpired as expired:
            self.fail(f"not refused: it runs, and prints {expired.stdout}")
        self.assertIn(done.returncode, (1, 2))
        self.assertEqual(done.stdout, "")
        said = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
        self.assertEqual(len(said), 1, done.stderr)
        self.assertIn(flag, said[0])
        self.assertTrue(done.stderr.endswith(said[0] + "\n"), "not the last line")

    def test_unknown_flag(self):
        self.assert_refused("no_such_flag", "--no_such_flag=1")

    def test_data_dir_missing(self):
        self.assert_refused("data_dir", data_dir=False)
        self.assert_refused("data_dir", "--data_dir=", data_dir=False)
        self.assert_refused("data_dir", "--data_dir", data_dir=False)

    def test_data_dir_unusable(self):
        file = self.folder / "file"
        file.write_text("not a folder")
        self.assert_refused("data_dir", f"--data_dir={file}", data_dir=False)
        self.assert_refused("data_dir", f"--data_dir={file}/below", data_dir=False)

    def test_out_of_range(self):
        for flag, values in {
                "compute_threads": (-1, 1025), "queue_items_max": (0, 1_000_001),
                "queue_bytes_max": ((1 << 20) - 1, (1 << 40) + 1),
                "connection_calls_max": (0, 65537), "keepalive_seconds": (0, 7201),
                "grpc_bytes_max": ((16 << 20) - 1, 32 << 20, (1 << 40) + 1),
                "disk_reserve_bytes": (-1, (1 << 40) + 1),
                "message_bytes_max": (65535, (1 << 30) + 1), "body_bytes_max": (0, (64 << 20) + 1),
                "title_bytes_max": (0, 65537), "batch_items_max": (0, 100_001),
                "stream_window_items": (0, 65537), "stream_window_bytes": (65535, (1 << 30) + 1),
                "block_cache_bytes": ((1 << 20) - 1, 1 << 31), "drain_seconds": (-1, 3601)}.items():
            for value in values:
                with self.subTest(flag=flag, value=value):
                    self.assert_refused(flag, f"--{flag}={value}")

    def test_not_a_number(self):
        self.assert_refused("compute_threads", "--compute_threads=many")

    def test_log_level(self):
        for level in ("chatty", "", "INFO"):
            with self.subTest(level=level):
                self.assert_refused("log_level", f"--log_level={level}")

    def test_listen(self):
        for listen in ("nonsense", "127.0.0.1:abc", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:",
                       "", "no-such-host.invalid:0"):
            with self.subTest(listen=listen):
                self.assert_refused("listen", f"--listen={listen}")

    def test_positional_argument(self):
        self.assert_refused("junk", "junk")


class CheckConfigTest(np.ServerTestCase):
    """newsprintd --check_config, which neither listens nor opens the store."""

    def setUp(self):
        super().setUp()
        self.data_dir = self.folder / "data"

    def check(self, *words):
        return np.run_binary("newsprintd", f"--data_dir={self.data_dir}", "--check_config", *words)

    def assert_ok(self, *words):
        done = self.check(*words)
        self.assertEqual((done.returncode, done.stdout), (0, "configuration ok\n"))
        for line in done.stderr.splitlines():  # what may be a mistake, and need not be one
            self.assertIn(" level=warning event=", line)

    def assert_refused(self, said, *words):
        done = self.check(*words)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, rf"^newsprintd: [^\n]*{re.escape(said)}[^\n]*\n$")

    def test_ok_and_nothing_is_made(self):
        self.assert_ok()
        self.assertFalse(self.data_dir.exists())
        self.data_dir.mkdir()
        self.assert_ok("--listen=[::]:7420", "--allow_plaintext", "--remote_embedders=a=tei://host:80")
        self.assertEqual(list(self.data_dir.iterdir()), [])

    def test_beside_a_running_server(self):
        server = self.serve()
        self.data_dir = server.data_dir
        self.assert_ok(f"--listen={server.address}")
        self.assertEqual(self.api(server).GetStats().articles, 0)

    def test_values(self):
        self.assert_refused("title_bytes_max: out of range, got 0, limit 1 to 65536",
                            "--title_bytes_max=0")
        self.assert_refused("listen", "--listen=nonsense")
        self.assert_refused("grpc_bytes_max: less than queue_bytes_max", "--queue_bytes_max=1000000000")
        self.assert_refused("no_such_flag", "--no_such_flag")
        self.assert_refused("embedder.protocol: unknown", "--remote_embedders=a=http://host")

    def test_folders(self):
        self.assert_refused("models_dir", f"--models_dir={self.folder}/absent")
        file = self.folder / "file"
        file.write_text("not a folder")
        self.assert_refused("models_dir", f"--models_dir={file}")
        for self.data_dir in (file, file / "below", self.folder / "absent" / "below"):
            self.assert_refused("data_dir")
        self.data_dir = ""
        self.assert_refused("data_dir: required")

    def test_a_folder_that_may_not_be_written(self):
        self.data_dir.mkdir(mode=0o555)
        # Root may write everywhere unless it gives its capabilities away.
        words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        done = subprocess.run([*words, np.BIN / "newsprintd", f"--data_dir={self.data_dir}",
                               "--check_config"], capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("data_dir: Permission denied", done.stderr)

    def test_flag_file(self):
        file = self.folder / "flags"
        file.write_text("# A comment.\n\n  --title_bytes_max=100  \n--log_level=warning\n")
        self.assert_ok(f"--flagfile={file}")
        file.write_text("--log_level=warning\n--title_bytes_max=0\n")
        self.assert_refused(f"title_bytes_max: out of range, got 0, limit 1 to 65536 ({file}, line 2)",
                            f"--flagfile={file}")
        self.assert_refused("flagfile: cannot be read", f"--flagfile={file}-absent")


class TwoServersTest(np.ServerTestCase):
    def assert_gives_up(self, server, *words):
        self.assertGreater(server.wait(), 0)
        self.assertEqual(server.stdout_lines, [])
        for word in words:
            self.assertIn(word, server.stderr().splitlines()[-1])

    def test_same_data_folder(self):
        first = self.serve()
        self.assert_gives_up(self.launch(), "data_dir", "in use by another process",
                             str(first.data_dir))
        self.assertEqual(self.api(first).GetStats().articles, 0)

    def test_same_port(self):
        first = self.serve()
        second = self.launch(data_dir=self.folder / "other", listen=first.address)
        self.assert_gives_up(second, "listen", first.address)
        self.assertEqual(self.api(first).GetStats().articles, 0)
        # The refused server leaves a folder that another one can use.
        self.serve(data_dir=self.folder / "other")


class ShutdownTest(np.ServerTestCase):
    def test_sigint_is_sigterm(self):
        server = self.serve()
        server.process.send_signal(np.signal.SIGINT)
        self.assertEqual(server.wait(), 0)

    def test_sigterm_lets_running_calls_end(self):
        server = self.serve()
        api = self.api(server)
        articles = np.Writer(2).mixed(1000)
        call = api.BatchIngestArticlesFuture(requests=[{"article": a} for a in articles])
        while api.GetStats().articles == 0:  # until the call has begun
            time.sleep(0.002)
        server.terminate()
        results = call.result(timeout=np.START_SECONDS).results
        self.assertEqual([r.status.code for r in results], [0] * len(articles))
        self.assertEqual(server.wait(), 0)

        api = self.api(self.serve())
        self.assertEqual(api.GetStats().articles, len(articles))

    def test_sigterm_with_an_idle_client_connected(self):
        server = self.serve()
        api = self.api(server)
        api.GetStats()
        begin = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - begin, 15)  # --drain_seconds, and some
        with self.assertRaises(grpc.RpcError) as caught:
            api.GetStats()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_sigterm_with_an_idle_stream_open(self):
        server = self.serve("--drain_seconds=1")
        api = self.api(server)
        statuses = np.watch_health(api.channel)
        self.assertEqual(next(statuses), SERVING)
        done = threading.Event()

        def requests():
            yield api.StreamIngestRequest(
                sequence=1, request={"article": np.Writer(3).article("held", "t")})
            done.wait(np.START_SECONDS)

        responses = api.StreamIngest(requests())
        self.assertEqual(next(responses).result.article_id, "held")
        begin = time.monotonic()
        server.terminate()
        self.assertEqual(next(statuses), NOT_SERVING)
        self.assertEqual(server.wait(), 0)
        self.assertLess(time.monotonic() - begin, 10)
        done.set()
        with self.assertRaises(grpc.RpcError):
            next(responses)
        self.assertEqual(self.api(self.serve()).GetArticle(id="held").article.id, "held")


class RestartTest(np.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.articles = np.Writer(4).mixed(150)

    def restart_and_compare(self, end):
        server = self.serve()
        api = self.api(server)
        results = ingest_all(api, self.articles)
        self.assertEqual([r.status.code for r in results], [0] * len(self.articles))
        relations = {api.relation(r.verdict.relation) for r in results}
        self.assertLess({"near_duplicate", "excerpt", "extension"}, relations)  # else: no test
        # One of each further kind of operation.
        ids = [a["id"] for a in self.articles]
        api.DeleteArticle(id=ids.pop(40))
        revised = dict(self.articles[7], body=self.articles[7]["body"] + " And then it rained.")
        self.assertEqual(api.relation(api.IngestArticle(article=revised).verdict.relation),
                         "revision")
        before = state_of(api, ids)
        end(server)

        api = self.api(self.serve())
        self.assertEqual(api.GetArticle(id=ids[7]).article.body, revised["body"])
        after = state_of(api, ids)
        for key in before:
            self.assertEqual(after[key], before[key], key)
        with self.assertRaises(grpc.RpcError) as caught:
            api.GetArticle(id="a-00040")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertTrue(api.IngestArticle(article=revised).verdict.replayed)

    def test_sigterm(self):
        self.restart_and_compare(self.stop)

    def test_sigkill(self):
        self.restart_and_compare(lambda server: server.kill())

    def test_sigkill_right_after_an_acknowledged_ingest(self):
        server = self.serve()
        for i in range(5):
            api = self.api(server)
            verdict = api.IngestArticle(article=self.articles[i]).verdict
            server.kill()
            server = self.serve()
            api = self.api(server)
            self.assertEqual(api.GetStats().articles, i + 1)
            stored = api.GetArticle(id=self.articles[i]["id"])
            self.assertEqual(stored.article.body, self.articles[i]["body"])
            self.assertEqual((stored.state.relation, stored.state.group_id),
                             (verdict.relation, verdict.group_id))

    def test_sigkill_in_the_middle_of_a_stream(self):
        articles = np.Writer(5).mixed(3000)
        server = self.serve()
        api = self.api(server)
        acknowledged = []

        def requests():
            for i, article in enumerate(articles):
                yield api.StreamIngestRequest(sequence=i + 1, request={"article": article})

        with self.assertRaises(grpc.RpcError):
            for response in api.StreamIngest(requests(), timeout=60):
                acknowledged.append(response.result)
                if len(acknowledged) == 400:
                    server.process.kill()
        self.assertLess(len(acknowledged), len(articles))
        server.wait()

        server = self.serve()
        api = self.api(server)
        found = []
        for begin in range(0, len(articles), 1000):
            ids = [a["id"] for a in articles[begin:begin + 1000]]
            found += api.BatchGetArticles(ids=ids).results
        stored = [r.status.code == 0 for r in found]
        count = sum(stored)
        self.assertGreaterEqual(count, len(acknowledged))
        # What was sent first was stored first: no holes.
        self.assertEqual(stored, [True] * count + [False] * (len(articles) - count))
        for article, result, told in zip(articles, found, acknowledged):
            self.assertEqual(result.article.body, article["body"])
            self.assertEqual((result.state.relation, result.state.group_id),
                             (told.verdict.relation, told.verdict.group_id))

        # The oracle: a server that never stopped and was sent the same.
        oracle = self.api(self.serve(data_dir=self.folder / "oracle"))
        ingest_all(oracle, articles[:count])
        sample = [a["id"] for a in articles[:count:17]]
        expected, actual = state_of(oracle, sample), state_of(api, sample)
        for key in expected:
            self.assertEqual(actual[key], expected[key], key)

        # Sending everything again completes it.
        again = ingest_all(api, articles)
        self.assertEqual([r.verdict.replayed for r in again], stored)
        self.assertEqual(api.GetStats().articles, len(articles))


class GroupsRestartTest(np.ServerTestCase):
    """What editors did, what was withdrawn and what was learned, after SIGKILL and SIGTERM."""

    FOOTER = (" Sign up for our morning letter and never miss a story from the newsroom of the valley."
              " All rights reserved; this material may not be published, broadcast, rewritten or"
              " redistributed without permission of the publisher or of its heirs.")

    def fill(self, api):
        writer = np.Writer(13)
        articles = writer.mixed(80)
        # One outlet signs all that it prints.
        for i in range(12):
            article = writer.article(f"signed-{i}", f"signed {i}", source="Valley News")
            articles.append(dict(article, body=article["body"] + self.FOOTER))
        results = ingest_all(api, articles)
        self.assertEqual([r.status.code for r in results], [0] * len(articles))
        # And one of each kind of edit, on the largest groups.
        groups = sorted(api.ListGroups(members_min=2).groups, key=lambda g: -g.member_count)
        self.assertGreater(len(groups), 6)
        ids = {g.id: [m.article_id for m in api.GetGroup(group_id=g.id).members] for g in groups}
        first, second, third, fourth, fifth, sixth = [g.id for g in groups[:6]]
        api.SetCanonical(group_id=first, article_id=ids[first][-1])
        self.assertGreater(len(ids[second]), 2)
        self.split = {"group_id": second, "article_ids": ids[second][1:2], "request_id": "split"}
        self.new_group = str(api.SplitGroup(**self.split).new_group)
        api.MergeGroups(group_id=third, merged_group_id=fourth)
        api.WithdrawStory(group_id=fifth, reason=1, note="Not for use.",
                          replacement_id=ids[fifth][1])
        api.WithdrawStory(article_id=ids[sixth][0], reason=2)
        for article_id in ids[sixth]:
            api.DeleteArticle(id=article_id)
        api.DeleteArticle(id="signed-3")  # it has taught all the same
        gone = {*ids[sixth], "signed-3"}
        return [a["id"] for a in articles if a["id"] not in gone], (fourth, fifth, sixth)

    def view(self, server, api, ids, groups):
        """What a client can see of groups, withdrawals, changes and boilerplate."""
        view = {"states": [str(api.GetArticle(id=i).state) for i in ids],
                "list": str(api.ListGroups(page_size=1000)),
                "withdrawn": str(api.ListGroups(withdrawn_only=True, page_size=1000)),
                "affected": [str(api.ListAffectedArticles(group_id=g)) for g in groups[1:]],
                "groups": [str(api.GetGroup(group_id=g.id))
                           for g in api.ListGroups(page_size=1000).groups],
                "merged": str(api.GetGroup(group_id=groups[0])),
                "compare": [self.cli_json(server, "compare", f"signed-{i}", f"signed-{i + 1}")
                            for i in (0, 4, 8)]}
        stats = api.GetStats()
        view["stats"] = (stats.articles, stats.groups, stats.sequence, stats.group_change_sequence,
                         stats.boilerplate_shingles, str(stats.relations))
        changes, stream = [], api.WatchGroups(after_sequence=0)
        while len(changes) < stats.group_change_sequence:
            changes += next(stream).changes
        stream.cancel()
        self.assertEqual([c.sequence for c in changes], list(range(1, len(changes) + 1)))
        view["changes"] = [str(c) for c in changes]
        return view

    def restart_and_compare(self, end):
        server = self.serve()
        api = self.api(server)
        ids, groups = self.fill(api)
        before = self.view(server, api, ids, groups)
        for compared in before["compare"]:  # else: no test
            self.assertGreater(compared["evidence"]["shared_boilerplate"], 10)
            self.assertEqual(compared["evidence"]["shared_shingles"], 0)
        end(server)
        server = self.serve()
        api = self.api(server)
        after = self.view(server, api, ids, groups)
        for key in before:
            self.assertEqual(after[key], before[key], key)
        # And it goes on from there: the next change has the next number.
        article = api.GetArticle(id="signed-0").article
        verdict = api.IngestArticle(article={"id": "late", "body": article.body}).verdict
        self.assertEqual(verdict.canonical_id, "signed-0")
        last = before["stats"][3]
        change = next(api.WatchGroups(after_sequence=last)).changes[0]
        self.assertEqual((change.sequence, change.article_id), (last + 1, "late"))
        self.assertEqual(str(api.SplitGroup(**self.split).new_group), self.new_group)

    def test_sigterm(self):
        self.restart_and_compare(self.stop)

    def test_sigkill(self):
        self.restart_and_compare(lambda server: server.kill())

    def test_sigkill_loses_no_change_that_was_told(self):
        articles = np.Writer(14).mixed(2000)
        server = self.serve()
        api = self.api(server)
        told = []

        def watch():
            try:
                for response in api.WatchGroups(after_sequence=0):
                    told.extend(response.changes)
            except grpc.RpcError:
                pass

        watcher = threading.Thread(target=watch)
        watcher.start()
        with self.assertRaises(grpc.RpcError):
            for number, article in enumerate(articles):
                api.IngestArticle(article=article)
                if number == 300:
                    server.process.kill()
        watcher.join()
        server.wait()
        self.assertGreater(len(told), 100)

        api = self.api(self.serve())
        kept = []
        last = api.GetStats().group_change_sequence
        stream = api.WatchGroups(after_sequence=0)
        while len(kept) < last:
            kept += next(stream).changes
        stream.cancel()
        self.assertEqual([str(c) for c in kept[:len(told)]], [str(c) for c in told])

    def test_sigterm_ends_watchers_at_once(self):
        server = self.serve()
        api = self.api(server)
        streams = [api.WatchGroups() for _ in range(5)]
        for stream in streams:
            self.assertEqual(next(stream).sequence, 0)
        begin = time.monotonic()
        server.terminate()
        for stream in streams:
            with self.assertRaises(grpc.RpcError) as caught:
                next(stream)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self._close_channels()
        self.assertEqual(server.wait(), 0)
        self.assertLess(time.monotonic() - begin, 8)
        self.assertNotIn("level=error", server.stderr())

    def test_watchers_that_go_at_once_are_no_fault_of_the_server(self):
        server = self.serve()
        api = self.api(server)
        for number in range(300):
            stream = api.WatchGroups(after_sequence=0)
            if number % 3 == 0:
                time.sleep(0.001)
            stream.cancel()
        self.assertEqual(next(api.WatchGroups(after_sequence=0)).sequence, 0)
        self.stop(server)
        self.assertNotIn("level=error", server.stderr())


class LogTest(np.ServerTestCase):
    TITLE_MARKER = "Qxtitlemarker"
    BODY_MARKER = "qxbodymarker"

    def test_logfmt_without_article_text(self):
        server = self.serve("--log_level=debug", "--body_bytes_max=4000", "--title_bytes_max=200")
        api = self.api(server)
        writer = np.Writer(6)
        good = writer.article("good", "t", sentences=6)
        good["title"] += " " + self.TITLE_MARKER
        good["body"] += f" The {self.BODY_MARKER} again."
        bad = {
            "no id": dict(good, id=""),
            "long body": dict(good, id="b1", body=good["body"] * 20),
            "long title": dict(good, id="b2", title=good["title"] * 20),
            "no body": dict(good, id="b3", body=""),
            "two bodies": dict(good, id="b4", raw_body=good["body"].encode()),
            "bad vector": dict(good, id="b5", embedding=[1.0, 2.0]),
            "bad time": dict(good, id="b6", published_at={"seconds": 1 << 60}),
            "long source": dict(good, id="b7", source="s" * 1000),
        }
        self.assertEqual(api.relation(api.IngestArticle(article=good).verdict.relation), "new")
        self.assertTrue(api.IngestArticle(article=good).verdict.replayed)
        api.FindDuplicates(article=dict(good, id=""))
        api.FindRelated(article=dict(good, id=""))
        for what, article in bad.items():
            with self.subTest(what), self.assertRaises(grpc.RpcError) as caught:
                api.IngestArticle(article=article)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assert_no_marker(caught.exception.details())
        for result in ingest_all(api, list(bad.values())):
            self.assertEqual(result.status.code, grpc.StatusCode.INVALID_ARGUMENT.value[0])
            self.assert_no_marker(result.status.message)
        # An article string that is not valid UTF-8, which gRPC refuses.
        raw = api.IngestArticleRequest(article=good).SerializeToString()
        self.assertIn(self.BODY_MARKER.encode(), raw)
        ingest = api.channel.unary_unary("/newsprint.v1.ArticleService/IngestArticle")
        with self.assertRaises(grpc.RpcError):
            ingest(raw.replace(self.BODY_MARKER.encode(), self.BODY_MARKER.encode()[:-1] + b"\xff"),
                   timeout=10)
        self.assertEqual(api.GetStats().articles, 1)
        self.stop(server)

        log = server.stderr()
        self.assert_no_marker(log)
        self.assertNotIn(self.BODY_MARKER[:-1], log)
        events = []
        for line in log.splitlines():
            self.assertIsNotNone(LOG_LINE.fullmatch(line), f"not logfmt: {line}")
            events.append(line.split(" event=")[1].split(" ")[0])
        for event in ("listening", "serving", "draining", "stopped"):
            self.assertIn(event, events)

    def assert_no_marker(self, text):
        self.assertNotIn(self.TITLE_MARKER.lower(), text.lower())
        self.assertNotIn(self.BODY_MARKER.lower(), text.lower())

    def test_log_level(self):
        quiet = self.serve("--log_level=error")
        self.stop(quiet)
        self.assertEqual(quiet.stderr(), "")

    def test_odd_data_dir_keeps_the_log_in_lines(self):
        server = self.serve(data_dir=self.folder / 'with "quotes"\nand a line')
        self.stop(server)
        for line in server.stderr().splitlines():
            self.assertIsNotNone(LOG_LINE.fullmatch(line), f"not logfmt: {line}")

    def test_warns_of_a_listener_that_others_can_reach(self):
        server = self.launch("--allow_plaintext", listen="0.0.0.0:0").wait_serving()
        self.stop(server)
        lines = server.stderr().splitlines()
        self.assertTrue(any("level=warning event=plaintext_listener" in line for line in lines), lines)
        for line in lines:
            self.assertIsNotNone(LOG_LINE.fullmatch(line), f"not logfmt: {line}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
