"""Embedders through the real server: embedding servers in processes of their own that stop and come
back, trained models and Model2Vec folders, and moving a collection from one to another."""
import json
import pathlib
import re
import struct
import subprocess
import sys
import time
import unittest

import grpc

from newsprint_process import ServerTestCase, Writer, run_cli

SERVER = pathlib.Path(__file__).resolve().parent / "embedding_server.py"
WAIT_SECONDS = 60


class EmbeddingServer:
    """A process of embedding_server.py."""

    def __init__(self, protocol, port=0, **options):
        words = [f"--{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            [sys.executable, SERVER, f"--protocol={protocol}", f"--listen=127.0.0.1:{port}", *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.address = re.fullmatch(r"listening on (\S+)\n", line).group(1)
        self.port = int(self.address.rsplit(":", 1)[1])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def write_model2vec(folder, words):
    """A Model2Vec folder in which each word has a direction of its own."""
    folder.mkdir()
    vocab = {token: i for i, token in enumerate(["[PAD]", "[UNK]", *words])}
    dimension = 32
    rows = [[0.0] * dimension, [0.0] * dimension]
    rows += [[1.0 if i % dimension == k else 0.1 for k in range(dimension)] for i in range(len(words))]
    data = b"".join(struct.pack(f"<{dimension}f", *row) for row in rows)
    header = json.dumps({"embeddings": {"dtype": "F32", "shape": [len(rows), dimension],
                                        "data_offsets": [0, len(data)]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    (folder / "config.json").write_text(json.dumps({"normalize": True}))
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "added_tokens": [], "truncation": None, "padding": None,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab}}))


