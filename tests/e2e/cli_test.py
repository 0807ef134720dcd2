"""The command line against a real server: every command, its JSON, its errors and exit codes."""
import collections
import gzip
import json
import os
import pathlib
import re
import socket
import sys
import unittest

import newsprint_process as np
from newsprint_process import RELATIONS

SAMPLES = np.ROOT / "deploy" / "samples" / "articles.jsonl"
# The expected verdicts of deploy/samples/README.md. A set: any of these.
VERDICTS = {
    "flood-cairo": "new",
    "wire-illinois-exit": "new",
    "ledger-illinois-exit": "near_duplicate",
    "metro-brief-illinois-exit": "excerpt",
    "rockvalley-illinois-exit": "extension",
    "capitol-illinois-exit": "related",
    "capitol-illinois-exit-update": "revision",
    "southwest-illinois-exit": "related",
    "kestrel-q1": "new",
    "marrow-q1": "template",
    "chicago-police-beats": {"new", "related"},
    "massachusetts-declines": "related",
}
COPIES = ["ledger-illinois-exit", "metro-brief-illinois-exit", "rockvalley-illinois-exit"]
GROUPS = [{"wire-illinois-exit", *COPIES},
          {"capitol-illinois-exit", "capitol-illinois-exit-update"},
          {"flood-cairo"}, {"southwest-illinois-exit"}, {"kestrel-q1"}, {"marrow-q1"},
          {"chicago-police-beats"}, {"massachusetts-declines"}]
INDEPENDENT_REPORTS = ["wire-illinois-exit", "capitol-illinois-exit", "southwest-illinois-exit"]


