"""A client that nobody here wrote. All that it knows is the address: services and messages come from
gRPC server reflection, and no file of proto/ is read."""
import unittest

import newsprint_process as np  # starts the server; nothing else of it is used here

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

LABEL_OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
LABEL_REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
TYPES = {"string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
         "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
         "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32}

# The part of grpc/reflection/v1alpha/reflection.proto that is needed: message -> fields. What is one
# of several in the original is a plain field here, which is the same on the wire.
REFLECTION = {
    "ServerReflectionRequest": [("host", 1, "string"), ("file_by_filename", 3, "string"),
                                ("file_containing_symbol", 4, "string"),
                                ("list_services", 7, "string")],
    "ServerReflectionResponse": [("file_descriptor_response", 4, ".FileDescriptorResponse"),
                                 ("list_services_response", 6, ".ListServiceResponse"),
                                 ("error_response", 7, ".ErrorResponse")],
    "FileDescriptorResponse": [("file_descriptor_proto", 1, "repeated bytes")],
    "ListServiceResponse": [("service", 1, "repeated .ServiceResponse")],
    "ServiceResponse": [("name", 1, "string")],
    "ErrorResponse": [("error_code", 1, "int32"), ("error_message", 2, "string")],
}
REFLECTION_PACKAGE = "grpc.reflection.v1alpha"


def reflection_messages():
    file = descriptor_pb2.FileDescriptorProto(
        name="reflection_subset.proto", package=REFLECTION_PACKAGE, syntax="proto3")
    for name, fields in REFLECTION.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            repeated = kind.startswith("repeated ")
            kind = kind[len("repeated "):] if repeated else kind
            field = message.field.add(name=field_name, number=number,
                                      label=LABEL_REPEATED if repeated else LABEL_OPTIONAL)
            if kind.startswith("."):
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{REFLECTION_PACKAGE}{kind}"
            else:
                field.type = TYPES[kind]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(f"{REFLECTION_PACKAGE}.{name}"))
            for name in REFLECTION}


class ReflectedServer:
    """Services, methods and messages as the server describes them."""

    def __init__(self, channel):
        self.channel = channel
        self._messages = reflection_messages()
        self._ask_call = channel.stream_stream(
            f"/{REFLECTION_PACKAGE}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self._messages["ServerReflectionResponse"].FromString)
        self.pool = descriptor_pool.DescriptorPool()
        self._factory = message_factory.MessageFactory(self.pool)
        self._files = set()

    def ask(self, **question):
        request = self._messages["ServerReflectionRequest"](**question)
        response, = list(self._ask_call(iter([request]), timeout=10))
        return response

    def services(self):
        return [service.name for service in self.ask(list_services="*").list_services_response.service]

    def load(self, symbol):
        """Fetches the file of `symbol`, and the files that it imports."""
        self._load(self.ask(file_containing_symbol=symbol))

    def _load(self, response):
        if response.error_response.error_code:
            raise KeyError(response.error_response.error_message)
        files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                 for data in response.file_descriptor_response.file_descriptor_proto]
        known = {file.name for file in files}
        for file in files:
            if file.name in self._files:
                continue
            self._files.add(file.name)
            for dependency in file.dependency:
                if dependency not in self._files and dependency not in known:
                    self._load(self.ask(file_by_filename=dependency))
        # A server may send the imports along, in any order.
        waiting = {file.name: file for file in files}
        while waiting:
            ready = [f for f in waiting.values() if not set(f.dependency) & set(waiting)]
            for file in ready:
                self.pool.Add(file)
                del waiting[file.name]

    def message(self, name):
        return self._factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def method(self, service, name):
        """The request class and the call itself."""
        method = self.pool.FindServiceByName(service).FindMethodByName(name)
        proto = descriptor_pb2.MethodDescriptorProto()
        method.CopyToProto(proto)
        request = self._factory.GetPrototype(method.input_type)
        response = self._factory.GetPrototype(method.output_type)
        make = (self.channel.stream_stream if proto.client_streaming and proto.server_streaming
                else self.channel.unary_unary)
        return request, make(f"/{service}/{name}", request_serializer=request.SerializeToString,
                             response_deserializer=response.FromString)


ARTICLES = "newsprint.v1.ArticleService"
WIRE_BODY = (
    "The harbour board voted on Tuesday to close the old ferry terminal in October and to move all "
    "sailings to the new quay on the north shore. Shop owners near the terminal said the board had "
    "not asked them, and that half of their customers arrive by boat. The board's chairwoman said "
    "that repairs would cost four times the yearly income from the ferry, and that a bus would link "
    "the two shores every ten minutes. A petition against the move has drawn nine thousand names, "
    "and the city council will discuss it next week.")


