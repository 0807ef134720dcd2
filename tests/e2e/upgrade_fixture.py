"""Makes a small data folder, and tells what a server answers about it. Run with the server of an older
format, it writes tests/store/formats/formatN.tar.gz:

    NEWSPRINT_BIN=<folder of that server and its command line> tests/e2e/upgrade_fixture.py formatN

upgrade_test.py then opens that folder with the present server."""
import json
import pathlib
import shutil
import sys
import tarfile
import tempfile

from newsprint_process import ROOT, NewsprintProcess, Writer, run_cli, write_jsonl

FOLDER = ROOT / "tests" / "store" / "formats"
IDS_STORED = 30  # of the collection "default"


def articles():
    """Articles of a few topics with copies among them; some without a time of publication, and one that
    says it was published in the future."""
    made = Writer(3).mixed(IDS_STORED, prefix="w")
    for i, article in enumerate(made):
        article["url"] = f"https://outlet.example/{article['id']}"
        if i % 5 != 0:
            article["published_at"] = f"20{11 + i % 3}-05-{1 + i % 28:02}T08:{i:02}:00Z"
    made[7]["published_at"] = "2099-01-01T00:00:00Z"
    return made


def cli(address, *words):
    done = run_cli(f"--target={address}", *words, "--json")
    if done.returncode != 0:
        raise AssertionError(f"newsprint {' '.join(words)}: {done.stderr}")
    return json.loads(done.stdout)


def fill(address, folder):
    path = write_jsonl(pathlib.Path(folder) / "articles.jsonl", articles())
    cli(address, "import", str(path))
    cli(address, "collections", "create", "short", "--omit_text")
    cli(address, "import", str(path), "--collection=short", "--limit=10")
    groups = cli(address, "groups", "--members_min=1")["groups"]
    largest = sorted(groups, key=lambda group: (-group["member_count"], group["id"]))
    # The first text of a withdrawn story stays when its article is deleted.
    cli(address, "withdraw", f"--group={largest[0]['id']}", "--reason=killed", "--note=libel")
    cli(address, "delete", largest[0]["canonical_id"])
    alone = [group["id"] for group in groups if group["member_count"] == 1]
    cli(address, "merge", alone[0], alone[1])
    cli(address, "delete", "w-00002")


def observe(address):
    """What is stored, without what changes from one server to the next or from call to call."""
    seen = {"groups": cli(address, "groups", "--members_min=1"), "articles": {}}
    for article in articles():
        done = run_cli(f"--target={address}", "get", article["id"], "--json")
        if done.returncode != 0:
            seen["articles"][article["id"]] = None
            continue
        seen["articles"][article["id"]] = {
            "get": json.loads(done.stdout), "find": cli(address, "find", article["id"]),
            "related": cli(address, "related", article["id"])}
    for collection in ("default", "short"):
        stats = cli(address, "stats", f"--collection={collection}")
        seen[collection] = {key: stats[key] for key in (
            "articles", "groups", "relations", "sequence", "group_change_sequence",
            "boilerplate_shingles", "embeddings_pending")}
    return seen


def main(name):
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data"
        process = NewsprintProcess(data).wait_serving()
        fill(process.address, folder)
        seen = observe(process.address)
        if process.stop() != 0:
            raise AssertionError(process.stderr())
        process.close()
        for path in list(data.iterdir()):  # logs of RocksDB, which nothing reads
            if path.name.startswith("LOG"):
                path.unlink()
        shutil.rmtree(data / "graphs")
        (data.parent / "answers.json").write_text(json.dumps(seen, indent=1, sort_keys=True))
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tarfile.open(FOLDER / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(data, "data")
            archive.add(data.parent / "answers.json", "answers.json")


if __name__ == "__main__":
    main(sys.argv[1])