class CliTestCase(np.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve()

    def run_json(self, *words, stdin=None):
        return self.cli_json(self.server, *words, stdin=stdin)

    def assert_fails(self, *words, exit_code=1, has=(), stdin=None, server=None):
        """Exits with `exit_code` and one line on standard error, nothing on standard output."""
        done = self.cli(server or self.server, *words, stdin=stdin, check=False)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assert_one_line(done.stderr)
        for word in has:
            self.assertIn(word, done.stderr)

    def assert_one_line(self, text):
        self.assertRegex(text, r"^newsprint: [^\n]+\n$")


class SamplesTest(CliTestCase):
    def setUp(self):
        super().setUp()
        self.imported = self.run_json("import", SAMPLES)

    def test_the_readme_lists_what_is_tested_here(self):
        table = (SAMPLES.parent / "README.md").read_text()
        rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)
        self.assertEqual([article_id for article_id, _ in rows], list(VERDICTS))
        for article_id, verdict in rows:
            named = re.findall(r"`([a-z_]+)`", verdict)  # ids have a hyphen
            self.assertEqual(set(named), {VERDICTS[article_id]}
                             if isinstance(VERDICTS[article_id], str) else VERDICTS[article_id])

    def test_import_summary(self):
        self.assertEqual(set(self.imported),
                         {"articles", "failed", "seconds", "articles_per_second", "relations"})
        self.assertEqual((self.imported["articles"], self.imported["failed"]), (12, 0))
        self.assertGreater(self.imported["seconds"], 0)
        self.assertGreater(self.imported["articles_per_second"], 0)
        relations = self.imported["relations"]
        self.assertEqual(set(relations), set(RELATIONS))
        expected = collections.Counter(v for v in VERDICTS.values() if isinstance(v, str))
        expected[self.run_json("get", "chicago-police-beats")["relation"]] += 1
        self.assertEqual({r: n for r, n in relations.items() if n}, expected)

    def test_verdicts(self):
        for article_id, expected in VERDICTS.items():
            with self.subTest(article_id):
                relation = self.run_json("get", article_id)["relation"]
                self.assertIn(relation, {expected} if isinstance(expected, str) else expected)

    def test_find(self):
        for article_id in COPIES:
            matches = {m["id"]: m for m in self.run_json("find", article_id)["matches"]}
            self.assertEqual(matches["wire-illinois-exit"]["relation"], VERDICTS[article_id])
            self.assertEqual(matches["wire-illinois-exit"]["canonical_id"], "wire-illinois-exit")
            self.assertEqual(set(matches), GROUPS[0] - {article_id})
        found = self.run_json("find", "capitol-illinois-exit-update")
        self.assertEqual((found["relation"], found["matches"][0]["id"]),
                         ("revision", "capitol-illinois-exit"))
        found = self.run_json("find", "marrow-q1")
        self.assertEqual((found["relation"], [m["id"] for m in found["matches"]]),
                         ("template", ["kestrel-q1"]))
        for article_id in ("flood-cairo", "southwest-illinois-exit", "chicago-police-beats",
                           "massachusetts-declines"):
            found = self.run_json("find", article_id)
            self.assertEqual((found["relation"], found["matches"]), ("new", []))

    def test_find_an_article_that_is_not_stored(self):
        wire = json.loads(SAMPLES.read_text().splitlines()[1])
        wire["id"] = "elsewhere"
        file = self.write_jsonl("wire.jsonl", [wire])
        self.assertEqual(self.run_json("find", f"--file={file}")["relation"], "exact")
        self.assertEqual(self.run_json("find", "--file=-", stdin=json.dumps(wire))["relation"],
                         "exact")
        related = [r["id"] for r in self.run_json("related", f"--file={file}")["related"]]
        others = [i for i in related if i not in GROUPS[0]]
        self.assertEqual(set(others[:2]), set(INDEPENDENT_REPORTS[1:]))
        self.assertEqual(self.run_json("stats")["articles"], 12)

    def test_groups(self):
        listed = self.run_json("groups", "--members_min=1")["groups"]
        self.assertEqual(len(listed), 8)
        members = []
        for group in listed:
            shown = self.run_json("groups", group["id"])
            self.assertEqual(shown["group"], group)
            self.assertEqual(len(shown["members"]), group["member_count"])
            members.append({m["id"] for m in shown["members"]})
        self.assertCountEqual(members, GROUPS)
        self.assertEqual([(g["canonical_id"], g["member_count"])
                          for g in self.run_json("groups")["groups"]],
                         [("wire-illinois-exit", 4), ("capitol-illinois-exit", 2)])
        self.assertEqual(len(self.run_json("groups", "--limit=1")["groups"]), 1)
        by_article = self.run_json("groups", "metro-brief-illinois-exit")
        self.assertEqual(by_article["group"]["canonical_id"], "wire-illinois-exit")

    def test_the_same_file_again(self):
        stats = self.run_json("stats")
        again = self.run_json("import", SAMPLES)
        self.assertEqual((again["articles"], again["failed"]), (12, 0))
        self.assertEqual(again["relations"], self.imported["relations"])
        after = self.run_json("stats")
        for figure in ("articles", "groups", "relations", "sequence"):
            self.assertEqual(after[figure], stats[figure])

    def test_related(self):
        for article_id in VERDICTS:
            output = self.run_json("related", article_id)
            self.assertEqual(list(output), ["related"])
            related = output["related"]
            self.assertGreater(len(related), 0)
            for entry in related:
                self.assertLessEqual({"id", "score", "title"}, set(entry))
                self.assertIsInstance(entry["score"], float)
                self.assertEqual(entry["title"], self.run_json("get", entry["id"])["title"])
            scores = [entry["score"] for entry in related]
            self.assertEqual(scores, sorted(scores, reverse=True))
            ids = [entry["id"] for entry in related]
            self.assertEqual(len(ids), len(set(ids)))
            own_group = next(g for g in GROUPS if article_id in g)
            self.assertFalse(own_group & set(ids), "holds copies of the query")

    def test_related_flags(self):
        related = self.run_json("related", "wire-illinois-exit")["related"]
        first = self.run_json("related", "wire-illinois-exit", "--limit=2")["related"]
        self.assertEqual(first, related[:2])
        middle = (related[1]["score"] + related[2]["score"]) / 2
        self.assertEqual(
            self.run_json("related", "wire-illinois-exit", f"--score_min={middle}")["related"],
            related[:2])
        self.assertEqual(self.run_json("related", "flood-cairo", "--score_min=1")["related"], [])
        with_copies = self.run_json("related", "wire-illinois-exit", "--include_duplicates")
        self.assertLessEqual(set(COPIES), {r["id"] for r in with_copies["related"]})

    def test_three_independent_reports(self):
        for article_id in INDEPENDENT_REPORTS:
            others = set(INDEPENDENT_REPORTS) - {article_id}
            ids = [r["id"] for r in self.run_json("related", article_id)["related"]]
            # They stand before every other event; only the programme in another state may mingle.
            ranks = [i for i in ids if i != "massachusetts-declines"]
            self.assertEqual(set(ranks[:2]), others)
            found = {m["id"] for m in self.run_json("find", article_id)["matches"]}
            self.assertFalse(found & others, "independent reports are no copies")
            for other in others:
                self.assertIn(self.run_json("compare", article_id, other)["relation"],
                              ("related", "new"))

    def test_compare(self):
        excerpt = self.run_json("compare", "metro-brief-illinois-exit", "wire-illinois-exit")
        self.assertEqual(excerpt["relation"], "excerpt")
        self.assertEqual(excerpt["evidence"]["containment"], 1.0)
        self.assertGreater(excerpt["similarity"], 0.5)
        self.assertGreater(len(excerpt["explanation"]), 10)
        back = self.run_json("compare", "wire-illinois-exit", "metro-brief-illinois-exit")
        self.assertEqual(back["relation"], "extension")
        self.assertEqual(back["evidence"]["reverse_containment"], 1.0)
        self.assertEqual(back["similarity"], excerpt["similarity"])
        same = self.run_json("compare", "flood-cairo", "flood-cairo")
        self.assertEqual(same["relation"], "exact")
        self.assertAlmostEqual(same["similarity"], 1, places=4)
        self.assertEqual(self.run_json("compare", "flood-cairo", "kestrel-q1")["relation"], "new")

    def test_get(self):
        given = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
        for article in given:
            got = self.run_json("get", article["id"])
            for field in ("id", "title", "body", "lang", "source", "url", "published_at"):
                self.assertEqual(got[field], article.get(field, ""))
        self.assertIn(given[0]["body"].splitlines()[0],
                      self.cli(self.server, "get", given[0]["id"]).stdout)

    def test_delete(self):
        gone = self.run_json("delete", "wire-illinois-exit", "flood-cairo")
        self.assertEqual([d["id"] for d in gone["deleted"]], ["wire-illinois-exit", "flood-cairo"])
        self.assertEqual(gone["deleted"][0]["canonical_id"], "ledger-illinois-exit")
        self.assertEqual(gone["deleted"][1]["canonical_id"], "")
        self.assert_fails("get", "wire-illinois-exit", has=["wire-illinois-exit", "NOT_FOUND"])
        self.assert_fails("delete", "wire-illinois-exit", has=["wire-illinois-exit"])
        stats = self.run_json("stats")
        self.assertEqual((stats["articles"], stats["groups"]), (10, 7))
        for article_id in INDEPENDENT_REPORTS[1:]:
            ids = [r["id"] for r in self.run_json("related", article_id)["related"]]
            self.assertNotIn("wire-illinois-exit", ids)
        self.assertEqual(self.run_json("find", "ledger-illinois-exit")["canonical_id"],
                         "ledger-illinois-exit")

    def test_delete_goes_on_after_an_unknown_id(self):
        done = self.cli(self.server, "delete", "flood-cairo", "nobody", "kestrel-q1", "--json",
                        check=False)
        self.assertEqual(done.returncode, 1)
        output = json.loads(done.stdout)
        self.assertEqual([d["id"] for d in output["deleted"]], ["flood-cairo", "kestrel-q1"])
        self.assertEqual([f["id"] for f in output["failed"]], ["nobody"])

    def test_stats(self):
        stats = self.run_json("stats")
        self.assertEqual((stats["collection"], stats["articles"], stats["groups"],
                          stats["sequence"]), ("default", 12, 8, 12))
        self.assertEqual(stats["relations"], self.imported["relations"])
        for figure in ("fingerprint_index_bytes", "vector_index_bytes", "store_bytes"):
            self.assertGreater(stats[figure], 0)

    def test_tables_for_people(self):
        self.assertIn("12 articles", self.cli(self.server, "import", SAMPLES).stdout)
        self.assertIn("near_duplicate", self.cli(self.server, "find", "ledger-illinois-exit").stdout)
        self.assertIn("capitol-illinois-exit",
                      self.cli(self.server, "related", "wire-illinois-exit").stdout)
        self.assertIn("wire-illinois-exit", self.cli(self.server, "groups").stdout)
        self.assertIn("articles", self.cli(self.server, "stats").stdout)
        self.assertIn("default", self.cli(self.server, "collections").stdout)


