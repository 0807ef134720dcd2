#!/usr/bin/env python3
"""Makes wire copies of real articles: each story as other outlets would print it.

Takes the first N articles of at least 120 words, none of which begins like an earlier one. Writes each
("original") with one copy of every kind, in random order but after its original, as
`newsprint evaluate duplicates` reads them: "label" is the story, "kind" the edit. The same input and
seed give the same output.

Every copy but "identical" has a new headline. Kinds, by what happens to the body:
  identical          nothing, and the headline is the same
  verbatim           nothing
  dateline           begins with a place and an agency
  smart_quotes       typographic quotes and dashes
  mojibake           the same, double-encoded
  html               paragraphs, links and a script
  footer             a newsletter box, tip line or subscription notice behind it
  trimmed_30         the last 30 % of the sentences cut
  trimmed_60         the last 60 %
  trimmed_60_footer  the same, with a footer
  inserted_2         2 local sentences inserted
  inserted_8         8 of them
  dropped_quarter    a quarter of the sentences left out, not the first
  synonyms           some forty common words replaced
  ocr_2              2 % of the letters misread
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


def headline(rng, title):
    words = title.split()
    return " ".join(rng.sample(words, k=min(5, len(words)))) + " in brief"


def originals(path, count):
    """The articles that stories are made of."""
    opener = gzip.open if path.endswith(".gz") else open
    beginnings = set()
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            article = json.loads(line)
            words = article["body"].split()
            beginning = " ".join(words[:12]).lower()
            if len(words) < 120 or beginning in beginnings:
                continue
            beginnings.add(beginning)
            yield article
            if len(beginnings) == count:
                break


def story(rng, label, article):
    """The original and its copies, the identical one left out."""
    out = [{"id": label, "title": article["title"], "body": article["body"], "label": label,
            "kind": "original", "source": "wire"}]
    for kind, body in kinds(rng, article["body"]).items():
        out.append({"id": f"{label}-{kind}", "title": headline(rng, article["title"]), "body": body,
                    "label": label, "kind": kind, "source": outlet(rng)})
    return out


def outlet(rng):
    return "outlet-%d" % rng.randint(1, 40)


def shuffled(rng, seed, articles):
    """In random order, each original before its copies, with an identical copy of each somewhere
    behind it. Those came later and have a generator of their own, so that the rest is what it was."""
    positions = [rng.random() for _ in articles]
    first = {}
    for position, article in zip(positions, articles):
        first[article["label"]] = min(first.get(article["label"], 2.0), position)
    order = [(first[article["label"]] if article["kind"] == "original" else position,
              article["kind"] != "original", i, article)
             for i, (position, article) in enumerate(zip(positions, articles))]
    rng = random.Random(seed + 1)
    for article in [a for a in articles if a["kind"] == "original"]:
        copy = dict(article, id=article["label"] + "-identical", kind="identical", source=outlet(rng))
        order.append((rng.uniform(first[article["label"]], 1), True, len(order), copy))
    return [article for *_, article in sorted(order, key=lambda entry: entry[:3])]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: wire_copies.py articles.jsonl.gz --stories=500 > copies.jsonl")
    parser.add_argument("articles", metavar="ARTICLES",
                        help="JSONL file with title and body on each line, .gz too")
    parser.add_argument("--stories", type=int, required=True, metavar="N",
                        help="number of stories; each makes 16 lines")
    parser.add_argument("--seed", type=int, default=20110504, metavar="S",
                        help="seed of all that is random (%(default)s)")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    out = []
    for number, article in enumerate(originals(options.articles, options.stories), start=1):
        out += story(rng, f"story-{number}", article)
    for article in shuffled(rng, options.seed, out):
        print(json.dumps(article, ensure_ascii=False))


if __name__ == "__main__":
    main()
