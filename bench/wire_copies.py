#!/usr/bin/env python3
"""Makes wire copies of real articles: the same story as other outlets would print it.

Usage: wire_copies.py ARTICLES.jsonl[.gz] --stories=N [--seed=S] > copies.jsonl

Takes the first N articles of at least 120 words, none of which begins like an earlier one, and writes
each with one copy of every kind below, in random order, as `newsprint evaluate duplicates` reads them:
`label` is the story, `kind` the edit, "original" for the article itself. The same seed and input give
the same output.
"""
import argparse
import gzip
import html
import json
import random
import re

FOOTERS = [
    "Sign up for our morning newsletter and never miss a story. Follow us on Twitter and like us on "
    "Facebook. All rights reserved. This material may not be published, broadcast, rewritten or "
    "redistributed without permission.",
    "Have a news tip? Write to our newsroom. Comments are moderated and may take up to an hour to "
    "appear. Read our community guidelines before you post. Copyright of the publisher.",
    "Support local journalism: subscribe today for full access to our print and digital editions, the "
    "weekend magazine and our archive. Already a subscriber? Log in to continue.",
]
LOCAL = [
    "Residents of {place} said they had followed the news closely.",
    "A spokesman for the county did not answer several calls on {day}.",
    "The question had come up at a meeting of the {place} council on {day}.",
    "Officials in {place} said it was too early to tell what this would mean for the region.",
    "About {number} people gathered outside the {place} courthouse in the afternoon.",
    "Local businesses near {place} expect little change before the end of the year, an owner said.",
    "The {place} school district has scheduled a discussion for {day} evening.",
    "Similar stories have been told in {place} for {number} years, according to a historian there.",
]
PLACES = ["Ashford", "Millbrook", "Carver Falls", "Eastham", "Port Lowell", "Greenridge", "Dunmore"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
SYNONYMS = {
    "said": "stated", "big": "large", "new": "fresh", "people": "persons", "many": "numerous",
    "after": "following", "began": "started", "also": "likewise", "but": "yet", "help": "assist",
    "show": "reveal", "about": "roughly", "money": "funds", "house": "home", "car": "vehicle",
    "children": "kids", "killed": "slain", "attack": "assault", "leader": "chief", "talks":
    "negotiations", "plan": "scheme", "law": "statute", "states": "nations", "government":
    "administration", "president": "leader", "police": "officers", "country": "nation", "last":
    "past", "year": "twelvemonth", "percent": "per cent", "million": "mln", "against": "versus",
    "would": "will", "could": "might", "very": "quite", "just": "only", "because": "since",
}


def sentences(text):
    return [s for s in re.split(r"(?<=[.!?])\s+", text) if s]


def filled(rng, template):
    return template.format(place=rng.choice(PLACES), day=rng.choice(DAYS), number=rng.randint(3, 90))


def trim(body, share):
    parts = sentences(body)
    return " ".join(parts[:max(3, round(len(parts) * (1 - share)))])


def insert(rng, body, count):
    parts = sentences(body)
    for _ in range(count):
        parts.insert(rng.randint(1, len(parts)), filled(rng, rng.choice(LOCAL)))
    return " ".join(parts)


def ocr(rng, body, rate):
    confusions = {"l": "1", "o": "0", "e": "c", "h": "b", "n": "u", "s": "5", "i": "l", "a": "o"}
    return "".join(
        confusions.get(c, rng.choice("abcdefghijklmnopqrstuvwxyz"))
        if c.isalpha() and rng.random() < rate else c for c in body)


def synonyms(body):
    return re.sub(r"[A-Za-z]+", lambda m: SYNONYMS.get(m.group(), m.group()), body)


def smart_quotes(text):
    text = re.sub(r'(^|[\s(])"', "\\1\u201c", text)
    return text.replace('"', "\u201d").replace("'", "\u2019").replace(" - ", " \u2014 ")


def mojibake(text):
    return smart_quotes(text).encode("utf-8").decode("cp1252", "replace").replace("\ufffd", "")


def as_html(rng, text):
    paragraphs = re.split(r"\n+", html.escape(text)) or [""]
    out = []
    for paragraph in paragraphs:
        words = paragraph.split(" ")
        if len(words) > 8:
            at = rng.randrange(len(words) - 3)
            words[at] = '<a href="/topic?id=%d&amp;x=1">%s' % (rng.randint(1, 999), words[at])
            words[at + 2] += "</a>"
        out.append("<p class=\"story-body\">%s</p>" % " ".join(words))
    return "<div><script>track('view');</script>%s</div>" % "\n".join(out)


def kinds(rng, body):
    """Kind of edit -> edited body."""
    dateline = "%s (Wire) \u2014 " % rng.choice(PLACES).upper()
    footer = "\n\n" + rng.choice(FOOTERS)
    parts = sentences(body)
    kept = [s for i, s in enumerate(parts) if i == 0 or rng.random() >= 0.25]
    return {
        "verbatim": body,
        "dateline": dateline + body,
        "smart_quotes": smart_quotes(body),
        "mojibake": mojibake(body),
        "html": as_html(rng, body),
        "footer": body + footer,
        "trimmed_30": trim(body, 0.3),
        "trimmed_60": trim(body, 0.6),
        "trimmed_60_footer": trim(body, 0.6) + footer,
        "inserted_2": insert(rng, body, 2),
        "inserted_8": insert(rng, body, 8),
        "dropped_quarter": " ".join(kept),
        "synonyms": synonyms(body),
        "ocr_2": ocr(rng, body, 0.02),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("articles")
    parser.add_argument("--stories", type=int, required=True)
    parser.add_argument("--seed", type=int, default=20110504)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    opener = gzip.open if options.articles.endswith(".gz") else open
    out, beginnings = [], set()
    with opener(options.articles, "rt", encoding="utf-8") as lines:
        for line in lines:
            article = json.loads(line)
            words = article["body"].split()
            beginning = " ".join(words[:12]).lower()
            if len(words) < 120 or beginning in beginnings:
                continue
            beginnings.add(beginning)
            label = "story-%d" % len(beginnings)
            out.append({"id": label, "title": article["title"], "body": article["body"],
                        "label": label, "kind": "original", "source": "wire"})
            for kind, body in kinds(rng, article["body"]).items():
                headline = " ".join(rng.sample(article["title"].split(), k=min(
                    5, len(article["title"].split())))) + " in brief"
                out.append({"id": "%s-%s" % (label, kind), "title": headline, "body": body,
                            "label": label, "kind": kind, "source": "outlet-%d" % rng.randint(1, 40)})
            if len(beginnings) == options.stories:
                break
    # Originals come first in their story: copies cannot be printed before.
    order = [(rng.random(), i) for i in range(len(out))]
    first = {}
    for position, i in order:
        story = out[i]["label"]
        first[story] = min(first.get(story, 2.0), position)
    order = sorted((first[out[i]["label"]] if out[i]["kind"] == "original" else position,
                    out[i]["kind"] != "original", i) for position, i in order)
    for _, _, i in order:
        print(json.dumps(out[i], ensure_ascii=False))


main()