class ImportTest(CliTestCase):
    def test_gzip_and_standard_input(self):
        articles = np.Writer(1).mixed(30)
        plain = self.write_jsonl("plain.jsonl", articles[:10])
        packed = self.write_jsonl("packed.jsonl.gz", articles[10:20])
        text = "".join(json.dumps(a) + "\n" for a in articles[20:])
        self.assertEqual(self.run_json("import", plain, packed)["articles"], 20)
        self.assertEqual(self.run_json("import", "-", stdin=text)["articles"], 10)
        again = self.run_json("import", "-", stdin=gzip.compress(text.encode()))
        self.assertEqual(again["articles"], 10)
        self.assertEqual(self.run_json("stats")["articles"], 30)
        for article in articles:
            self.assertEqual(self.run_json("get", article["id"])["body"], article["body"])

    def test_fields(self):
        article = {"id": "ünï/1", "title": "Τίτλος", "body": "Текст „с кавычками“.\nZweite Zeile.",
                   "lang": "ru", "source": "outlet", "url": "https://outlet.example/1",
                   "published_at": "2021-03-04T05:06:07+02:00", "label": "x", "unknown": {"a": [1]}}
        self.run_json("import", self.write_jsonl("one.jsonl", [article]))
        got = self.run_json("get", article["id"])
        for field in ("id", "title", "body", "lang", "source", "url"):
            self.assertEqual(got[field], article[field])
        self.assertEqual(got["published_at"], "2021-03-04T03:06:07Z")

    def test_bad_lines_are_left_out(self):
        file = self.folder / "bad.jsonl"
        file.write_text('{"id": "a", "body": "first"}\n'
                        '{"id": "b", "body": \n'
                        '\n'
                        '["not an object"]\n'
                        '{"body": "no id"}\n'
                        '{"id": "c"}\n'
                        '{"id": "d", "body": "last"}\n')
        done = self.cli(self.server, "import", file, "--json", check=False)
        self.assertEqual(done.returncode, 1)
        summary = json.loads(done.stdout)
        self.assertEqual((summary["articles"], summary["failed"]), (2, 4))
        for line in (2, 4, 5):
            self.assertIn(f"bad.jsonl:{line}: ", done.stderr)
        self.assertIn("c: ", done.stderr)
        last = done.stderr.splitlines()[-1]
        self.assertEqual(last, "newsprint: 4 of 6 articles failed")
        self.assertEqual(self.run_json("stats")["articles"], 2)

    def test_collections_are_apart(self):
        self.run_json("collections", "create", "archive")
        self.run_json("import", SAMPLES, "--collection=archive")
        self.assertEqual(self.run_json("stats")["articles"], 0)
        self.assertEqual(self.run_json("stats", "--collection=archive")["articles"], 12)
        self.assert_fails("get", "kestrel-q1", has=["kestrel-q1"])
        self.assertEqual(self.run_json("get", "kestrel-q1", "--collection=archive")["id"],
                         "kestrel-q1")


class CollectionsTest(CliTestCase):
    def names(self):
        return [c["name"] for c in self.run_json("collections")["collections"]]

    def test_create_list_delete(self):
        self.assertEqual(self.names(), ["default"])
        created = self.run_json("collections", "create", "brief", "--omit_text",
                                "--shingle_words=4", "--near_duplicate_jaccard=0.5")
        self.assertEqual((created["name"], created["omit_text"], created["shingle_words"],
                          created["thresholds"]["near_duplicate_jaccard"]),
                         ("brief", True, 4, 0.5))
        self.assertEqual(self.names(), ["brief", "default"])
        self.run_json("import", SAMPLES, "--collection=brief")
        got = self.run_json("get", "kestrel-q1", "--collection=brief")
        self.assertEqual((got["body"], got["title"], got["text_stored"]), ("", "", False))
        self.assertEqual(self.run_json("collections", "delete", "brief"), {"deleted": "brief"})
        self.assertEqual(self.names(), ["default"])

    def test_errors(self):
        self.run_json("collections", "create", "once")
        self.assert_fails("collections", "create", "once", has=["once", "ALREADY_EXISTS"])
        self.assert_fails("collections", "create", "Not A Name", has=["INVALID_ARGUMENT"])
        self.assert_fails("collections", "create", "x", "--shingle_words=99", has=["shingle_words"])
        self.assert_fails("collections", "delete", "never", has=["never", "NOT_FOUND"])
        self.assert_fails("collections", "delete", "default", has=["default"])
        self.assert_fails("collections", "rename", "a", exit_code=2)


