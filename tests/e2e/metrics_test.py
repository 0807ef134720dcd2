"""--metrics_listen of a real server: what it tells, and that the documentation says the same."""
import mmap
import os
import pathlib
import re
import resource
import socket
import struct
import time
import unittest
import unittest.mock
import urllib.error
import urllib.request

import newsprint_process as np
import security_case as sc

ROW = re.compile(r"^\| `((?:newsprint|process)_[a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|([^|]*)\|",
                 re.MULTILINE)
TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
# Of FaultControl in tests/crash/fault_control.h: EIO on writes of tables, for as long as it is -1.
TABLE_ERRORS_OFFSET = 32


def get(address, path):
    """Code and body."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}{path}", timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def parse(text):
    """Samples: name to a list of labels and value."""
    samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            samples.setdefault(name, []).append((dict(LABEL.findall(labels or "")), float(value)))
    return samples


def value(samples, name, **labels):
    found = [v for these, v in samples[name] if labels.items() <= these.items()]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def metrics_address(process):
    deadline = time.monotonic() + np.START_SECONDS
    while time.monotonic() < deadline and process.process.poll() is None:
        match = re.search(r"event=metrics_listening address=(\S+)", process.stderr())
        if match:
            return match.group(1)
        time.sleep(0.01)
    raise AssertionError(f"no metrics address, stderr: {process.stderr()}")


class MetricsTest(np.ServerTestCase):
    def wait_for(self, what, told):
        """Until `what()` is true; else fails with what `told()` returns."""
        deadline = time.monotonic() + np.START_SECONDS
        while not what():
            if time.monotonic() > deadline:
                self.fail(told())
            time.sleep(0.01)

    def lines(self, process, pattern, count):
        """The log lines with `pattern`, once there are `count`: callers do not wait for the log."""
        def found():
            return [line for line in process.stderr().splitlines() if re.search(pattern, line)]
        self.wait_for(lambda: len(found()) >= count, process.stderr)
        self.assertEqual(len(found()), count, process.stderr())
        return found()

    def raw_method(self, api, name):
        """A method of ArticleService that takes metadata."""
        return api.channel.unary_unary(f"/newsprint.v1.ArticleService/{name}",
                                       request_serializer=lambda message: message.SerializeToString(),
                                       response_deserializer=lambda data: data)

    def serve_metrics(self, *flags):
        process = self.serve("--metrics_listen=127.0.0.1:0", *flags)
        return process, metrics_address(process)

    def serve_read_only(self, *flags):
        self.stop(self.serve())  # a new folder cannot be made on a full disk
        return self.serve_metrics(f"--disk_reserve_bytes={1 << 40}", *flags)

    def test_the_table_in_the_documentation_has_all_metrics_and_no_others(self):
        process, address = self.serve_metrics()
        api = self.api(process)
        for article in np.Writer(1).mixed(30):
            api.IngestArticle(article=api.Article(**article))
        api.GetStats()
        code, text = get(address, "/metrics")
        self.assertEqual(code, 200)
        documented = {name: (kind, unit.strip(), labels.strip()) for name, kind, unit, labels in
                      ROW.findall((np.ROOT / "docs" / "operations.md").read_text())}
        served = dict(TYPE.findall(text))
        self.assertGreater(len(served), 30)
        self.assertEqual(served, {name: kind for name, (kind, _, _) in documented.items()})
        samples = parse(text)
        for name, (kind, unit, labels) in documented.items():
            with self.subTest(name):
                expected = set(re.findall(r"`(\w+)`", labels))
                for suffix in ("_count", "_sum") if kind == "histogram" else ("",):
                    for used, number in samples.get(name + suffix, ()):
                        self.assertEqual(set(used), expected)
                        self.assertGreaterEqual(number, 0)
                self.assertEqual(name.endswith("_total"), kind == "counter")
                self.assertEqual("seconds" in name, unit == "seconds")
                self.assertEqual("bytes" in name, unit == "bytes")

        articles = sum(number for _, number in samples["newsprint_articles"])
        self.assertEqual(articles, 30)
        self.assertEqual(value(samples, "newsprint_requests_total", method="IngestArticle", code="OK"),
                         30)
        self.assertEqual(sum(v for _, v in samples["newsprint_verdicts_total"]), 30)
        for step in ("queue", "parse", "normalise", "sketch", "embed", "lock", "decide", "commit"):
            self.assertGreaterEqual(value(samples, "newsprint_step_seconds_count", step=step), 30, step)
        self.assertGreaterEqual(value(samples, "newsprint_step_seconds_count", step="sync"), 1)
        buckets = [(float(labels["le"]), number) for labels, number in
                   samples["newsprint_request_seconds_bucket"] if labels["method"] == "IngestArticle"]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], (float("inf"), 30))
        self.assertGreater(value(samples, "newsprint_disk_free_bytes"), 0)
        self.assertGreater(value(samples, "process_resident_memory_bytes"), 1 << 20)
        self.assertLess(abs(value(samples, "process_start_time_seconds") - time.time()), 60)
        # No article text, no id.
        self.assertNotIn("a-00001", text)
        self.assertEqual(value(samples, "newsprint_phase", phase="serving"), 1)
        self.assertEqual(sum(v for _, v in samples["newsprint_phase"]), 1)
        self.assertEqual([v for _, v in samples["newsprint_background_problems"]], [0] * 4)
        self.assertGreater(value(samples, "process_open_fds"), 5)
        self.assertLess(value(samples, "process_open_fds"), value(samples, "process_max_fds"))
        # Of TLS and an access file nothing without them.
        self.assertNotIn("newsprint_certificate_not_after_seconds", samples)
        self.assertNotIn("newsprint_config_reload_failed", samples)
        self.assertEqual(sum(v for _, v in samples["newsprint_access_refusals_total"]), 0)

    def test_health_and_readiness(self):
        process, address = self.serve_metrics()
        self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        self.assertEqual(get(address, "/readyz"), (200, "ok\n"))
        for path in ("/", "/metrics/x", "/healthzz", "/../etc/passwd", "/x/healthz", "/metrics/"):
            self.assertEqual(get(address, path)[0], 404, path)
        self.assertEqual(get(address, "/readyz?verbose"), (200, "ok\n"))
        # A stream that has something under way keeps the server draining.
        api = self.api(process)
        stream = api.WatchGroups()
        next(iter(stream))
        process.terminate()
        seen = set()
        while process.process.poll() is None:
            try:
                seen.add(get(address, "/readyz"))
            except OSError:
                break
        self.assertIn((503, "draining\n"), seen)
        self.assertEqual(process.wait(), 0, process.stderr())

    def raw(self, address, data):
        """What the port answers to these bytes."""
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(data)
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
        return answer.decode()

    def test_requests_that_are_none(self):
        process, address = self.serve_metrics()
        for data, code in ((b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200),
                           (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
                           (b"HEAD /healthz HTTP/1.1\r\n\r\n", 200),
                           (b"POST /healthz HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
                           (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
                           (b"PRI * HTTP/2.0\r\n\r\n", 400),
                           (b"GET /healthz\r\n\r\n", 400),
                           (b"\r\n\r\n", 400),
                           (b"GET /" + b"x" * (9 << 10), 431),
                           (b"GET /\x00\xff%n%s HTTP/1.1\r\n\r\n", 404)):
            with self.subTest(data[:40]):
                answer = self.raw(address, data)
                self.assertTrue(answer.startswith(f"HTTP/1.1 {code} "), answer[:100])
                head, body = answer.split("\r\n\r\n", 1)
                self.assertEqual("\r\nAllow: GET, HEAD\r\n" in head + "\r\n", code == 405)
                length = int(re.search(r"Content-Length: (\d+)", head).group(1))
                self.assertEqual(len(body), 0 if data.startswith(b"HEAD") else length)
        # Who says nothing, and who goes away in the middle, keeps nobody from an answer.
        host, port = address.rsplit(":", 1)
        idle = [socket.create_connection((host, int(port)), timeout=20) for _ in range(40)]
        for connection in idle[:20]:
            connection.sendall(b"GET /met")
        for connection in idle[:10]:
            connection.close()
        self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        # However many there are.
        idle += [socket.create_connection((host, int(port)), timeout=20) for _ in range(60)]
        self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        for connection in idle:
            connection.close()
        self.assertEqual(process.process.poll(), None)

    def test_loading_is_seen(self):
        process, _ = self.serve_metrics()
        self.cli(process, "import", self.write_jsonl("a.jsonl", np.Writer(2).mixed(3000)))
        self.stop(process)
        process = self.launch("--metrics_listen=127.0.0.1:0")
        address = metrics_address(process)
        phases = set()
        while True:
            code, body = get(address, "/readyz")
            phases.add(re.sub(r"\d+", "N", body))
            health = get(address, "/healthz")
            self.assertEqual(health, (200, "ok\n"))
            if code == 200:
                break
        self.assertLessEqual(phases, {"opening the data folder, N s so far\n", "loading, N %\n", "ok\n"})
        self.assertGreater(len(phases), 1)
        samples = parse(get(address, "/metrics")[1])
        loaded = value(samples, "newsprint_loading_records")
        expected = value(samples, "newsprint_loading_records_expected")
        self.assertEqual(expected, 9000)
        self.assertGreaterEqual(loaded, expected)
        self.assertEqual(value(samples, "newsprint_ready"), 1)

    def test_a_store_that_is_read_only(self):
        process, address = self.serve_read_only()
        api = self.api(process)
        with self.assertRaises(np.grpc.RpcError):
            api.IngestArticle(article=api.Article(id="a", body="Something has happened."))
        self.assertEqual(get(address, "/readyz"), (200, "ok, read-only: the disk is nearly full\n"))
        self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        samples = parse(get(address, "/metrics")[1])
        self.assertEqual(value(samples, "newsprint_store_writable"), 0)
        self.assertEqual(value(samples, "newsprint_disk_reserve_bytes"), 1 << 40)
        self.assertEqual(value(samples, "newsprint_requests_total", method="IngestArticle",
                               code="UNAVAILABLE"), 1)

    def test_traces_of_callers_stand_in_the_log(self):
        process, address = self.serve_read_only("--slow_call_ms=1")
        api = self.api(process)
        batch = self.raw_method(api, "BatchIngestArticles")
        requests = [api.IngestArticleRequest(article=api.Article(**article))
                    for article in np.Writer(3).mixed(300)]
        for traceparent in (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01"):
            batch(api.BatchIngestArticlesRequest(requests=requests), timeout=60,
                  metadata=(("traceparent", traceparent),))
        ingest = self.raw_method(api, "IngestArticle")
        with self.assertRaises(np.grpc.RpcError):
            ingest(requests[0], timeout=60, metadata=(("traceparent", f"00-{TRACE}-{SPAN}-01"),))
        slow = self.lines(process, "event=slow_call method=BatchIngestArticles", 2)
        self.assertRegex(slow[0], r'code=OK ms=[\d.]+ collection="default" bytes=\d+ .*'
                                  r'queue_ms=[\d.]+ parse_ms=[\d.]+ normalise_ms=[\d.]+ '
                                  r'sketch_ms=[\d.]+ embed_ms=[\d.]+ .*'
                                  rf'trace_id={TRACE} span_id={SPAN}$')
        self.assertNotIn("trace_id", slow[1])
        failed = self.lines(process, "event=rpc_failed", 3)
        # The batches have gone well, and none of their items has: one line each.
        for line, end in ((failed[0], rf" trace_id={TRACE} span_id={SPAN}$"), (failed[1], "$")):
            self.assertRegex(line, rf'method=BatchIngestArticles code=UNAVAILABLE message="store: '
                                   rf'read-only, .*" items=300{end}')
        self.assertRegex(failed[2], rf'method=IngestArticle code=UNAVAILABLE message=".*" '
                                    rf'trace_id={TRACE} span_id={SPAN}$')
        samples = parse(get(address, "/metrics")[1])
        self.assertGreaterEqual(value(samples, "newsprint_slow_calls_total"), 2)
        self.assertEqual(value(samples, "newsprint_batch_items_total", code="UNAVAILABLE"), 600)

    def test_a_store_that_only_a_restart_mends(self):
        library = np.BIN / "libfault_injection.so"
        if not library.exists():
            self.skipTest("no libfault_injection.so, as in builds with sanitizers")
        path = self.folder / "control"
        path.write_bytes(bytes(4096))
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as control:
            with unittest.mock.patch.dict(os.environ, LD_PRELOAD=str(library),
                                          NEWSPRINT_FAULT_FOLDER=str(self.folder / "data"),
                                          NEWSPRINT_FAULT_CONTROL=str(path)):
                process, address = self.serve_metrics()
            api = self.api(process)
            self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
            struct.pack_into("<i", control, TABLE_ERRORS_OFFSET, -1)
            # The log goes on well. Enough for bodies to be written to a table, which does not.
            body = "word " * 200_000
            code = None
            for i in range(200):
                try:
                    api.IngestArticle(article=api.Article(id=f"a{i}", body=body))
                except np.grpc.RpcError as error:
                    code = error.code()
                    break
            self.assertEqual(code, np.grpc.StatusCode.UNAVAILABLE)
            struct.pack_into("<i", control, TABLE_ERRORS_OFFSET, 0)
            self.wait_for(lambda: get(address, "/healthz")[0] == 503, process.stderr)
            # Nothing of the folder in it.
            message = "read-only until a restart: a write has failed for good\n"
            self.assertEqual(get(address, "/healthz"), (503, message))
            self.assertEqual(get(address, "/readyz"), (200, f"ok, {message}"))
            self.assertEqual(value(parse(get(address, "/metrics")[1]), "newsprint_store_writable"), 0)
            self.assertEqual(api.GetArticle(id="a0").article.id, "a0")
        process.kill()
        process, address = self.serve_metrics()
        self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        api = self.api(process)
        api.IngestArticle(article=api.Article(id="after", body="All is well again."))

    def test_no_more_files_can_be_opened(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
        try:
            process, address = self.serve_metrics()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        # It takes as many as it may.
        self.assertEqual(value(parse(get(address, "/metrics")[1]), "process_max_fds"), hard)
        pid = process.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        def limit(count):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, hard))
        limit(len(os.listdir(f"/proc/{pid}/fd")))
        for _ in range(3):
            self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        samples = parse(get(address, "/metrics")[1])
        self.assertEqual(value(samples, "process_open_fds"), value(samples, "process_max_fds"))
        # Those who were there before and say nothing give way.
        host, port = address.rsplit(":", 1)
        limit(len(os.listdir(f"/proc/{pid}/fd")) + 3)
        idle = [socket.create_connection((host, int(port)), timeout=20) for _ in range(10)]
        for _ in range(3):
            self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        for connection in idle:
            connection.close()

    def test_access_and_certificates(self):
        authority = sc.Authority(self.folder, "authority")
        cert = authority.issue_server()
        identities = sc.Identities(self.folder / "access.json")
        identities.add("desk", (["*"], "admin"))
        identities.add("reader", (["*"], "read"))
        identities.add("few", (["*"], "write"), limits={"articles_max": 1, "streams_max": 1})
        identities.add("slow", (["*"], "read"), limits={"calls_per_second": 0.001})
        process = sc.SecureProcess(
            self.folder / "data", authority.ca.read_bytes(), f"--tls_cert={cert}",
            f"--tls_key={cert}.key", f"--access_file={identities.write()}",
            "--metrics_listen=127.0.0.1:0", "--slow_call_ms=1")
        self._processes.append(process)
        process.wait_serving()
        address = metrics_address(process)
        def scrape():
            return parse(get(address, "/metrics")[1])
        channel = process.channel()
        self._channels.append(channel)
        def api(name):
            return np.Api(sc.with_metadata(channel, sc.bearer(identities.tokens[name])) if name
                          else channel)
        days = (value(scrape(), "newsprint_certificate_not_after_seconds") - time.time()) / 86400
        self.assertTrue(1.9 < days < 2.1, days)

        writer = np.Writer(5).mixed(300)
        desk = api("desk")
        self.raw_method(desk, "BatchIngestArticles")(desk.BatchIngestArticlesRequest(
            requests=[desk.IngestArticleRequest(article=desk.Article(**one)) for one in writer]))
        (line,) = self.lines(process, "event=slow_call method=BatchIngestArticles", 1)
        self.assertTrue(line.endswith(' identity="desk"'), line)
        few, reader = api("few"), api("reader")
        for call in (lambda: np.Api(channel).GetStats(),
                     lambda: reader.IngestArticle(article=reader.Article(id="x", body="Words.")),
                     lambda: few.IngestArticle(article=few.Article(id="y", body="More words."))):
            with self.assertRaises(np.grpc.RpcError):
                call()
        watched = few.WatchGroups()
        next(iter(watched))
        with self.assertRaises(np.grpc.RpcError):
            next(iter(few.WatchGroups()))
        watched.cancel()
        slow = api("slow")
        slow.GetArticle(id=writer[0]["id"])
        with self.assertRaises(np.grpc.RpcError):
            slow.GetArticle(id=writer[0]["id"])
        refusals = {labels["reason"]: v for labels, v in scrape()["newsprint_access_refusals_total"]}
        self.assertEqual(refusals, {"unauthenticated": 1, "permission": 1, "rate": 1, "streams": 1,
                                    "articles": 1})

        def failed():
            return {labels["file"]: v for labels, v in scrape()["newsprint_config_reload_failed"]}
        self.assertEqual(failed(), {"certificates": 0, "access_file": 0})
        good = pathlib.Path(cert).read_bytes()
        sc.replace_file(identities.path, "{")
        self.wait_for(lambda: failed() == {"certificates": 0, "access_file": 1}, process.stderr)
        sc.replace_file(cert, "no certificate")
        self.wait_for(lambda: failed() == {"certificates": 1, "access_file": 1}, process.stderr)
        sc.replace_file(cert, good)
        identities.write()
        self.wait_for(lambda: failed() == {"certificates": 0, "access_file": 0}, process.stderr)

    def test_what_grpc_answers_by_itself_does_not_count(self):
        process, address = self.serve_metrics("--message_bytes_max=65536")
        api = self.api(process)
        compressed = np.grpc.insecure_channel(process.address, options=np.CHANNEL_OPTIONS,
                                              compression=np.grpc.Compression.Gzip)
        self._channels.append(compressed)
        for call, code in (
                (lambda: api.IngestArticle(article=api.Article(id="a", body="x " * 100_000)),
                 np.grpc.StatusCode.RESOURCE_EXHAUSTED),
                (lambda: np.Api(compressed).GetStats(), np.grpc.StatusCode.UNIMPLEMENTED),
                (lambda: api.channel.unary_unary("/newsprint.v1.ArticleService/None")(b""),
                 np.grpc.StatusCode.UNIMPLEMENTED)):
            with self.assertRaises(np.grpc.RpcError) as raised:
                call()
            self.assertEqual(raised.exception.code(), code)
        samples = parse(get(address, "/metrics")[1])
        self.assertEqual(sum(v for _, v in samples["newsprint_requests_total"]), 0)

    def test_without_the_flag_there_is_no_port(self):
        process = self.serve()
        self.assertNotIn("metrics_listening", process.stderr())

    def test_addresses_that_are_wrong(self):
        process, address = self.serve_metrics()
        for listen, message, code in (
                ("nonsense", "metrics_listen: not HOST:PORT with a port of 0 to 65535, got \"nonsense\"", 2),
                (address, f"metrics_listen: cannot bind (Address already in use), got \"{address}\"", 1),
                ("192.0.2.1:0", "metrics_listen: cannot bind (Cannot assign requested address), got \"192.0.2.1:0\"", 1)):
            with self.subTest(listen):
                done = np.run_binary("newsprintd", f"--data_dir={self.folder}/other",
                                     f"--metrics_listen={listen}", "--listen=127.0.0.1:0")
                self.assertEqual(done.stderr.splitlines()[-1], f"newsprintd: {message}")
                self.assertEqual(done.returncode, code)
        self.assertNotIn("event=open_metrics", process.stderr())
        exposed = self.launch("--metrics_listen=0.0.0.0:0", data_dir=self.folder / "exposed")
        metrics_address(exposed)
        self.lines(exposed, r"level=warning event=open_metrics message=\"0\.0\.0\.0:\d+ is not a "
                            r"loopback address, .*names of collections", 1)
        named = self.launch("--metrics_listen=localhost:0", data_dir=self.folder / "named")
        self.assertEqual(get(metrics_address(named), "/healthz")[0], 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
