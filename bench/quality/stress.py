#!/usr/bin/env python3
"""Ingests what makes other duplicate finders fail, and says what came of it and what a call cost.

Usage: stress.py [--bin=build/release/bin] [--scale=1.0] [--seed=S] [--json] [CASE...]

Each case is a set of made-up articles of which no two are copies, unless its description says so. It
goes into a collection of its own on a server of its own. The table names the groups of more than one
article (there should be none, or as few as described), the largest group, and the time of an ingest
against that of plain articles with as many words in the same run.
"""
import argparse
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

CONSONANTS = "bcdfghjklmnpqrstvwz"
VOWELS = "aeiou"


def spelling(number):
    word = CONSONANTS[number % 19] + VOWELS[number // 19 % 5]
    number //= 95
    while number > 0:
        word += CONSONANTS[number % 19] + VOWELS[number // 19 % 5]
        number //= 95
    return word


# By Zipf's law, as in real text: the most frequent of 30,000 words is one word in ten.
VOCABULARY = [spelling(number) for number in range(30_000)]
CUMULATIVE = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(VOCABULARY))))


def words(rng, count):
    return " ".join(rng.choices(VOCABULARY, cum_weights=CUMULATIVE, k=count))


def plain(rng, count, length):
    for i in range(count):
        yield words(rng, length(rng) if callable(length) else length)


def short_texts(rng, count):
    phrases = ["police said", "officials said on", "the company said", "more details to follow",
               "this is a developing story", "no one was hurt"]
    for i in range(count):
        length = rng.randint(1, 30)
        yield f"{rng.choice(phrases)} {words(rng, length)}" if length > 8 else words(rng, length)


def number_lists(rng, count):
    for _ in range(count):
        yield " ".join(str(rng.randint(0, 99)) for _ in range(rng.randint(30, 200)))


def sports_tables(rng, count):
    teams = [words(rng, 2).title() for _ in range(20)]
    for _ in range(count):
        rng.shuffle(teams)
        yield ". ".join(f"{team} played 10 won {rng.randint(0, 10)} drawn {rng.randint(0, 9)} lost "
                        f"{rng.randint(0, 9)} points {rng.randint(0, 30)}" for team in teams)