class GroupsTest(CliTestCase):
    """Editing groups, watching them, withdrawing stories."""

    def setUp(self):
        super().setUp()
        writer = np.Writer(9)
        first, second = writer.article("a", "harbour"), writer.article("b", "budget")
        self.articles = [
            dict(first, source="Ledger", published_at="2021-03-04T06:00:00Z"),
            dict(first, id="a2", source="Wire", published_at="2021-03-04T05:00:00Z"),
            dict(first, id="a3", title="Another headline", source="Herald"),
            dict(second, source="Ledger"), dict(second, id="b2", source="Wire")]

    def import_all(self, *flags):
        return self.run_json("import", self.write_jsonl("groups.jsonl", self.articles), *flags)

    def import_one(self, article, *flags):
        return self.run_json("import", self.write_jsonl("one.jsonl", [article]), *flags)

    def members(self, group_id):
        return [m["id"] for m in self.run_json("groups", f"--group={group_id}")["members"]]

    def changes(self, *flags):
        """What `watch` prints, each line an object."""
        done = self.cli(self.server, "watch", "--json", *flags)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_canonical(self):
        self.import_all()
        group = self.run_json("canonical", "g1", "a2")["group"]
        self.assertEqual((group["id"], group["canonical_id"], group["canonical_pinned"],
                          group["member_count"]), ("g1", "a2", True, 3))
        self.assertEqual(self.run_json("get", "a3")["canonical_id"], "a2")
        self.assertEqual(self.run_json("groups", "a")["group"], group)
        self.assertIn("chosen by an editor", self.cli(self.server, "groups", "a").stdout)
        group = self.run_json("canonical", "g1", "--by_policy")["group"]
        self.assertEqual((group["canonical_id"], group["canonical_pinned"]), ("a", False))
        self.assert_fails("canonical", "g1", "b", has=["FAILED_PRECONDITION", "not a member"])
        self.assert_fails("canonical", "g9", "a", has=["NOT_FOUND", "g9"])
        self.assert_fails("canonical", "g1", exit_code=2)
        self.assert_fails("canonical", "g1", "a", "--by_policy", exit_code=2)

    def test_canonical_by_policy(self):
        expected = {"first_ingested": "a", "earliest_published": "a2", "longest": "a"}
        for policy, canonical in expected.items():
            created = self.run_json("collections", "create", policy, f"--canonical_policy={policy}")
            self.assertEqual(created["canonical_policy"], policy)
            self.import_all(f"--collection={policy}")
            shown = self.run_json("groups", "a3", f"--collection={policy}")["group"]
            self.assertEqual(shown["canonical_id"], canonical, policy)
        created = self.run_json("collections", "create", "priority", "--footer_shingles_max=0",
                                "--canonical_policy=source_priority",
                                "--source_priority=Herald,Wire", "--boilerplate_articles_min=30",
                                "--boilerplate_source_articles_min=6",
                                "--lede_containment_min=0.2")
        self.assertEqual(created["source_priority"], ["Herald", "Wire"])
        for name, value in {"footer_shingles_max": 0, "boilerplate_articles_min": 30,
                            "boilerplate_source_articles_min": 6,
                            "lede_containment_min": 0.2}.items():
            self.assertEqual(created["thresholds"][name], value)
        self.import_all("--collection=priority")
        listed = self.run_json("groups", "--collection=priority")["groups"]
        self.assertEqual([g["canonical_id"] for g in listed], ["a3", "b2"])
        self.assert_fails("collections", "create", "x", "--canonical_policy=source_priority",
                          has=["source_priority", "INVALID_ARGUMENT"])
        self.assert_fails("collections", "create", "x", "--source_priority=Wire",
                          has=["source_priority", "INVALID_ARGUMENT"])

    def test_merge(self):
        self.import_all()
        group = self.run_json("merge", "g1", "g2")["group"]
        self.assertEqual((group["id"], group["canonical_id"], group["member_count"]), ("g1", "a", 5))
        self.assertEqual(self.members("g2"), ["a", "a2", "a3", "b", "b2"])
        placed = {m["id"]: m["placed_by_editor"]
                  for m in self.run_json("groups", "--group=g1")["members"]}
        self.assertEqual(placed, {"a": False, "a2": False, "a3": False, "b": True, "b2": True})
        self.import_one(dict(self.articles[3], id="b3"))
        self.assertEqual(self.run_json("get", "b3")["group_id"], "g1")
        self.assertEqual(len(self.run_json("groups", "--members_min=1")["groups"]), 1)
        self.assertEqual(self.run_json("merge", "g1", "g2")["group"]["member_count"], 6)
        self.assert_fails("merge", "g1", "g1", has=["INVALID_ARGUMENT", "the same group"])
        self.assert_fails("merge", "g1", "g9", has=["NOT_FOUND", "g9"])

    def test_split(self):
        self.import_all()
        split = self.run_json("split", "g1", "a2", "a3")
        self.assertEqual((split["group"]["id"], split["group"]["member_count"]), ("g1", 1))
        self.assertEqual((split["new_group"]["id"], split["new_group"]["canonical_id"],
                          split["new_group"]["member_count"]), ("g3", "a2", 2))
        self.assertEqual(self.members("g3"), ["a2", "a3"])
        # A new text of an article that was moved leaves it where it is.
        self.import_one(dict(self.articles[1], body=self.articles[1]["body"] + " Late news."))
        self.assertEqual(self.run_json("get", "a2")["group_id"], "g3")
        self.assert_fails("split", "g1", "a", has=["FAILED_PRECONDITION", "no member would be left"])
        self.assert_fails("split", "g1", "b", has=["FAILED_PRECONDITION", "not a member"])
        self.assert_fails("split", "g1", "nobody", has=["NOT_FOUND", "nobody"])
        self.assert_fails("split", "g1", exit_code=2)

    def test_withdraw_and_reinstate(self):
        self.import_all()
        done = self.run_json("withdraw", "a2", "--reason=corrected", "--note=wrong figures",
                             "--replacement=a3")
        self.assertEqual(done["affected_count"], 2)
        withdrawal = done["group"]["withdrawal"]
        self.assertEqual({k: v for k, v in withdrawal.items() if k != "withdrawn_at"},
                         {"article_id": "a2", "reason": "corrected", "note": "wrong figures",
                          "replacement_id": "a3"})
        summary = self.import_one(dict(self.articles[0], id="a4"))
        self.assertEqual(summary["withdrawn"], 1)
        for article_id in ("a", "a2", "a4"):
            self.assertEqual(self.run_json("get", article_id)["withdrawal"], withdrawal)
            self.assertEqual(self.run_json("find", article_id)["withdrawal"], withdrawal)
        for article_id in ("a3", "b"):
            self.assertNotIn("withdrawal", self.run_json("get", article_id))
        self.assertEqual([g["id"] for g in self.run_json("groups", "--withdrawn")["groups"]], ["g1"])
        lines = self.cli(self.server, "affected", "a3", "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["id"] for line in lines], ["a", "a2", "a4"])
        lines = self.cli(self.server, "affected", "--group=g1", "--limit=1", "--json").stdout
        self.assertEqual(json.loads(lines)["id"], "a")
        self.assertIn("wrong figures", self.cli(self.server, "affected", "a").stdout)
        self.assert_fails("affected", "b", has=["FAILED_PRECONDITION", "not withdrawn"])

        group = self.run_json("reinstate", "--group=g1")["group"]
        self.assertNotIn("withdrawal", group)
        self.assertNotIn("withdrawal", self.run_json("get", "a"))
        self.assertEqual(self.run_json("groups", "--withdrawn")["groups"], [])
        self.assertNotIn("withdrawn", self.import_one(dict(self.articles[0], id="a5")))
        for words in (["withdraw", "a"], ["withdraw", "a", "--reason=angry"],
                      ["withdraw", "--reason=killed"],
                      ["withdraw", "a", "--group=g1", "--reason=killed"], ["reinstate"],
                      ["affected"]):
            with self.subTest(words):
                self.assert_fails(*words, exit_code=2)
        for words in (["withdraw", "nobody", "--reason=killed"], ["reinstate", "nobody"],
                      ["affected", "nobody"]):
            with self.subTest(words):
                self.assert_fails(*words, has=["NOT_FOUND", "nobody"])

    def test_a_withdrawn_story_outlives_its_articles(self):
        self.import_all()
        self.run_json("withdraw", "--group=g2", "--reason=killed")
        self.run_json("delete", "b", "b2")
        listed = self.run_json("groups", "--withdrawn")["groups"]
        self.assertEqual([(g["id"], g["member_count"], g["canonical_id"]) for g in listed],
                         [("g2", 0, "")])
        self.assertEqual(self.cli(self.server, "affected", "--group=g2", "--json").stdout, "")
        self.assertEqual(self.import_one(dict(self.articles[3], id="b3"))["withdrawn"], 1)
        self.run_json("delete", "b3")
        self.assertEqual(self.run_json("reinstate", "--group=g2"), {"group": None})
        self.assert_fails("groups", "--group=g2", has=["NOT_FOUND"])

    def test_watch(self):
        self.import_all()
        seen = self.changes("--after=0", "--limit=5")
        self.assertEqual([(c["sequence"], c["kind"], c["group_id"], c["article_id"]) for c in seen],
                         [(1, "created", "g1", "a"), (2, "joined", "g1", "a2"),
                          (3, "joined", "g1", "a3"), (4, "created", "g2", "b"),
                          (5, "joined", "g2", "b2")])
        self.assertEqual([c["relation"] for c in seen],
                         ["new", "exact", "near_duplicate", "new", "exact"])
        self.assertEqual(self.run_json("stats")["group_change_sequence"], 5)
        self.run_json("canonical", "g1", "a2")
        self.run_json("split", "g1", "a3")
        self.run_json("merge", "g2", "g3")
        self.run_json("withdraw", "a", "--reason=killed")
        self.run_json("reinstate", "a")
        self.run_json("delete", "a2", "a")
        kinds = [c["kind"] for c in self.changes("--after=5", "--limit=11")]
        self.assertEqual(kinds, ["canonical_changed", "created", "left", "merged",
                                 "canonical_changed", "withdrawn", "reinstated", "left",
                                 "canonical_changed", "left", "ended"])
        table = self.cli(self.server, "watch", "--after=6", "--limit=4").stdout
        for word in ("created", "from g1", "merged", "to g2"):
            self.assertIn(word, table)
        self.assert_fails("watch", "--after=99", has=["OUT_OF_RANGE", "has not happened"])
        self.assert_fails("watch", "--collection=nowhere", has=["NOT_FOUND", "nowhere"])

    def test_watch_while_things_happen(self):
        with np.subprocess.Popen(
                [np.BIN / "newsprint", f"--target={self.server.address}", "watch", "--after=0",
                 "--json"], stdout=np.subprocess.PIPE, stderr=np.subprocess.PIPE) as watch:
            try:
                for number, article in enumerate(self.articles, start=1):
                    self.import_one(article)
                    change = json.loads(watch.stdout.readline())
                    self.assertEqual((change["sequence"], change["article_id"]),
                                     (number, article["id"]))
                # It goes on after a restart of the server, without a gap.
                port = self.server.address
                self.server.kill()
                self.server = self.launch(listen=port).wait_serving()
                self.import_one(dict(self.articles[3], id="b3"))
                change = json.loads(watch.stdout.readline())
                self.assertEqual((change["sequence"], change["article_id"]), (6, "b3"))
                watch.send_signal(np.signal.SIGINT)
                self.assertEqual(watch.wait(timeout=np.START_SECONDS), 130)
                self.assertIn("--after=6 goes on from here", watch.stderr.read().decode())
            finally:
                watch.kill()


class FingerprintsTest(CliTestCase):
    def fingerprints(self, *words):
        done = self.cli(self.server, "fingerprint", *words)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_give_the_verdicts_of_the_texts(self):
        articles = np.Writer(10).mixed(60)
        file = self.write_jsonl("articles.jsonl", articles)
        prints = self.fingerprints(file)
        self.assertEqual([p["id"] for p in prints], [a["id"] for a in articles])
        for line, article in zip(prints, articles):
            self.assertEqual((line["title"], line["source"]), (article["title"], article["source"]))
            self.assertNotIn("body", line)
            self.assertNotIn(article["body"][:40], json.dumps(line))
        self.assertEqual(self.run_json("stats")["articles"], 0)  # stores nothing
        self.run_json("collections", "create", "prints")
        by_text = self.run_json("import", file)
        by_print = self.run_json("import", self.write_jsonl("prints.jsonl.gz", prints),
                                 "--collection=prints")
        self.assertEqual(by_print["relations"], by_text["relations"])
        self.assertGreater(by_text["relations"]["near_duplicate"], 0)
        groups = [self.run_json("groups", f"--collection={name}") for name in ("default", "prints")]
        self.assertEqual(groups[0], groups[1])
        for article in articles[::7]:
            text = self.run_json("find", article["id"])
            self.assertEqual(self.run_json("find", article["id"], "--collection=prints"), text)
        got = self.run_json("get", articles[0]["id"], "--collection=prints")
        self.assertEqual((got["text_stored"], got["body"]), (False, ""))
        # A text is compared with fingerprints too.
        copy = self.write_jsonl("copy.jsonl", [dict(articles[0], id="copy")])
        self.assertEqual(self.run_json("find", f"--file={copy}", "--collection=prints")["relation"],
                         "exact")

    def test_of_another_scheme_are_refused(self):
        file = self.write_jsonl("one.jsonl", [np.Writer(11).article("a", "t")])
        line = self.write_jsonl("print.jsonl", self.fingerprints(file))
        self.run_json("collections", "create", "other", "--shingle_words=4")
        done = self.cli(self.server, "import", line, "--collection=other", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("article.fingerprint.scheme: not the collection's", done.stderr)
        damaged = dict(json.loads(line.read_text()), fingerprint="AAAA")
        done = self.cli(self.server, "import", self.write_jsonl("bad.jsonl", [damaged]), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("fingerprint", done.stderr)

    def test_bad_lines_are_left_out(self):
        file = self.folder / "bad.jsonl"
        good = np.Writer(12).article("a", "t")
        file.write_text(json.dumps(good) + '\n{"id": "no body"}\n{"id": \n')
        done = self.cli(self.server, "fingerprint", file, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([json.loads(line)["id"] for line in done.stdout.splitlines()], ["a"])
        self.assertIn("2 of 3 articles failed", done.stderr)


class ErrorsTest(CliTestCase):
    def test_no_server(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and not listening
            target = "127.0.0.1:%d" % closed.getsockname()[1]
            for words in (["stats"], ["import", SAMPLES], ["get", "a"], ["delete", "a", "b"],
                          ["collections"], ["evaluate", "related", SAMPLES]):
                with self.subTest(words):
                    self.assert_fails(*words, server=target, has=["cannot reach", target])

    def test_silent_server(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            target = "127.0.0.1:%d" % silent.getsockname()[1]
            self.assert_fails("stats", "--deadline_ms=300", server=target, has=[target])

    def test_unknown_id(self):
        for words in (["get", "nobody"], ["find", "nobody"], ["related", "nobody"],
                      ["compare", "nobody", "nobody"], ["delete", "nobody"], ["groups", "nobody"]):
            with self.subTest(words):
                self.assert_fails(*words, has=["nobody", "NOT_FOUND"])

    def test_unknown_collection(self):
        for words in (["get", "a"], ["stats"], ["groups"], ["import", SAMPLES], ["find", "a"],
                      ["related", "a"]):
            with self.subTest(words):
                self.assert_fails(*words, "--collection=nowhere", has=["nowhere", "NOT_FOUND"])

    def test_files(self):
        for words in (["import"], ["evaluate", "duplicates"], ["evaluate", "related"],
                      ["evaluate", "similarity"]):
            with self.subTest(words):
                self.assert_fails(*words, self.folder / "absent.jsonl",
                                  has=["absent.jsonl", "No such file"])
        self.assert_fails("import", self.folder, has=["folder"])
        self.assert_fails("find", f"--file={self.folder / 'absent.jsonl'}", has=["absent.jsonl"])
        self.assert_fails("find", "--file=-", stdin='{"id": ', has=["not valid JSON"])
        self.assert_fails("import", SAMPLES, self.folder / "absent.jsonl", has=["absent.jsonl"])
        self.assertEqual(self.run_json("stats")["articles"], 0)  # looked at the files first

    def test_usage(self):
        for words in ([], ["frobnicate"], ["get"], ["get", "a", "b"], ["compare", "a"], ["import"],
                      ["find"], ["evaluate", "speed", SAMPLES], ["stats", "x"], ["help", "nothing"],
                      ["stats", "--limit=-1"]):
            with self.subTest(words):
                self.assert_fails(*words, exit_code=2)
        for flag in ("--no_such_flag", "--no-such-flag", "--limit=many"):
            done = self.cli(self.server, "stats", flag, check=False)
            self.assertGreater(done.returncode, 0)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))

    def test_help(self):
        done = np.run_cli("help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(np.run_cli("--help").stdout, done.stdout)
        for command in re.findall(r"^  ([a-z]+)\b", done.stdout, re.MULTILINE):
            page = np.run_cli("help", command)
            self.assertEqual(page.returncode, 0)
            self.assertTrue(page.stdout.startswith(f"Usage: newsprint {command}"))
            self.assertEqual(np.run_cli(command, "--help").stdout, page.stdout)
        self.assertRegex(np.run_cli("--version").stdout, r"^newsprint \d+\.\d+\.\d+\n$")

    def test_standard_output_that_cannot_be_written(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        with open("/dev/full", "wb") as full:
            done = np.subprocess.run(
                [np.BIN / "newsprint", f"--target={self.server.address}", "stats", "--json"],
                stdout=full, stderr=np.subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assert_one_line(done.stderr.decode())


class EvaluateTest(CliTestCase):
    def setUp(self):
        super().setUp()
        self.writer = np.Writer(8)
        self.collections = self.run_json("collections")

    def tearDown(self):
        self.assertEqual(self.run_json("collections"), self.collections)
        self.assertEqual(self.run_json("stats")["articles"], 0)

    def duplicates_file(self):
        write = self.writer.article
        wire = write("wire", "strike", sentences=20, label="strike", kind="original")
        sentences = wire["body"].split(". ")
        near = dict(wire, id="near", kind="near", title=self.writer.title("strike"),
                    body=". ".join(sentences[:-1] + ["Reported by our correspondent."]))
        half = dict(wire, id="half", kind="excerpt", title=self.writer.title("strike"),
                    body=". ".join(sentences[:10]))
        rewrite = write("rewrite", "strike", sentences=20, label="strike", kind="rewrite")
        fire = write("fire", "fire", sentences=15, label="fire", kind="original")
        # A copy whose label says otherwise: the one wrong pair.
        mislabelled = dict(fire, id="fire-copy", label="other fire", kind="original")
        unlabelled = write("alone", "chess", sentences=15)
        return self.write_jsonl(
            "duplicates.jsonl", [wire, near, half, rewrite, fire, mislabelled, unlabelled])

    def test_duplicates(self):
        figures = self.run_json("evaluate", "duplicates", self.duplicates_file())
        self.assertEqual((figures["articles"], figures["failed"], figures["groups"]), (7, 0, 4))
        # Groups {wire near half} {rewrite} {fire fire-copy} {alone}: 4 pairs, 3 of them right; the
        # labels make 6 pairs.
        self.assertAlmostEqual(figures["pair_precision"], 3 / 4, places=5)
        self.assertAlmostEqual(figures["pair_recall"], 3 / 6, places=5)
        self.assertAlmostEqual(figures["pair_f1"], 2 * .75 * .5 / 1.25, places=5)
        self.assertEqual(figures["recall_by_kind"],
                         {"original": 1.0, "near": 1.0, "excerpt": 1.0, "rewrite": 0.0})

    def test_duplicates_with_pairs(self):
        pairs = self.write_jsonl("pairs.jsonl", [
            {"id_a": "wire", "id_b": "near", "jaccard": 0.92, "containment": 0.96},
            {"id_a": "wire", "id_b": "half", "jaccard": 0.5, "containment": 1.0},
            {"id_a": "wire", "id_b": "rewrite", "jaccard": 0.55, "containment": 0.62}])
        figures = self.run_json("evaluate", "duplicates", self.duplicates_file(), f"--pairs={pairs}")
        self.assertEqual(set(figures["recall_by_jaccard"]), {"0.5-0.6", "0.9-1.0"})
        self.assertEqual(set(figures["recall_by_containment"]), {"0.6-0.7", "0.9-1.0", "1.0"})
        self.assertIn("0.500", self.cli(self.server, "evaluate", "duplicates",
                                        self.duplicates_file(), f"--pairs={pairs}").stdout)

    def test_duplicates_explains_errors(self):
        file = self.duplicates_file()
        plain = self.run_json("evaluate", "duplicates", file)
        self.assertNotIn("errors", plain)
        figures = self.run_json("evaluate", "duplicates", file, "--show-errors=2")
        errors = figures.pop("errors")
        for timed in (plain, figures):
            del timed["seconds"]
        self.assertEqual(figures, plain)

        self.assertEqual(list(errors), ["false_matches", "misses"])
        [wrong], [missed] = errors["false_matches"], errors["misses"]
        self.assertEqual((wrong["id_a"], wrong["id_b"], wrong["kind_a"], wrong["relation"]),
                         ("fire-copy", "fire", "original", "exact"))
        self.assertEqual((wrong["evidence"]["jaccard"], wrong["canonical_id_a"]), (1.0, "fire"))
        articles = {a["id"]: a for a in map(json.loads, file.read_text().splitlines())}
        words = re.findall(r"\w+", articles["fire"]["body"])
        [passage] = wrong["passages"]
        self.assertEqual(passage["words"], len(words))
        start, end = passage["text"].split(" \u2026 ")
        self.assertTrue(articles["fire"]["body"].startswith(start))
        self.assertIn(end, articles["fire"]["body"][-len(end) - 1:])
        self.assertEqual((missed["id_a"], missed["id_b"], missed["kind_a"], missed["kind_b"]),
                         ("rewrite", "wire", "rewrite", "original"))
        self.assertIn(missed["relation"], ("related", "new"))
        self.assertEqual((missed["canonical_id_a"], missed["canonical_id_b"]), ("rewrite", "wire"))
        self.assertGreater(len(missed["explanation"]), 10)
        self.assertEqual(missed["passages"], [])

        shown = self.cli(self.server, "evaluate", "duplicates", file, "--show_errors=2").stdout
        self.assertIn("false matches: 1, shown: 1\n\nfire-copy (original) and fire (original)\n",
                      shown)
        self.assertIn("misses: 1, shown: 1\n\nrewrite (rewrite) and wire (original)\n", shown)
        self.assertIn(f"{len(words)} words in common: {start}", shown)

    def test_duplicates_explains_errors_of_standard_input(self):
        # With such thresholds an excerpt is no copy.
        flags = ("--show-errors=1", "--near_duplicate_jaccard=0.8", "--duplicate_containment=1",
                 "--excerpt_length_ratio=0.1")
        sentences = self.writer.sentences("strike", 20)
        articles = [{"id": "wire", "body": " ".join(sentences)},
                    {"id": "near", "body": " ".join(sentences[:10] + ["A line of our own."])}]
        text = "".join(json.dumps(a) + "\n" for a in articles)
        pairs = self.write_jsonl("pairs.jsonl", [
            {"id_a": "wire", "id_b": "near", "jaccard": 0.5, "containment": 0.97}])
        errors = self.run_json("evaluate", "duplicates", "-", f"--pairs={pairs}", *flags,
                               stdin=text)["errors"]
        self.assertEqual(errors["false_matches"], [])
        [missed] = errors["misses"]
        self.assertEqual((missed["id_a"], missed["id_b"]), ("near", "wire"))
        self.assertGreater(missed["evidence"]["containment"], 0.9)
        self.assertLess(missed["evidence"]["jaccard"], 0.8)
        self.assertEqual([p["words"] for p in missed["passages"]],
                         [len(" ".join(sentences[:10]).split())])
        self.assert_fails("evaluate", "duplicates", "-", *flags, stdin=text, has=["label"])

    def test_duplicates_sweep(self):
        file = self.duplicates_file()
        sweep = self.run_json("evaluate", "duplicates", file,
                              "--sweep=tokens_min=20:1000:490")["sweep"]
        self.assertEqual(sweep["threshold"], "tokens_min")
        self.assertEqual([v["value"] for v in sweep["values"]], [20, 510, 1000])
        self.assertEqual([v["groups"] for v in sweep["values"]], [4, 6, 6])
        self.assertEqual(sweep["best_f1_values"], [20])
        for value in sweep["values"]:
            flag = f"--tokens_min={value.pop('value')}"
            alone = self.run_json("evaluate", "duplicates", file, flag)
            del alone["seconds"], value["seconds"]
            self.assertEqual(value, alone)
        table = self.cli(self.server, "evaluate", "duplicates", file,
                         "--sweep=near_duplicate_jaccard=0.3:0.4:0.1").stdout
        self.assertRegex(table, r"^near_duplicate_jaccard +precision +recall +F1\n"
                                r" +0\.3 +0\.750 +0\.500 +0\.600\n +0\.4 ")

    def test_duplicates_sweep_with_pairs(self):
        pairs = self.write_jsonl("pairs.jsonl", [
            {"id_a": "wire", "id_b": "near", "jaccard": 0.92, "containment": 0.96},
            {"id_a": "wire", "id_b": "rewrite", "jaccard": 0.55, "containment": 0.62}])
        done = self.cli(self.server, "evaluate", "duplicates", self.duplicates_file(),
                        f"--pairs={pairs}", "--sweep=tokens_min=20:20:1")
        head, row = done.stdout.splitlines()[:2]
        self.assertTrue(head.endswith("recall at J .5   J .8  containment .8  called pairs  "
                                      "supported"), head)
        self.assertEqual(row.split()[-5:], ["0.500", "1.000", "1.000", "4", "0.250"])

    def test_duplicates_sweep_errors(self):
        file = self.duplicates_file()
        for flags, problem in ((["--sweep=jaccard=0:1:0.1"], "no such threshold: jaccard"),
                               (["--sweep=tokens_min=30:20:1"], "FROM"),
                               (["--sweep=tokens_min=20:30:1", "--show-errors=1"], "together")):
            self.assert_fails("evaluate", "duplicates", file, *flags, exit_code=2, has=[problem])
        self.assert_fails("evaluate", "duplicates", "-", "--sweep=tokens_min=20:30:1", exit_code=2,
                          stdin=file.read_text(), has=["only once"])
        self.assert_fails("evaluate", "duplicates", file, "--sweep=tokens_min=900:1100:100",
                          has=["tokens_min", "1100", "1000"])
        self.assert_fails("evaluate", "duplicates", file, "--show_errors=1001", exit_code=2,
                          has=["show_errors"])

    def test_duplicates_of_wire_copies(self):
        articles = [self.writer.article(f"a{i}", f"topic {i}", sentences=30) for i in range(4)]
        file = self.write_jsonl("articles.jsonl", [self.writer.article("short", "x", 2), *articles])

        def copies(*flags):
            return np.subprocess.run(
                [sys.executable, np.ROOT / "bench" / "quality" / "wire_copies.py", file, *flags],
                stdout=np.subprocess.PIPE, check=True).stdout
        made = copies("--stories=3")
        self.assertEqual(copies("--stories=3"), made)
        self.assertNotEqual(copies("--stories=3", "--seed=2"), made)
        lines = [json.loads(line) for line in made.splitlines()]
        self.assertEqual(len({line["id"] for line in lines}), 3 * 16)
        for story, article in enumerate(articles[:3], start=1):
            own = [line for line in lines if line["label"] == f"story-{story}"]
            self.assertEqual(own[0]["kind"], "original")
            by_kind = {line["kind"]: line for line in own}
            self.assertEqual(len(by_kind), 16)
            for kind in ("original", "identical", "verbatim"):
                self.assertEqual(by_kind[kind]["body"], article["body"])
                self.assertEqual(by_kind[kind]["title"] == article["title"], kind != "verbatim")
        figures = self.run_json("evaluate", "duplicates", "-", stdin=made)
        self.assertEqual(figures["pair_precision"], 1)
        self.assertEqual(set(figures["recall_by_kind"]), {line["kind"] for line in lines})
        for kind in ("identical", "verbatim", "dateline", "smart_quotes", "mojibake", "html"):
            self.assertEqual(figures["recall_by_kind"][kind], 1)

    def test_duplicates_thresholds_of_its_collection(self):
        figures = self.run_json("evaluate", "duplicates", self.duplicates_file(),
                                "--tokens_min=1000")  # so that only exact matches count
        self.assertEqual(figures["groups"], 6)

    def test_related(self):
        articles = [self.writer.article(f"{topic}-{i}", topic, label=topic)
                    for i in range(4) for topic in ("harbour", "budget", "orchestra", "drought")]
        # No copy of each other, but of one label: they will not find one another.
        articles += [self.writer.article("odd-1", "mining", label="odd"),
                     self.writer.article("odd-2", "fashion", label="odd"),
                     self.writer.article("single", "rowing", label="single"),
                     self.writer.article("unlabelled", "sailing")]
        # An exact copy is ranked as any other.
        articles.append(dict(articles[0], id="harbour-copy"))
        figures = self.run_json("evaluate", "related", self.write_jsonl("related.jsonl", articles))
        self.assertEqual((figures["articles"], figures["queries"], figures["failed"]), (21, 19, 0))
        self.assertAlmostEqual(figures["p_at_1"], 17 / 19, places=5)
        self.assertGreater(figures["map"], 17 / 19 - 1e-6)
        self.assertLess(figures["map"], 1)
        self.assertGreaterEqual(figures["recall_at_10"], round(17 / 19, 6))

    def test_similarity(self):
        pairs = []
        for i in range(12):
            overall = 1 + i % 4
            first = self.writer.sentences("election", 16)
            other = self.writer.sentences("volcano", 16)
            kept = {1: 16, 2: 10, 3: 5, 4: 0}[overall]
            pairs.append({"text1": " ".join(first), "text2": " ".join(first[:kept] + other[kept:]),
                          "overall": float(overall), "lang1": "en", "lang2": "en"})
        figures = self.run_json("evaluate", "similarity", self.write_jsonl("pairs.jsonl", pairs))
        self.assertEqual((figures["pairs"], figures["failed"]), (12, 0))
        self.assertGreater(figures["pearson"], 0.8)
        self.assertGreater(figures["spearman"], 0.9)
        self.assertLessEqual(max(figures["pearson"], figures["spearman"]), 1)
        for pair in pairs:
            pair["overall"] = 5 - pair["overall"]
        turned = self.run_json("evaluate", "similarity", self.write_jsonl("turned.jsonl", pairs))
        self.assertAlmostEqual(turned["pearson"], -figures["pearson"], places=5)
        self.assertAlmostEqual(turned["spearman"], -figures["spearman"], places=5)

    def test_bad_lines_are_counted(self):
        file = self.folder / "bad.jsonl"
        file.write_text(self.duplicates_file().read_text() + '{"id": \n{"id": "no body"}\n')
        done = self.cli(self.server, "evaluate", "duplicates", file, "--json", check=False)
        self.assertEqual(json.loads(done.stdout)["failed"], 2)


class SeedsTest(CliTestCase):
    """Five texts about neighbouring events, from the folder that NEWSPRINT_CORPORA names."""

    def setUp(self):
        super().setUp()
        folder = os.environ.get("NEWSPRINT_CORPORA")
        if not folder:
            self.skipTest("NEWSPRINT_CORPORA names no folder of corpora")
        files = sorted((pathlib.Path(folder) / "seeds").glob("*.txt"))
        if not files:
            self.skipTest(f"there are no texts in {folder}/seeds")
        self.articles = []
        for file in files:
            title, _, body = file.read_bytes().decode("utf-8", errors="replace").partition("\n")
            self.articles.append({"id": file.name[:3], "title": title.strip(), "body": body.strip(),
                                  "source": f"outlet {file.name[:3]}"})

    def test_seeds(self):
        self.assertEqual([a["id"] for a in self.articles], ["000", "001", "002", "003", "004"])
        self.run_json("import", self.write_jsonl("seeds.jsonl", self.articles))
        for article in self.articles:
            with self.subTest(article["id"]):
                relation = self.run_json("get", article["id"])["relation"]
                self.assertIn(relation, ("new", "related"))
                self.assertEqual(self.run_json("find", article["id"])["matches"], [])
        self.assertEqual(self.run_json("groups")["groups"], [])
        ids = [r["id"] for r in self.run_json("related", "002")["related"]]
        self.assertEqual(set(ids[:2]), {"001", "003"}, ids)

        third = self.articles[3]
        again = dict(third, id="003-again")
        half = dict(third, id="003-half", source="another outlet",
                    body=third["body"][:third["body"].index(" ", len(third["body"]) // 2)])
        self.run_json("import", self.write_jsonl("copies.jsonl", [again, half]))
        self.assertEqual(self.run_json("get", "003-again")["relation"], "exact")
        self.assertEqual(self.run_json("get", "003-half")["relation"], "excerpt")
        for article_id in ("003-again", "003-half"):
            self.assertEqual(self.run_json("get", article_id)["canonical_id"], "003")
        ids = [r["id"] for r in self.run_json("related", "002")["related"]]
        self.assertEqual(set(ids[:2]), {"001", "003"}, ids)


if __name__ == "__main__":
    unittest.main(verbosity=2)