class PythonClientTest(np.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.process = self.serve()
        channel = self.process.channel()
        self._channels.append(channel)
        self.server = ReflectedServer(channel)

    def call(self, name, **fields):
        request, call = self.server.method(ARTICLES, name)
        return call(request(**fields), timeout=10)

    def relation(self, verdict):
        descriptor = verdict.DESCRIPTOR.fields_by_name["relation"].enum_type
        return descriptor.values_by_number[verdict.relation].name

    def ingest_two(self):
        self.server.load(ARTICLES)
        first = self.call("IngestArticle", article={
            "id": "wire", "title": "Board closes ferry terminal", "body": WIRE_BODY,
            "source": "wire", "published_at": {"seconds": 1_600_000_000}})
        second = self.call("IngestArticle", article={
            "id": "copy", "title": "Ferry terminal to close in October",
            "body": "HARBOUR CITY (Wire) - " + WIRE_BODY + " All rights reserved.",
            "source": "paper", "attributes": {"desk": "city"}})
        return first.verdict, second.verdict

    def test_lists_services(self):
        services = self.server.services()
        for service in (ARTICLES, "newsprint.v1.ClusterService", "newsprint.v1.AdminService",
                        "grpc.health.v1.Health"):
            self.assertIn(service, services)

    def test_describes_itself_completely(self):
        for service in self.server.services():
            if service.startswith("newsprint."):
                self.server.load(service)
        article = self.server.message("newsprint.v1.Article").DESCRIPTOR
        self.assertLessEqual({"id", "title", "body", "raw_title", "raw_body", "embedding"},
                             set(article.fields_by_name))
        with self.assertRaises(KeyError):
            self.server.load("newsprint.v1.NoSuchService")

    def test_ingest_and_find(self):
        first, second = self.ingest_two()
        self.assertEqual(self.relation(first), "RELATION_NEW")
        self.assertEqual(first.canonical_id, "wire")
        self.assertEqual(self.relation(second), "RELATION_NEAR_DUPLICATE")
        self.assertEqual((second.canonical_id, second.group_id), ("wire", first.group_id))
        self.assertEqual(second.matches[0].article_id, "wire")
        self.assertGreater(second.matches[0].evidence.jaccard, 0.8)

        found = self.call("FindDuplicates", article={"body": WIRE_BODY,
                                                     "title": "Board closes ferry terminal"})
        self.assertEqual(self.relation(found.verdict), "RELATION_EXACT")
        found = self.call("FindDuplicates", id="copy")
        self.assertEqual([m.article_id for m in found.verdict.matches], ["wire"])

        self.call("IngestArticle", article={
            "id": "other", "title": "Ferry passengers protest",
            "body": "Some two hundred people marched from the ferry terminal to the harbour board's "
                    "office to protest against its closing. They fear longer trips once the ferry "
                    "sails from the north shore quay, and shops without customers."})
        related = self.call("FindRelated", id="wire").related
        self.assertEqual([r.article_id for r in related], ["other"])
        self.assertEqual(related[0].title, "Ferry passengers protest")
        self.assertFalse(related[0].same_group)
        related = self.call("FindRelated", id="wire", include_duplicates=True).related
        self.assertEqual([(r.article_id, r.same_group) for r in related],
                         [("copy", True), ("other", False)])

    def test_stream_ingest(self):
        self.server.load(ARTICLES)
        request, call = self.server.method(ARTICLES, "StreamIngest")
        sent = [("s1", WIRE_BODY), ("", WIRE_BODY), ("s2", WIRE_BODY + " It will meet in public."),
                ("s3", "")]
        responses = list(call((request(sequence=10 * (i + 1),
                                       request={"article": {"id": article_id, "body": body}})
                               for i, (article_id, body) in enumerate(sent)), timeout=10))
        self.assertEqual([r.sequence for r in responses], [10, 20, 30, 40])
        invalid = grpc.StatusCode.INVALID_ARGUMENT.value[0]
        self.assertEqual([r.result.status.code for r in responses], [0, invalid, 0, invalid])
        self.assertTrue(responses[1].result.status.message.startswith("article.id:"))
        self.assertTrue(responses[3].result.status.message.startswith("article.body:"))
        self.assertEqual(self.relation(responses[2].result.verdict), "RELATION_NEAR_DUPLICATE")

    def test_stream_with_a_sequence_that_does_not_grow(self):
        self.server.load(ARTICLES)
        request, call = self.server.method(ARTICLES, "StreamIngest")
        responses = call((request(sequence=n, request={"article": {"id": f"n{i}", "body": WIRE_BODY}})
                          for i, n in enumerate((5, 5))), timeout=10)
        self.assertEqual(next(responses).sequence, 5)
        with self.assertRaises(grpc.RpcError) as caught:
            next(responses)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("sequence", caught.exception.details())

    def test_invalid_utf8_in_a_string_field(self):
        self.ingest_two()
        request, _ = self.server.method(ARTICLES, "IngestArticle")
        response = self.server.message("newsprint.v1.IngestArticleResponse")
        raw_call = self.server.channel.unary_unary(f"/{ARTICLES}/IngestArticle",
                                                   response_deserializer=response.FromString)
        data = request(article={"id": "bad", "title": "caf?", "body": WIRE_BODY}).SerializeToString()
        for attempt in range(3):
            with self.assertRaises(grpc.RpcError) as caught:
                raw_call(data.replace(b"caf?", b"caf\xe9"), timeout=10)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("title: not valid UTF-8", caught.exception.details())
            self.assertIn("raw_title", caught.exception.details())  # says what to do
            # The same connection goes on.
            self.assertEqual(self.call("GetArticle", id="wire").article.title,
                             "Board closes ferry terminal")
        with self.assertRaises(grpc.RpcError) as caught:
            self.call("GetArticle", id="bad")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

        # The same bytes are welcome in the raw fields, and are read as Windows-1252.
        verdict = self.call("IngestArticle", article={
            "id": "raw", "raw_title": b"caf\xe9", "raw_body": WIRE_BODY.encode() + b" \x93Na\xefve\x94"
        }).verdict
        self.assertEqual(self.relation(verdict), "RELATION_NEAR_DUPLICATE")
        article = self.call("GetArticle", id="raw").article
        self.assertEqual(article.title, "caf\u00e9")
        self.assertTrue(article.body.endswith(" \u201cNa\u00efve\u201d"), article.body[-20:])

    def test_invalid_utf8_in_a_stream(self):
        """Costs that item, and nothing else."""
        self.ingest_two()
        request, _ = self.server.method(ARTICLES, "StreamIngest")
        response = self.server.message("newsprint.v1.StreamIngestResponse")
        requests = [request(sequence=n, request={"article": {
            "id": f"item-{n}", "title": "caf?" if n == 2 else "cafe",
            "body": WIRE_BODY}}).SerializeToString().replace(b"caf?", b"caf\xe9") for n in (1, 2, 3)]
        stream = self.server.channel.stream_stream(f"/{ARTICLES}/StreamIngest",
                                                   response_deserializer=response.FromString)
        responses = list(stream(iter(requests), timeout=10))
        self.assertEqual([r.sequence for r in responses], [1, 2, 3])
        invalid = grpc.StatusCode.INVALID_ARGUMENT.value[0]
        self.assertEqual([r.result.status.code for r in responses], [0, invalid, 0])
        self.assertIn("title: not valid UTF-8", responses[1].result.status.message)
        self.assertEqual(self.call("GetArticle", id="item-3").article.title, "cafe")
        with self.assertRaises(grpc.RpcError):
            self.call("GetArticle", id="item-2")

    def test_garbage(self):
        self.ingest_two()
        garbage = self.server.channel.unary_unary(f"/{ARTICLES}/IngestArticle")
        with self.assertRaises(grpc.RpcError) as caught:
            garbage(b"\xff\xff\xff not a message", timeout=10)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        unknown = self.server.channel.unary_unary(f"/{ARTICLES}/NoSuchMethod")
        with self.assertRaises(grpc.RpcError) as caught:
            unknown(b"", timeout=10)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual(self.call("GetArticle", id="wire").article.id, "wire")

    def test_errors_name_the_field(self):
        self.server.load(ARTICLES)
        for name, fields, code, word in (
                ("IngestArticle", {}, grpc.StatusCode.INVALID_ARGUMENT, "article"),
                ("IngestArticle", {"article": {"id": "i"}}, grpc.StatusCode.INVALID_ARGUMENT, "body"),
                ("FindDuplicates", {}, grpc.StatusCode.INVALID_ARGUMENT, "query"),
                ("FindRelated", {"id": "nobody"}, grpc.StatusCode.NOT_FOUND, "nobody"),
                ("GetArticle", {"collection": "nowhere", "id": "i"}, grpc.StatusCode.NOT_FOUND,
                 "collection")):
            with self.subTest(name, **fields), self.assertRaises(grpc.RpcError) as caught:
                self.call(name, **fields)
            self.assertEqual(caught.exception.code(), code)
            self.assertIn(word, caught.exception.details())


if __name__ == "__main__":
    unittest.main(verbosity=2)
