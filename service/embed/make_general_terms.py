#!/usr/bin/env python3
"""Writes general_terms.inc: how common the most common words of news articles are.

Usage: make_general_terms.py ARTICLES.jsonl[.gz]... > general_terms.inc

Articles are JSON objects with `title`, `body` and optional `lang`, one a line. A word's share is its
share of articles in the language where it is most common, so that the function words of every
language count as common. Languages with fewer than 200 articles are left out. Words are formed as
service/text/tokenizer.h says, nearly: this script takes Unicode words of Python's `re`.
"""
import collections
import gzip
import json
import math
import re
import sys
import textwrap
import unicodedata

WORDS = 16000
LANGUAGE_ARTICLES_MIN = 200


def words(text):
    return set(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def main():
    articles = collections.Counter()
    counts = collections.defaultdict(collections.Counter)
    for path in sys.argv[1:]:
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                article = json.loads(line)
                language = article.get("lang") or "en"
                articles[language] += 1
                counts[language].update(words(article["title"] + " " + article["body"]))
    shares = {}
    for language, total in articles.items():
        if total < LANGUAGE_ARTICLES_MIN:
            continue
        for word, count in counts[language].items():
            shares[word] = max(shares.get(word, 0), count / total)
    common = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:WORDS]
    by_idf = collections.defaultdict(list)
    for word, share in common:
        by_idf[round(-math.log(share), 1)].append(word)
    print("// The %d most common words of news articles, by idf = -ln(share of articles)." % WORDS)
    print("// Made by make_general_terms.py from %s." %
          ", ".join("%d %s" % (n, lang) for lang, n in sorted(articles.items())
                    if n >= LANGUAGE_ARTICLES_MIN))
    for idf, group in sorted(by_idf.items()):
        lines = textwrap.wrap(" ".join(sorted(group)), 92, break_long_words=False)
        print("{%.1ff,\n%s}," % (abs(idf), "\n".join(' "%s "' % line for line in lines)))


main()
