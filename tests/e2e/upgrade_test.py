"""Opens data folders of earlier formats, as their servers left them, with the present one."""
import json
import tarfile
import unittest

import upgrade_fixture
from newsprint_process import RELATIONS, ServerTestCase


class UpgradeTest(ServerTestCase):
    def unpack(self, name):
        """Returns what the server that made the folder said about it."""
        with tarfile.open(upgrade_fixture.FOLDER / f"{name}.tar.gz") as archive:
            archive.extractall(self.folder)
        return json.loads((self.folder / "answers.json").read_text())

    def test_format_3(self):
        before = self.unpack("format3")
        server = self.serve()
        self.assertIn("event=upgrading to_format=4 articles=", server.stderr())
        after = upgrade_fixture.observe(server.address)
        self.maxDiff = 2000
        for article_id, expected in before["articles"].items():
            self.assertEqual(after["articles"][article_id], expected, article_id)
        self.assertEqual(after, before)
        stored = [article for article, seen in before["articles"].items() if seen is not None]
        self.assertGreater(len(stored), 20)
        # It is an upgrade of this once: the next start has nothing to do, and says the same.
        self.stop(server)
        server = self.serve()
        self.assertNotIn("event=upgrading", server.stderr())
        self.assertEqual(upgrade_fixture.observe(server.address), before)

        # What was ingested before is known, and expires.
        path = self.write_jsonl("again.jsonl", [article for article in upgrade_fixture.articles()
                                                if article["id"] in stored])
        again = self.cli_json(server, "import", path)
        self.assertEqual(again["articles"], len(stored))
        self.assertEqual(self.stats(server)["articles"], len(stored))
        self.cli(server, "collections", "update", "default", "--retention_articles=5")
        times = {article: self.time_of(seen["get"]) for article, seen in before["articles"].items()
                 if seen is not None}
        kept = sorted(stored, key=lambda article: times[article])[-5:]
        self.assertEqual(self.stats(server)["articles"], 5)
        self.assertEqual(self.stats(server)["articles_expired"], len(stored) - 5)
        for article in stored:
            found = self.cli(server, "get", article, check=False)
            self.assertEqual(found.returncode == 0, article in kept, article)
        self.cli(server, "collections", "update", "short", "--retention_days=4500")
        left = self.cli_json(server, "stats", "--collection=short")["articles"]
        self.assertLess(left, before["short"]["articles"])
        self.assertGreater(left, 0)

    def stats(self, server):
        return self.cli_json(server, "stats")

    @staticmethod
    def time_of(article):
        """When it was published, but not later than when it was ingested. All of the fixture's times
        compare as strings: those of ingestion are of one minute of one day."""
        published, ingested = article["published_at"], article["ingested_at"]
        return min(published, ingested) if published else ingested


class RetentionTest(ServerTestCase):
    def test_expires_by_age_and_by_count(self):
        server = self.serve()
        self.cli(server, "collections", "create", "kept", "--retention_seconds=3600")
        writer = upgrade_fixture.Writer(11)
        articles = [writer.article(f"a{i}", f"topic {i}") for i in range(8)]
        articles[0]["published_at"] = "2011-05-04T08:00:00Z"
        copy = dict(articles[1], id="late", published_at="2011-05-04T08:00:00Z")
        path = self.write_jsonl("articles.jsonl", [*articles, copy])
        imported = self.cli(server, "import", path, "--collection=kept", "--json")
        self.assertEqual(json.loads(imported.stdout)["expired"], 2)
        self.assertEqual(json.loads(imported.stdout)["relations"]["exact"], 1)
        self.assertIn("2 articles were not kept", imported.stderr)
        self.assertEqual(self.cli_json(server, "stats", "--collection=kept")["articles"], 7)

        updated = self.cli_json(server, "collections", "update", "kept", "--retention_articles=3")
        self.assertEqual((updated["retention_seconds"], updated["retention_articles"]), (3600, 3))
        self.assertIn("3,600 seconds, 3 articles", self.cli(server, "collections").stdout)
        self.stop(server)
        server = self.serve()
        stats = self.cli_json(server, "stats", "--collection=kept")
        self.assertEqual((stats["articles"], stats["articles_expired"]), (3, 4))
        changes = self.cli(server, "watch", "--collection=kept", "--after=0", "--json", "--limit=15")
        changes = [json.loads(line) for line in changes.stdout.splitlines()]
        self.assertEqual([c["article_id"] for c in changes if c.get("expired")],
                         ["a1", "a2", "a3", "a4"])

        self.cli(server, "collections", "update", "kept", "--retention_seconds=1")
        while self.cli_json(server, "stats", "--collection=kept")["articles"] > 0:
            pass
        self.assertEqual(self.cli_json(server, "groups", "--collection=kept", "--members_min=1")
                         ["groups"], [])
        refused = self.cli(server, "collections", "update", "kept", check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertEqual(set(json.loads(imported.stdout)["relations"]), set(RELATIONS))


if __name__ == "__main__":
    unittest.main()
