"""--metrics_listen of a real server: what it tells, and that the documentation says the same."""
import re
import socket
import time
import unittest
import urllib.error
import urllib.request

import newsprint_process as np

ROW = re.compile(r"^\| `((?:newsprint|process)_[a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|([^|]*)\|",
                 re.MULTILINE)
TYPE = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


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
        self.assertLessEqual(phases, {"opening the data folder\n", "loading, N %\n", "ok\n"})
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
        code, body = get(address, "/readyz")
        self.assertEqual(code, 200)
        self.assertTrue(body.startswith("ok, read-only: store: read-only, as the disk is nearly full"),
                        body)
        self.assertEqual(get(address, "/healthz"), (200, "ok\n"))
        samples = parse(get(address, "/metrics")[1])
        self.assertEqual(value(samples, "newsprint_store_writable"), 0)
        self.assertEqual(value(samples, "newsprint_disk_reserve_bytes"), 1 << 40)
        self.assertEqual(value(samples, "newsprint_requests_total", method="IngestArticle",
                               code="UNAVAILABLE"), 1)

    def test_traces_of_callers_stand_in_the_log(self):
        process, address = self.serve_read_only("--slow_call_ms=1")
        api = self.api(process)
        batch = api.channel.unary_unary("/newsprint.v1.ArticleService/BatchIngestArticles",
                                        request_serializer=lambda message: message.SerializeToString(),
                                        response_deserializer=lambda data: data)
        requests = [api.IngestArticleRequest(article=api.Article(**article))
                    for article in np.Writer(3).mixed(300)]
        for traceparent in (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01"):
            batch(api.BatchIngestArticlesRequest(requests=requests), timeout=60,
                  metadata=(("traceparent", traceparent),))
        ingest = api.channel.unary_unary("/newsprint.v1.ArticleService/IngestArticle",
                                         request_serializer=lambda message: message.SerializeToString(),
                                         response_deserializer=lambda data: data)
        with self.assertRaises(np.grpc.RpcError):
            ingest(requests[0], timeout=60, metadata=(("traceparent", f"00-{TRACE}-{SPAN}-01"),))
        slow = [line for line in process.stderr().splitlines()
                if "event=slow_call method=BatchIngestArticles" in line]
        self.assertEqual(len(slow), 2, process.stderr())
        self.assertRegex(slow[0], r'code=OK ms=[\d.]+ collection="default" bytes=\d+ .*'
                                  r'queue_ms=[\d.]+ parse_ms=[\d.]+ normalise_ms=[\d.]+ '
                                  r'sketch_ms=[\d.]+ embed_ms=[\d.]+ .*'
                                  rf'trace_id={TRACE} span_id={SPAN}$')
        self.assertNotIn("trace_id", slow[1])
        failed = [line for line in process.stderr().splitlines() if "event=rpc_failed" in line]
        self.assertEqual(len(failed), 1, process.stderr())
        self.assertRegex(failed[0], rf'method=IngestArticle code=UNAVAILABLE message=".*" '
                                    rf'trace_id={TRACE} span_id={SPAN}$')
        self.assertGreaterEqual(value(parse(get(address, "/metrics")[1]), "newsprint_slow_calls_total"),
                                2)

    def test_without_the_flag_there_is_no_port(self):
        process = self.serve()
        self.assertNotIn("metrics_listening", process.stderr())

    def test_addresses_that_are_wrong(self):
        process, address = self.serve_metrics()
        for listen, message, code in (
                ("nonsense", "metrics_listen: not HOST:PORT with a port of 0 to 65535, got \"nonsense\"", 2),
                (address, f"metrics_listen: cannot bind, got \"{address}\"", 1),
                ("192.0.2.1:0", "metrics_listen: cannot bind, got \"192.0.2.1:0\"", 1)):
            with self.subTest(listen):
                done = np.run_binary("newsprintd", f"--data_dir={self.folder}/other",
                                     f"--metrics_listen={listen}", "--listen=127.0.0.1:0")
                self.assertEqual(done.stderr.splitlines()[-1], f"newsprintd: {message}")
                self.assertEqual(done.returncode, code)
        named = self.launch("--metrics_listen=localhost:0", data_dir=self.folder / "named")
        self.assertEqual(get(metrics_address(named), "/healthz")[0], 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
