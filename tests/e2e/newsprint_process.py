"""What the end-to-end tests share: a newsprintd of their own, a client made from the .proto files of
this repository, the command line, and generated articles."""
import atexit
import gzip
import json
import os
import pathlib
import queue
import random
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # the tests provoke errors; gRPC need not tell

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("NEWSPRINT_BIN") or ROOT / "build" / "release" / "bin").resolve()
START_SECONDS = 30  # for everything that takes a moment on an idle machine
SERVING, NOT_SERVING = 1, 2  # grpc.health.v1.HealthCheckResponse.ServingStatus
CHANNEL_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.use_local_subchannel_pool", 1),  # no connection outlives its test
]
RELATIONS = ("new", "exact", "near_duplicate", "excerpt", "extension", "revision", "template",
             "related")


class NewsprintProcess:
    """A newsprintd on a port of its own. Use `stop` or `kill`; ServerTestCase sees to both."""

    def __init__(self, data_dir, *flags, listen="127.0.0.1:0"):
        self.data_dir = pathlib.Path(data_dir)
        self.stdout_lines = []
        self.address = None
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [BIN / "newsprintd", f"--listen={listen}", f"--data_dir={data_dir}", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr)
        atexit.register(self.process.kill)  # after Ctrl-C; else it has ended long before
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read_stdout, daemon=True)
        self._reader.start()

    def _read_stdout(self):
        for line in self.process.stdout:
            self.stdout_lines.append(line.decode())
            self._lines.put(line.decode())
        self._lines.put(None)

    def wait_listening(self):
        line = self._lines.get(timeout=START_SECONDS)
        match = re.fullmatch(r"listening on (\S+:\d+)\n", line or "")
        if match is None:
            self.kill()
            raise AssertionError(f"newsprintd did not start: {line!r}, stderr: {self.stderr()}")
        self.address = match.group(1)
        return self

    def wait_serving(self):
        if self.address is None:
            self.wait_listening()
        deadline = time.monotonic() + START_SECONDS
        with self.channel() as channel:
            while health(channel) != SERVING:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError(f"newsprintd is not serving, stderr: {self.stderr()}")
                time.sleep(0.01)
        return self

    def channel(self):
        return grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS)

    def stderr(self):
        self._stderr.flush()
        return os.pread(self._stderr.fileno(), 1 << 26, 0).decode(errors="replace")

    def wait(self, seconds=START_SECONDS):
        code = self.process.wait(timeout=seconds)
        self._reader.join(timeout=seconds)
        return code

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.terminate()
        return self.wait()

    def kill(self):
        """SIGKILL, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        return self.wait()

    def close(self):
        self.kill()
        self.process.stdout.close()
        self._stderr.close()


def health(channel, timeout=5):
    """Status from grpc.health.v1, or None when the server cannot be reached. The request is an empty
    message, the response one enum field: b"" (0) or b"\\x08" and the value."""
    check = channel.unary_unary("/grpc.health.v1.Health/Check",
                                request_serializer=lambda _: b"",
                                response_deserializer=parse_health)
    try:
        return check(None, timeout=timeout)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return None
        raise


def parse_health(data):
    if data == b"":
        return 0
    if len(data) != 2 or data[0] != 0x08:
        raise AssertionError(f"not a HealthCheckResponse: {data!r}")
    return data[1]


def watch_health(channel):
    """A stream of statuses, grpc.health.v1.Health/Watch."""
    return channel.unary_stream("/grpc.health.v1.Health/Watch", request_serializer=lambda _: b"",
                                response_deserializer=parse_health)(None)


_descriptors = None


def _descriptor_set():
    global _descriptors
    if _descriptors is None:
        with tempfile.NamedTemporaryFile(suffix=".binpb") as out:
            protos = sorted((ROOT / "proto" / "newsprint").rglob("*.proto"))
            subprocess.run(["protoc", f"-I{ROOT / 'proto'}", "--include_imports",
                            f"--descriptor_set_out={out.name}", *protos], check=True)
            _descriptors = descriptor_pb2.FileDescriptorSet.FromString(
                pathlib.Path(out.name).read_bytes())
    return _descriptors


class Api:
    """Every RPC of newsprint.v1 as a method that takes the request's fields by name, and every
    message as a class: `api.GetArticle(id="a")`, `api.Article(id="a")`."""

    def __init__(self, channel):
        self.channel = channel
        pool = descriptor_pool.DescriptorPool()
        for file in _descriptor_set().file:
            pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        for file in _descriptor_set().file:
            if file.package != "newsprint.v1":
                continue
            for message in file.message_type:
                descriptor = pool.FindMessageTypeByName(f"{file.package}.{message.name}")
                setattr(self, message.name, factory.GetPrototype(descriptor))
        self._relation = pool.FindEnumTypeByName("newsprint.v1.Relation")
        for file in _descriptor_set().file:
            for service in file.service:
                for method in service.method:
                    self._add_method(f"/{file.package}.{service.name}/{method.name}", method)

    def _add_method(self, path, method):
        request = getattr(self, method.input_type.rsplit(".", 1)[1])
        response = getattr(self, method.output_type.rsplit(".", 1)[1])
        codecs = {"request_serializer": request.SerializeToString,
                  "response_deserializer": response.FromString}
        if method.client_streaming:
            setattr(self, method.name, self.channel.stream_stream(path, **codecs))
            return
        if method.server_streaming:
            stream = self.channel.unary_stream(path, **codecs)
            setattr(self, method.name,
                    lambda timeout=60, **fields: stream(request(**fields), timeout=timeout))
            return
        call = self.channel.unary_unary(path, **codecs)
        setattr(self, method.name, lambda timeout=60, **fields: call(request(**fields), timeout=timeout))
        setattr(self, f"{method.name}Future",
                lambda timeout=60, **fields: call.future(request(**fields), timeout=timeout))

    def relation(self, value):
        """The name of a Relation as the command line writes it."""
        return self._relation.values_by_number[value].name[len("RELATION_"):].lower()


class ServerTestCase(unittest.TestCase):
    """Gives each test a folder and the means to start servers; leaves neither behind."""

    def setUp(self):
        # Goes with the object, and so also after Ctrl-C.
        folder = tempfile.TemporaryDirectory(prefix="newsprint_e2e_", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(folder.name)
        self._processes = []
        self._channels = []
        # No tearDown: it is not called when the setUp of a subclass fails.
        self.addCleanup(folder.cleanup)
        self.addCleanup(self._close_processes)
        self.addCleanup(self._close_channels)

    def launch(self, *flags, data_dir=None, listen="127.0.0.1:0"):
        """Starts a server and waits for nothing."""
        process = NewsprintProcess(data_dir or self.folder / "data", *flags, listen=listen)
        self._processes.append(process)
        return process

    def serve(self, *flags, data_dir=None):
        return self.launch(*flags, data_dir=data_dir).wait_serving()

    def api(self, process):
        channel = process.channel()
        self._channels.append(channel)
        return Api(channel)

    def stop(self, process):
        """Stops a server as an operator does, with no client connected."""
        self._close_channels()
        self.assertEqual(process.stop(), 0, process.stderr())

    def _close_processes(self):
        for process in self._processes:
            process.close()

    def _close_channels(self):
        while self._channels:
            self._channels.pop().close()

    def cli(self, process, *words, stdin=None, check=True):
        """Runs `newsprint`. With `check`, it has to exit with 0."""
        target = process if isinstance(process, str) else process.address
        done = run_cli(f"--target={target}", *words, stdin=stdin)
        if check and done.returncode != 0:
            self.fail(f"newsprint {' '.join(map(str, words))}: exit {done.returncode}: {done.stderr}")
        return done

    def cli_json(self, process, *words, stdin=None):
        """Runs `newsprint --json`, which has to print one object on one line."""
        done = self.cli(process, *words, "--json", stdin=stdin)
        self.assertEqual(done.stdout.count("\n"), 1, done.stdout)
        return json.loads(done.stdout)

    def write_jsonl(self, name, objects):
        return write_jsonl(self.folder / name, objects)


def run_binary(name, *words, stdin=None, seconds=60):
    environment = {key: value for key, value in os.environ.items()
                   if not key.lower().endswith("_proxy") and key != "GRPC_VERBOSITY"}
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([BIN / name, *map(str, words)], input=stdin if stdin is not None else b"",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds,
                          env=environment)
    done.stdout = done.stdout.decode(errors="replace")
    done.stderr = done.stderr.decode(errors="replace")
    return done


def run_cli(*words, stdin=None):
    return run_binary("newsprint", *words, stdin=stdin)


def write_jsonl(path, objects):
    text = "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


class Writer:
    """Generates articles, the same for the same seed. An article has a topic, whose words it shares
    with the others of the topic; all other words are common to all."""

    SYLLABLES = ("ba bel cor dan del dor fen gar hal jin kar lam len lor mar mel mir nal nor pel pra "
                 "quin rav rem ros sal sen sim sol tam tel tor ula van ver vin wal yor zan zel").split()
    COMMON_WORDS = 400
    TOPIC_WORDS = 25

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.common = self._words(self.COMMON_WORDS, 2)
        self._topics = {}

    def _words(self, count, syllables):
        words = set()
        while len(words) < count:
            words.add("".join(self.random.choice(self.SYLLABLES) for _ in range(syllables)))
        return sorted(words)

    def topic(self, name):
        if name not in self._topics:
            self._topics[name] = self._words(self.TOPIC_WORDS, 3)
        return self._topics[name]

    def sentence(self, topic):
        words = [self.random.choice(self.topic(topic) if self.random.random() < 0.4 else self.common)
                 for _ in range(self.random.randint(9, 15))]
        return " ".join(words).capitalize() + "."

    def title(self, topic):
        return " ".join(self.random.choice(self.topic(topic)) for _ in range(5)).capitalize()

    def sentences(self, topic, count):
        return [self.sentence(topic) for _ in range(count)]

    def article(self, article_id, topic, sentences=12, **more):
        return {"id": article_id, "title": self.title(topic),
                "body": " ".join(self.sentences(topic, sentences)), **more}

    def mixed(self, count, prefix="a"):
        """Articles of a few topics, some of them copies, excerpts or extensions of earlier ones."""
        articles = []
        for i in range(count):
            topic = f"topic {i % 7}"
            article = self.article(f"{prefix}-{i:05}", topic, source=f"outlet {i % 5}")
            kind = i % 6
            if kind >= 3 and i > 12:
                body = articles[self.random.randrange(len(articles))]["body"].split(". ")
                if kind == 3:
                    body = body[:-1] + ["Our paper adds this line about the weather."]
                elif kind == 4:
                    body = body[:max(4, len(body) // 2)]
                else:
                    body = body + self.sentences(topic, 6)
                article["body"] = ". ".join(body)
            articles.append(article)
        return articles
