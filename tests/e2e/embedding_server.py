"""An embedding server in a process of its own, for tests: Text Embeddings Inference or the Open
Inference Protocol, over the real method paths. A vector is a hashed bag of words, so texts that share
words have a cosine above 0; the same text has the same vector in every process.

Prints `listening on HOST:PORT`, and serves until it is killed.
"""
import argparse
import hashlib
import math
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
from concurrent import futures

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
FILES = {"tei": "tei/v1/tei.proto", "kserve": "inference/grpc_service.proto"}
THREADS = 16


def load(path):
    """The file's messages by name, and its methods as (service, method, request's name)."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as out:
        subprocess.run(["protoc", f"-I{PROTO}", f"--descriptor_set_out={out.name}", PROTO / path],
                       check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
    file = files.file[0]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    messages = {m.name: factory.GetPrototype(pool.FindMessageTypeByName(f"{file.package}.{m.name}"))
                for m in file.message_type}
    methods = [(f"{file.package}.{service.name}", method.name,
                method.input_type.rsplit(".", 1)[1])
               for service in file.service for method in service.method]
    return messages, methods


def vector(text, dimension):
    """Each word adds 1 or -1 at a place that its hash picks; of length 1, or zeros without words."""
    values = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.sha256(word.encode()).digest()
        values[int.from_bytes(digest[:8], "little") % dimension] += 1 if digest[8] & 1 else -1
    length = math.sqrt(sum(v * v for v in values))
    return [v / length for v in values] if length else values


class Tei:
    def __init__(self, messages, options):
        self.messages, self.options = messages, options

    def Info(self, request, context):
        return self.messages["InfoResponse"](
            version="1.0.0", model_id=self.options.model_id, model_sha=self.options.model_sha,
            max_input_length=512)

    def Embed(self, request, context):
        if not request.inputs:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "`inputs` is empty")
        time.sleep(self.options.delay_ms / 1000)
        return self.messages["EmbedResponse"](
            embeddings=vector(request.inputs, self.options.dimension))


class Kserve:
    def __init__(self, messages, options):
        self.messages, self.options = messages, options

    def check(self, name, context):
        if name != self.options.model_id:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown model")

    def ModelReady(self, request, context):
        self.check(request.name, context)
        return self.messages["ModelReadyResponse"](ready=True)

    def ModelMetadata(self, request, context):
        self.check(request.name, context)
        response = self.messages["ModelMetadataResponse"](
            name=request.name, versions=[self.options.model_sha], platform="python")
        response.inputs.add(name="text", datatype="BYTES", shape=[-1, 1])
        response.outputs.add(name="embedding", datatype="FP32", shape=[-1, self.options.dimension])
        return response

    def ModelInfer(self, request, context):
        self.check(request.model_name, context)
        if len(request.inputs) != 1 or request.inputs[0].name != "text":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "expected one input, text")
        texts = self.texts(request)
        if list(request.inputs[0].shape) != [len(texts), 1]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the shape is not that of the texts")
        time.sleep(self.options.delay_ms / 1000)
        response = self.messages["ModelInferResponse"](
            model_name=request.model_name, model_version=self.options.model_sha, id=request.id)
        response.outputs.add(name="embedding", datatype="FP32",
                             shape=[len(texts), self.options.dimension])
        values = [v for text in texts for v in vector(text, self.options.dimension)]
        response.raw_output_contents.append(struct.pack(f"<{len(values)}f", *values))
        return response

    @staticmethod
    def texts(request):
        if not request.raw_input_contents:
            return [t.decode() for t in request.inputs[0].contents.bytes_contents]
        raw, texts = request.raw_input_contents[0], []
        while raw:
            size, = struct.unpack_from("<I", raw)
            texts.append(raw[4:4 + size].decode())
            raw = raw[4 + size:]
        return texts


def handlers(implementation, messages, methods):
    services = {}
    for service, method, request in methods:
        services.setdefault(service, {})[method] = grpc.unary_unary_rpc_method_handler(
            getattr(implementation, method), request_deserializer=messages[request].FromString,
            response_serializer=lambda response: response.SerializeToString())
    return [grpc.method_handlers_generic_handler(name, by_method)
            for name, by_method in services.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=sorted(FILES), required=True)
    parser.add_argument("--listen", default="127.0.0.1:0", help="HOST:PORT; port 0 picks a free one")
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--delay_ms", type=int, default=0, help="before each answer with vectors")
    parser.add_argument("--model_id", default="hashed-words")
    parser.add_argument("--model_sha", default="1", help="TEI: revision; KServe: version")
    options = parser.parse_args()

    messages, methods = load(FILES[options.protocol])
    implementation = (Tei if options.protocol == "tei" else Kserve)(messages, options)
    server = grpc.server(futures.ThreadPoolExecutor(THREADS))
    server.add_generic_rpc_handlers(handlers(implementation, messages, methods))
    try:
        port = server.add_insecure_port(options.listen)
    except RuntimeError:
        port = 0
    if port == 0:
        sys.exit(f"listen: cannot bind, got {options.listen!r}")
    server.start()
    print(f"listening on {options.listen.rsplit(':', 1)[0]}:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
