"""Overload: many connections, clients that do not read, large messages, clients that die. What the
server takes of the machine stays bounded, and ordinary calls are answered meanwhile.

Run with `CLIENT KIND ADDRESS CONNECTIONS`, this file is such a client."""
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

import newsprint_process as np

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

MIB = 1 << 20
CONNECTIONS = 60
LARGE_BODY = 4 * MIB
QUEUE_BYTES = 8 * MIB
GRPC_BYTES = 64 * MIB
# The bound that docs/operations.md states, with the large article in place of the largest message.
BOUND = GRPC_BYTES + 6 * QUEUE_BYTES + 2 * (3 + 12) * LARGE_BODY
DETAILS = "grpc-status-details-bin"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
FLAGS = [f"--body_bytes_max={8 * MIB}", f"--queue_bytes_max={QUEUE_BYTES}",
         f"--grpc_bytes_max={GRPC_BYTES}", "--compute_threads=2", "--keepalive_seconds=1"]


def resident_bytes(process):
    status = pathlib.Path(f"/proc/{process.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def large_text(size):
    words = " ".join(f"word{i % 9973} of{i % 97}" for i in range(size // 12))
    return words[:size]


# As a client: for ever.

def client(kind, address, connections):
    channels = [grpc.insecure_channel(address, options=np.CHANNEL_OPTIONS) for _ in range(connections)]
    codecs = {"request_serializer": bytes, "response_deserializer": bytes}
    api, path = np.Api(channels[0]), "/newsprint.v1.ArticleService"
    large = api.FindDuplicatesRequest(
        article=api.Article(body=large_text(LARGE_BODY))).SerializeToString()
    small = large_text(3000)

    def requests():
        for sequence in range(1, 1 << 40):
            article = api.Article(id=f"stream-{sequence}", body=f"{sequence} {small}")
            yield api.StreamIngestRequest(sequence=sequence, request=api.IngestArticleRequest(
                article=article)).SerializeToString()

    def call(channel):
        find = channel.unary_unary(f"{path}/FindDuplicates", **codecs)
        while True:
            try:
                find(large, timeout=10)
            except grpc.RpcError:
                time.sleep(0.05)

    streams = []
    for channel in channels:
        if kind == "never_reads":
            streams.append(channel.stream_stream(f"{path}/StreamIngest", **codecs)(requests()))
        else:
            threading.Thread(target=call, args=(channel,), daemon=True).start()
    print("running", flush=True)
    time.sleep(3600)


class OverloadTest(np.ServerTestCase):
    def start_client(self, kind, process, connections=CONNECTIONS):
        started = subprocess.Popen([sys.executable, __file__, "CLIENT", kind, process.address,
                                    str(connections)], stdout=subprocess.PIPE)
        self.addCleanup(started.stdout.close)
        self.addCleanup(started.wait)
        self.addCleanup(started.kill)
        self.assertEqual(started.stdout.readline(), b"running\n")
        return started

    def ask(self, api, text):
        """An ordinary caller, who tries again when refused, or when gRPC closes the connection to get
        memory."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return api.FindDuplicates(article=api.Article(body=text), timeout=30)
            except grpc.RpcError as error:
                # A slow machine may need longer than the deadline.
                if error.code() not in (grpc.StatusCode.RESOURCE_EXHAUSTED,
                                        grpc.StatusCode.UNAVAILABLE,
                                        grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                self.assertLess(time.monotonic(), deadline, f"refused for two minutes: {error}")
                time.sleep(0.05)

    def watch(self, process, start, seconds):
        """Asks for a while; returns the most that the server took."""
        api = self.api(process)
        most, asked, end = 0, 0, time.monotonic() + seconds
        while time.monotonic() < end:
            self.ask(api, f"ordinary {asked} text of some words")
            asked += 1
            most = max(most, resident_bytes(process))
            time.sleep(0.02)
        self.assertLess(most - start, BOUND, f"{most >> 20} MiB, at the start {start >> 20} MiB")
        return most

    def test_large_messages_streams_that_never_read_and_clients_that_die(self):
        process = self.serve(*FLAGS)
        start = resident_bytes(process)
        clients = [self.start_client("large", process), self.start_client("never_reads", process)]
        self.watch(process, start, 6)
        for one in clients:
            one.kill()
            one.wait()
        self.watch(process, start, 2)
        self.stop(process)

    def test_a_full_queue_says_when_to_try_again(self):
        process = self.serve("--compute_threads=1", "--queue_items_max=1", *FLAGS[:3])
        api = self.api(process)
        body = large_text(LARGE_BODY)
        refused, deadline = None, time.monotonic() + 120
        while refused is None:
            self.assertLess(time.monotonic(), deadline, "no call was refused in two minutes")
            calls = [api.ComputeFingerprintFuture(article=api.Article(id="a", body=body))
                     for _ in range(4)]
            for call in calls:
                if call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
                    refused = call
        details = dict(refused.trailing_metadata())[DETAILS]
        self.assertIn(RETRY_INFO.encode(), details)
        status = self.richstatus("Status").FromString(details)
        self.assertEqual((status.code, status.message), (8, refused.details()))
        self.assertIn("(--queue_items_max); try again after a pause", refused.details())
        delay = self.richstatus("RetryInfo").FromString(status.details[0].value).retry_delay
        self.assertGreaterEqual(delay.ToMilliseconds(), 50)
        self.assertLessEqual(delay.ToMilliseconds(), 5000)

    def richstatus(self, name):
        out = self.folder / "richstatus.binpb"
        subprocess.run(["protoc", f"-I{np.ROOT / 'proto'}", "--include_imports",
                        f"--descriptor_set_out={out}", "richstatus/status.proto"], check=True,
                       cwd=np.ROOT / "proto")
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
            pool.Add(file)
        return message_factory.MessageFactory(pool).GetPrototype(
            pool.FindMessageTypeByName(f"richstatus.{name}"))

    def test_one_connection_has_no_more_calls_than_it_may(self):
        process = self.serve("--connection_calls_max=4")
        api = self.api(process)
        streams = [api.WatchGroups() for _ in range(4)]
        for stream in streams:
            next(stream)
        with self.assertRaises(grpc.RpcError) as caught:
            api.GetStats(timeout=0.5)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        streams[0].cancel()
        api.GetStats(timeout=10)

    def test_a_connection_without_a_sign_of_life_is_closed(self):
        process = self.serve("--keepalive_seconds=1")
        open_files = pathlib.Path(f"/proc/{process.process.pid}/fd")

        def sockets():
            return sum("socket" in os.readlink(file) for file in open_files.iterdir())

        def wait_until(holds):
            deadline = time.monotonic() + 30
            while not holds(sockets()) and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertTrue(holds(sockets()), f"{sockets()} sockets, at the start {before}")

        before = sockets()
        client_process = self.start_client("never_reads", process, connections=5)
        wait_until(lambda now: now >= before + 5)
        client_process.send_signal(signal.SIGSTOP)  # the kernel still answers for it
        wait_until(lambda now: now <= before)


if __name__ == "__main__":
    if sys.argv[1:2] == ["CLIENT"]:
        client(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    unittest.main(verbosity=2)