def repeated_sentence(rng, count):
    """Half repeat a sentence a thousand times, the others are articles that quote one of them."""
    sentences = [words(rng, 12) + ". " for _ in range(max(1, count // 2))]
    for sentence in sentences:
        yield sentence * 1000
    for sentence in sentences[:count - len(sentences)]:
        yield f"{words(rng, 150)}. {sentence}{words(rng, 150)}"


def template(rng, count, numbers):
    form = ["{name} reported net income of", "million for the quarter against", "in the same quarter a year "
            "before, while revenue rose to", "million from", "million. Earnings came to", "cents a share. "
            "The board declared a dividend of", "cents, payable on the last business day of the month to "
            "holders of record, and said that it expects results for the full year in line with the "
            "guidance that it gave in the spring"]
    for _ in range(count):
        text = ""
        for i, part in enumerate(form):
            value = f" {rng.randint(1, 99999)} " if i < numbers else " an undisclosed sum "
            text += part.format(name=words(rng, 2).title()) + (value if i < len(form) - 1 else "")
        yield text


def footers(rng, count):
    footer = words(rng, 150)
    for _ in range(count):
        yield f"{words(rng, rng.randint(100, 200))} {footer}"


def heavy_footers(rng, count):
    """Own words are fewer than the footer's."""
    footer = words(rng, 150)
    for _ in range(count):
        yield f"{words(rng, rng.randint(40, 80))} {footer}"


def chain(rng, count):
    """Each shares 60 % with the next. Right: a group ends two steps from the article that began it."""
    tape = words(rng, 40 * count + 60).split()
    for i in range(count):
        yield " ".join(tape[40 * i:40 * i + 100])


CASES = {
    "short_texts": (short_texts, 5_000, "1 to 30 words, some with a stock phrase"),
    "number_lists": (number_lists, 5_000, "30 to 200 numbers below 100"),
    "sports_tables": (sports_tables, 5_000, "20 teams with other results"),
    "repeated_sentence": (repeated_sentence, 400, "a sentence 1,000 times; articles quoting it once"),
    "template_6": (lambda rng, n: template(rng, n, 6), 5_000, "one form, 6 numbers each"),
    "template_2": (lambda rng, n: template(rng, n, 2), 5_000, "one form, 2 numbers each"),
    "template_0": (lambda rng, n: template(rng, n, 0), 5_000, "one form, only the name differs"),
    "footers": (footers, 20_000, "100 to 200 own words, a footer of 150"),
    "heavy_footers": (heavy_footers, 20_000, "40 to 80 own words, a footer of 150"),
    "chain": (chain, 50_000, "each shares 60 % with the next: groups of three are right"),
}


def write(path, bodies, source):
    lengths = []
    with open(path, "w", encoding="utf-8") as out:
        for i, body in enumerate(bodies):
            lengths.append(len(body.split()))
            out.write(json.dumps({"id": f"a{i}", "title": f"Item {i}", "body": body,
                                  "source": source(i)}) + "\n")
    return lengths


class Server:
    def __init__(self, binaries, folder):
        self.cli = [str(binaries / "newsprint")]
        self.log = open(folder / "log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [binaries / "newsprintd", "--listen=127.0.0.1:0", f"--data_dir={folder / 'data'}"],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.cli.append("--target=" + self.process.stdout.readline().split()[-1])

    def run(self, *arguments):
        for attempt in range(50):
            done = subprocess.run([*self.cli, "--json", *arguments], capture_output=True, text=True)
            if done.returncode == 0:
                return done.stdout
            if "starting" not in done.stderr:
                break
            time.sleep(0.1)
        sys.exit(f"newsprint {' '.join(arguments)}: {done.stderr}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def groups_of_several(server, collection):
    sizes = []
    for line in server.run("groups", f"--collection={collection}", "--members_min=2",
                           "--limit=100000").splitlines():
        found = json.loads(line)
        for group in found.get("groups", [found]):
            sizes.append(int(group["member_count"]))
    return sizes


def measure(server, name, path):
    server.run("collections", "create", name)
    report = json.loads(server.run("import", path, f"--collection={name}", "--skip_related"))
    return report, groups_of_several(server, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release/bin", type=pathlib.Path)
    parser.add_argument("--scale", default=1.0, type=float, help="share of the articles of each case")
    parser.add_argument("--seed", default=20110504, type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all: " + ", ".join(CASES))
    arguments = parser.parse_args()
    for case in arguments.cases:
        if case not in CASES:
            parser.error(f"no such case: {case}; cases are {', '.join(CASES)}")
    results = {}
    for case in arguments.cases or CASES:
        make, count, description = CASES[case]
        count = max(2, int(count * arguments.scale))
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            server = Server(arguments.bin, folder)
            rng = random.Random(arguments.seed)
            lengths = write(folder / "case.jsonl", make(rng, count), lambda i: f"outlet {i % 7}")
            likewise = iter(lengths)
            write(folder / "plain.jsonl", plain(rng, count, lambda _: next(likewise)),
                  lambda i: f"outlet {i % 7}")
            ordinary, _ = measure(server, "plain", str(folder / "plain.jsonl"))
            report, sizes = measure(server, case, str(folder / "case.jsonl"))
            server.stop()
        results[case] = {
            "articles": report["articles"], "failed": report["failed"],
            "groups_of_several": len(sizes), "largest_group": max(sizes, default=1),
            "relations": {k: v for k, v in report["relations"].items() if v},
            "cost_against_plain": round(report["seconds"] / max(ordinary["seconds"], 1e-9), 2)}
        if not arguments.json:
            line = results[case]
            print(f"| {case} | {description} | {line['articles']:,} | {line['groups_of_several']:,} | "
                  f"{line['largest_group']:,} | {line['cost_against_plain']:.2f} |", flush=True)
    if arguments.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