class EmbedderTest(ServerTestCase):
    def setUp(self):
        super().setUp()
        self.models = self.folder / "models"
        self.models.mkdir()
        self.writer = Writer(seed=5)

    def embedding_server(self, protocol, **options):
        server = EmbeddingServer(protocol, **options)
        self.addCleanup(server.close)
        return server

    def articles(self, topic, count, prefix):
        return [self.writer.article(f"{prefix}{i}", topic) for i in range(count)]

    def ingest(self, api, articles, collection):
        return [api.IngestArticle(collection=collection, article=article).verdict
                for article in articles]

    def wait_until(self, condition, what):
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def check_remote(self, protocol, flag):
        embedding = self.embedding_server(protocol)
        server = self.serve(f"--remote_embedders=far={flag.format(embedding.address)}")
        api = self.api(server)
        collection = api.CreateCollection(collection={"name": "far", "embedder": "far"}).collection
        self.assertEqual(collection.embedder, "far")
        self.assertTrue(collection.embedder_identity.startswith(protocol))
        self.assertGreater(collection.embedding_dimension, 0)
        first = self.ingest(api, self.articles("strike", 5, "s"), "far")
        self.assertFalse(any(verdict.embedding_pending for verdict in first))

        # While it is down everything but the nearness of subject is as always.
        embedding.close()
        late = self.articles("strike", 4, "t")
        for verdict in self.ingest(api, late, "far"):
            self.assertTrue(verdict.embedding_pending)
        copy = dict(late[0], id="copy", title="Another headline")
        verdict = self.ingest(api, [copy], "far")[0]
        self.assertEqual(api.relation(verdict.relation), "near_duplicate")
        self.assertEqual(verdict.canonical_id, "t0")
        self.assertEqual(api.GetStats(collection="far").embeddings_pending, 5)
        self.assertTrue(api.GetArticle(collection="far", id="t1").state.embedding_pending)
        with self.assertRaises(grpc.RpcError) as refused:
            api.FindRelated(collection="far", article=self.writer.article("", "strike"))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("far", refused.exception.details())

        # Killed and started again, still without the embedding server: nothing is lost.
        server.kill()
        self._close_channels()
        server = self.serve(f"--remote_embedders=far={flag.format(embedding.address)}")
        api = self.api(server)
        self.assertEqual(api.GetStats(collection="far").embeddings_pending, 5)
        again = self.embedding_server(protocol, port=embedding.port)
        self.wait_until(lambda: api.GetStats(collection="far").embeddings_pending == 0,
                        "the vectors were not filled in")
        related = [r.article_id for r in api.FindRelated(collection="far", id="s0").related]
        self.assertLessEqual({"t0", "t1", "t2", "t3"}, set(related))
        again.close()
        self.stop(server)

    def test_text_embeddings_inference(self):
        self.check_remote("tei", "tei://{}")

    def test_open_inference_protocol(self):
        self.check_remote("kserve", "kserve://{}/hashed-words?input=text&output=embedding")

    def test_another_model_gives_no_vectors(self):
        embedding = self.embedding_server("tei", model_id="first")
        flag = f"--remote_embedders=far=tei://{embedding.address}"
        server = self.serve(flag)
        api = self.api(server)
        api.CreateCollection(collection={"name": "far", "embedder": "far"})
        embedding.close()
        self.embedding_server("tei", port=embedding.port, model_id="second")
        verdict = self.ingest(api, self.articles("strike", 1, "s"), "far")[0]
        self.assertTrue(verdict.embedding_pending)
        self.assertEqual(api.GetStats(collection="far").embeddings_pending, 1)

    def test_moving_to_a_model2vec_folder_and_back(self):
        server = self.serve(f"--models_dir={self.models}")
        api = self.api(server)
        self.ingest(api, self.articles("strike", 6, "s") + self.articles("storm", 6, "w"), "")
        # Added while the server runs.
        words = sorted(set(self.writer.topic("strike")) | set(self.writer.topic("storm")))
        write_model2vec(self.models / "static", words)
        names = {e.name: e for e in api.ListEmbedders().embedders}
        self.assertEqual(sorted(names), ["builtin", "caller", "static"])
        self.assertEqual(names["static"].dimension, 32)
        self.assertEqual(names["static"].problem, "")
        done = self.cli_json(server, "reembed", "--embedder=static")
        self.assertEqual((done["state"], done["articles"]), ("moved", 12))
        collection = api.GetCollection().collection
        self.assertEqual((collection.embedder, collection.embedding_dimension), ("static", 32))
        related = [r.article_id for r in api.FindRelated(id="s0", max_results=5).related]
        self.assertEqual({i[0] for i in related}, {"s"})
        self.stop(server)

        # Without its model the collection cannot be opened, and the server says why.
        refused = self.launch(f"--models_dir={self.folder}")
        self.assertEqual(refused.wait(), 1)
        self.assertIn("static", refused.stderr())
        server = self.serve(f"--models_dir={self.models}")
        self.cli(server, "reembed", "--embedder=builtin")
        self.assertEqual(self.api(server).GetCollection().collection.embedder, "builtin")

    def test_a_move_goes_on_after_a_kill(self):
        words = sorted(self.writer.topic("strike"))
        write_model2vec(self.models / "static", words)
        server = self.serve(f"--models_dir={self.models}")
        api = self.api(server)
        self.ingest(api, self.articles("strike", 300, "s"), "")
        moving = api.ReembedCollection(embedder="static").collection
        self.assertEqual(moving.reembedding.embedder, "static")
        server.kill()
        self._close_channels()
        server = self.serve(f"--models_dir={self.models}")
        api = self.api(server)
        self.ingest(api, self.articles("strike", 5, "t"), "")
        self.wait_until(lambda: api.GetCollection().collection.embedder == "static",
                        "the move did not end")
        self.assertFalse(api.GetCollection().collection.HasField("reembedding"))
        self.assertEqual(len(api.FindRelated(id="t0", max_results=400).related), 304)

    def test_a_trained_model(self):
        archive = self.write_jsonl("archive.jsonl", [
            article for topic in range(30)
            for article in self.articles(f"topic {topic}", 12, f"{topic}-")])
        done = run_cli("train", archive, f"--output={self.models / 'ours.model'}", "--epochs=1", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertGreater(report["articles"], 200)
        server = self.serve(f"--models_dir={self.models}")
        api = self.api(server)
        api.CreateCollection(collection={"name": "ours", "embedder": "ours"})
        self.ingest(api, self.articles("strike", 3, "s") + self.articles("storm", 3, "w"), "ours")
        related = [r.article_id for r in api.FindRelated(collection="ours", id="s0").related]
        self.assertEqual({i[0] for i in related[:2]}, {"s"})


if __name__ == "__main__":
    unittest.main()
