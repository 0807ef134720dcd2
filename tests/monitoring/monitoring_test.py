"""The files in deploy/ for Prometheus and Grafana, against a real Prometheus that scrapes a real
server: every expression is evaluated, and has values where there should be some.

With KEEP=1 in the environment the servers go on after the tests, until Ctrl-C."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import newsprint_process as np  # noqa: E402
import security_case as sc  # noqa: E402

PROMETHEUS = np.ROOT / "deploy" / "prometheus"
DASHBOARD = np.ROOT / "deploy" / "grafana" / "newsprint.json"
DOCUMENTATION = np.ROOT / "docs" / "operations.md"
LOAD_SECONDS = 6
RATE_INTERVAL = "6s"
METRIC = re.compile(r"\b((?:newsprint|process)_[a-z_]+)\b")

# Panels that have no values when all is well, or with so little load.
MAY_BE_EMPTY = {"Streams", "Expiry"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def family(name):
    return re.sub(r"_(bucket|sum|count)$", "", name) if "_seconds_" in name else name


class PrometheusProcess:
    """A Prometheus with the configuration of deploy/, but that it scrapes `target`, and often."""

    def __init__(self, folder, target):
        self.address = f"127.0.0.1:{free_port()}"
        config = (PROMETHEUS / "prometheus.yml").read_text()
        assert config.count("127.0.0.1:9464") == 2 and config.count("15s") == 2
        config = config.replace("127.0.0.1:9464", target).replace("15s", "500ms")
        config = config.replace("scrape_interval: 500ms",
                                "scrape_interval: 500ms\n  scrape_timeout: 500ms")
        (folder / "prometheus.yml").write_text(config)
        shutil.copy(PROMETHEUS / "newsprint.rules.yml", folder)
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data", f"--web.listen-address={self.address}"],
            stdout=self.log, stderr=subprocess.STDOUT)

    def get(self, path, **parameters):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url = f"http://{self.address}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with opener.open(url, timeout=10) as response:
                return json.loads(response.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression):
        return self.get("/api/v1/query", query=expression)["result"]

    def wait(self, what, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if what():
                    return
            except (OSError, AssertionError):  # while it starts
                pass
            time.sleep(0.1)
        self.log.seek(0)
        raise AssertionError(f"not in {seconds} seconds; Prometheus says: {self.log.read()}")

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


class FilesTest(unittest.TestCase):
    def promtool(self, *words):
        done = subprocess.run(["promtool", *words], cwd=PROMETHEUS, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_promtool_finds_nothing_wrong(self):
        self.promtool("check", "rules", "newsprint.rules.yml")
        self.promtool("check", "config", "prometheus.yml")

    def test_alerts_fire_when_they_should(self):
        self.promtool("test", "rules", "newsprint.rules.test.yml")

    def test_each_alert_has_both_tests_and_is_explained(self):
        rules = (PROMETHEUS / "newsprint.rules.yml").read_text()
        alerts = re.findall(r"- alert: (\w+)", rules)
        self.assertGreater(len(alerts), 10)
        self.assertEqual(rules.count("severity: "), len(alerts))
        tests = (PROMETHEUS / "newsprint.rules.test.yml").read_text()
        explained = re.findall(r"^\*\*(Newsprint\w+)\*\*", DOCUMENTATION.read_text(), re.MULTILINE)
        self.assertEqual(explained, alerts)
        for alert in alerts:
            for case in ("fires", "does not fire"):
                self.assertEqual(tests.count(f"name: {alert} {case}\n"), 1, (alert, case))

    def test_the_dashboard_is_whole(self):
        ids = [panel["id"] for panel in dashboard()["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        places = set()
        for panel in dashboard()["panels"]:
            box = panel["gridPos"]
            self.assertLessEqual(box["x"] + box["w"], 24, panel["title"])
            cells = {(x, y) for x in range(box["x"], box["x"] + box["w"])
                     for y in range(box["y"], box["y"] + box["h"])}
            self.assertFalse(cells & places, f"{panel['title']} lies over another panel")
            places |= cells
        for panel in panels():
            with self.subTest(panel["title"]):
                self.assertTrue(panel["description"])
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                self.assertTrue(panel["targets"])
                for target in panel["targets"]:
                    self.assertIn('instance=~"$instance"', target["expr"])
                    self.assertEqual(target["datasource"]["uid"], "${datasource}")

    def test_each_metric_has_a_place_on_the_dashboard(self):
        documented = set(re.findall(r"^\| `((?:newsprint|process)_[a-z_]+)` \|",
                                    DOCUMENTATION.read_text(), re.MULTILINE))
        used = {family(name) for panel in panels() for target in panel["targets"]
                for name in METRIC.findall(target["expr"])}
        self.assertEqual(used, documented)


class RealServersTest(np.ServerTestCase):
    def serve_secured(self, *flags):
        """A server that has every metric: with TLS and identities. And a client of it."""
        authority = sc.Authority(self.folder, "authority")
        cert = authority.issue("newsprintd", "DNS:localhost,IP:127.0.0.1", days=30)
        identities = sc.Identities(self.folder / "access.json")
        identities.add("desk", (["*"], "admin"))
        process = sc.SecureProcess(self.folder / "data", authority.ca.read_bytes(),
                                   f"--tls_cert={cert}", f"--tls_key={cert}.key",
                                   f"--access_file={identities.write()}", *flags)
        self._processes.append(process)
        process.wait_serving()
        channel = process.channel()
        self._channels.append(channel)
        return process, np.Api(sc.with_metadata(channel, sc.bearer(identities.tokens["desk"])))

    def load(self, api):
        """Requests of several kinds, with some errors, for LOAD_SECONDS."""
        writer = np.Writer(7)
        end = time.monotonic() + LOAD_SECONDS
        batch = 0
        while time.monotonic() < end:
            batch += 1
            articles = writer.mixed(20, prefix=f"b{batch}")
            for article in articles[:10]:
                api.IngestArticle(article=api.Article(**article))
                api.FindDuplicates(article=api.Article(**article))
            api.BatchIngestArticles(requests=[api.IngestArticleRequest(article=api.Article(**article))
                                              for article in articles[10:]])
            requests = [api.StreamIngestRequest(sequence=i + 1, request=api.IngestArticleRequest(
                article=api.Article(**article))) for i, article in enumerate(writer.mixed(5, f"s{batch}"))]
            for _ in api.StreamIngest(iter(requests), timeout=60):
                pass
            api.FindRelated(id=articles[0]["id"])
            with self.assertRaises(np.grpc.RpcError):
                api.GetArticle(id="none")

    def expressions(self):
        for panel in panels():
            for target in panel["targets"]:
                expression = (target["expr"].replace("$__rate_interval", RATE_INTERVAL)
                              .replace("$instance", ".*").replace("$collection", ".*"))
                self.assertNotIn("$", expression)
                yield panel["title"], expression

    def test_every_expression_has_values(self):
        process, api = self.serve_secured("--metrics_listen=127.0.0.1:0", "--slow_call_ms=1")
        target = re.search(r"event=metrics_listening address=(\S+)", process.stderr()).group(1)
        folder = self.folder / "prometheus"
        folder.mkdir()
        prometheus = PrometheusProcess(folder, target)
        self.addCleanup(prometheus.close)
        loader = threading.Thread(target=self.load, args=(api,))
        loader.start()
        self.addCleanup(loader.join)
        prometheus.wait(lambda: prometheus.query('up{job="newsprint"} == 1'))
        loader.join()
        for title, expression in self.expressions():
            with self.subTest(panel=title, expression=expression):
                result = prometheus.query(expression)
                if title not in MAY_BE_EMPTY:
                    self.assertTrue(result, "has no values")
                values = [float(series["value"][1]) for series in result]
                if title in ("Latency", "Requests by method", "Verdicts", "Where the time goes"):
                    self.assertGreater(max(values), 0)
                if title == "Failed requests":
                    self.assertEqual(values, [0])
                if title == "Certificate":
                    self.assertGreater(values[0], 29 * 86400)
        relations = {series["metric"]["relation"] for series in
                     prometheus.query("newsprint_verdicts_total > 0")}
        self.assertLessEqual({"new", "near_duplicate"}, relations)

        # Rules: all evaluated without an error, and none fires on a server that is well.
        rules = [rule for group in prometheus.get("/api/v1/rules")["groups"]
                 for rule in group["rules"]]
        self.assertGreater(len(rules), 10)
        prometheus.wait(lambda: all(
            rule["health"] == "ok" for group in prometheus.get("/api/v1/rules")["groups"]
            for rule in group["rules"]))
        firing = {rule["name"] for rule in rules if rule["state"] == "firing"}
        self.assertEqual(firing, set())
        # Each metric that a rule speaks of is there; what `up` is made of too.
        served = set(prometheus.get("/api/v1/label/__name__/values"))
        for rule in rules:
            for name in METRIC.findall(rule["query"]):
                self.assertIn(name, served, rule["name"])
        if os.environ.get("KEEP"):
            print(f"Prometheus at http://{prometheus.address}, server at {process.address}", flush=True)
            threading.Event().wait()

        process.kill()
        prometheus.wait(lambda: prometheus.query('ALERTS{alertname="NewsprintDown"}'))


if __name__ == "__main__":
    unittest.main(verbosity=2)
