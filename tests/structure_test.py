"""Rules that no compiler checks: who may include whom, the form of headers, notes left behind, and the
wire contract. Each rule is a function from text to a list of problems, so that the tests at the end
can show that it finds what it is meant to find."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEADER_LINES_MAX = 300

# Folder of service/ -> the other folders of service/ that it may include. Files of service/ itself are
# folders here.
BELOW_TEXT = {"common"}
BELOW_MIDDLE = {"text", "common"}
# The files of client/ that may include parts of service/, and these parts: one learns a model, one
# reads data folders.
CLIENT_MAY_INCLUDE = {
    "client/cli/train.cc": {"train", "embed"},
    "client/cli/data_folder.cc": {"store", "index"},
}
MIDDLE = {"index", "store", "embed", "sketch"}
MAY_INCLUDE = {
    "common": set(),
    "text": BELOW_TEXT,
    "sketch": BELOW_MIDDLE,
    "embed": BELOW_MIDDLE,
    "index": BELOW_MIDDLE | {"sketch"},  # a fingerprint index holds sketches
    "store": BELOW_MIDDLE,
    "train": {"embed"} | BELOW_MIDDLE,
    "engine": MIDDLE | BELOW_MIDDLE,
    "rpc": {"engine"} | MIDDLE | BELOW_MIDDLE,
    "metrics": {"rpc", "engine", "store", "common"},
    "flags.h": {"rpc", "engine"},
    "flags.cc": {"flags.h", "rpc", "engine"} | BELOW_MIDDLE,
    "main.cc": {"flags.h", "metrics", "rpc", "engine"} | MIDDLE | BELOW_MIDDLE,
}
# What a library's includes look like -> the folders of service/ that may have them, and those below.
LIBRARIES = {
    "FAISS": (r"faiss/", {"index"}),
    "RocksDB": (r"rocksdb/", {"store"}),
    "gRPC": (r"grpc|.*\.grpc\.pb\.h$", {"rpc", "embed/remote"}),
    "protobuf": (r"google/protobuf/|(?!newsprint/v1/).*\.pb\.h$", {"rpc", "embed/remote"}),
    "newsprint.v1": (r"newsprint/v1/", {"rpc"}),
    "OpenMP": (r"omp\.h$", {"main.cc", "index"}),
    "spdlog": (r"spdlog/", {"main.cc", "metrics", "rpc"}),
    "BLAS": (r"cblas", {"train"}),
    "OpenSSL": (r"openssl/", {"rpc"}),
    "Prometheus": (r"prometheus/", {"metrics"}),
    "Abseil flags": (r"absl/flags/", set()),  # flags.h says why
}
NOT_IN_CLIENT = ("FAISS", "RocksDB", "OpenMP")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def is_within(parts, folders):
    """Whether the path of `parts` is one of `folders`, or below one."""
    return any(parts[:len(folder.split("/"))] == folder.split("/") for folder in folders)


def include_problems(path, text):
    """`path` is that of a file under service/ or client/, relative to the repository."""
    top, *rest = path.split("/")
    problems = []
    for quote, included in INCLUDE.findall(text):
        if quote == '"' and "/" not in included:
            problems.append(f"{path}: includes \"{included}\" without its folder")
        if top == "client":
            allowed = (included.startswith("service/") and
                       included.split("/")[1] in CLIENT_MAY_INCLUDE.get(path, ()))
            if included.startswith("service/") and not allowed:
                problems.append(f"{path}: includes {included}, but client/ knows nothing of service/")
            libraries = [name for name in NOT_IN_CLIENT if re.match(LIBRARIES[name][0], included)]
            problems += [f"{path}: includes {included}, but client/ does without {name}"
                         for name in libraries]
            continue
        folder = rest[0]
        if folder not in MAY_INCLUDE:
            return [f"{path}: service/{folder} is not in MAY_INCLUDE of tests/structure_test.py"]
        if included.startswith("client/"):
            problems.append(f"{path}: includes {included}, but service/ knows nothing of client/")
        if included.startswith("service/"):
            other = included.split("/")[1]
            if other != folder and other not in MAY_INCLUDE[folder]:
                allowed = ", ".join(sorted(MAY_INCLUDE[folder])) or "nothing else"
                problems.append(f"{path}: includes {included}, but service/{folder} may include only "
                                f"{allowed}")
        for name, (pattern, folders) in LIBRARIES.items():
            if re.match(pattern, included) and not is_within(rest, folders):
                allowed = ", ".join(f"service/{f}" for f in sorted(folders)) or "none of service/"
                problems.append(f"{path}: includes {included}, but {name} belongs to {allowed}")
    return problems


def header_problems(path, text):
    guard = "NEWSPRINT_" + re.sub(r"[^A-Z0-9]", "_", path.upper()) + "_"
    problems = []
    lines = text.splitlines()
    if len(lines) > HEADER_LINES_MAX:
        problems.append(f"{path}: has {len(lines)} lines, limit {HEADER_LINES_MAX}")
    directives = [line for line in lines if line.startswith("#")]
    if directives[:2] != [f"#ifndef {guard}", f"#define {guard}"]:
        problems.append(f"{path}: does not begin with #ifndef and #define of {guard}")
    if not lines or lines[-1] != f"#endif  // {guard}":
        problems.append(f"{path}: does not end with \"#endif  // {guard}\"")
    if not lines or not lines[0].startswith("//"):
        problems.append(f"{path}: does not begin with a comment that says what it is for")
    return problems


def note_problems(path, text):
    note = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
    return [f"{path}:{number}: {match.group(1)}" for number, line in enumerate(text.splitlines(), 1)
            for match in [note.search(line)] if match]


def compile_protos(root, below="."):
    """The descriptors of all .proto files in the folder `below` of `root`, with their comments."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as out:
        subprocess.run(["protoc", f"-I{root}", "--include_source_info",
                        f"--descriptor_set_out={out.name}",
                        *sorted((root / below).rglob("*.proto"))], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())


class Comments:
    """Comments by the path of field numbers that descriptor.proto describes."""

    def __init__(self, file):
        self._texts = {tuple(location.path):
                       (location.leading_comments or location.trailing_comments).strip()
                       for location in file.source_code_info.location}

    def has(self, *path):
        return bool(self._texts.get(path))


SERVICE, MESSAGE, ENUM = 6, 4, 5  # fields of FileDescriptorProto
METHOD = FIELD = VALUE = 2  # of the descriptors of a service, a message and an enum


def rpc_problems(files, implementation):
    """`implementation` is the text of service/rpc/services.cc."""
    problems = []
    for file in files:
        comments = Comments(file)
        for s, service in enumerate(file.service):
            start = re.search(rf"^class {service.name} final\b", implementation, re.MULTILINE)
            body = implementation[start.start():].split("\n};", 1)[0] if start else ""
            if not start:
                problems.append(f"{file.name}: {service.name} has no class in services.cc")
            for m, method in enumerate(service.method):
                name = f"{service.name}.{method.name}"
                if not comments.has(SERVICE, s, METHOD, m):
                    problems.append(f"{file.name}: {name} has no comment")
                if start and not re.search(
                        rf"\b{method.name}\(\s*grpc::CallbackServerContext\*[^{{;]*\boverride\b", body):
                    problems.append(f"{file.name}: {name} is not implemented in services.cc")
    return problems


def upper_snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def naming_problems(files):
    """The rules of `buf lint` that matter most."""
    problems, used = [], {}

    def require(condition, file, problem):
        if not condition:
            problems.append(f"{file.name}: {problem}")

    for file in files:
        require(file.syntax == "proto3", file, "is not proto3")
        require(file.package.replace(".", "/") == str(pathlib.PurePath(file.name).parent), file,
                f"package {file.package} does not match the folder")
        require(re.search(r"\.v\d+$", file.package), file, f"package {file.package} has no version")
        for service in file.service:
            require(service.name.endswith("Service"), file, f"{service.name} does not end in Service")
            for method in service.method:
                require(re.fullmatch(r"([A-Z][a-z0-9]*)+", method.name), file,
                        f"{method.name} is not in CamelCase")
                for kind, given in (("Request", method.input_type), ("Response", method.output_type)):
                    given = given.rsplit(".", 1)[1]
                    require(given == f"{method.name}{kind}", file,
                            f"{service.name}.{method.name} has {given}, not {method.name}{kind}")
                    require(used.setdefault(given, method.name) == method.name, file,
                            f"{given} serves both {used[given]} and {method.name}")
        for message in file.message_type:
            require(re.fullmatch(r"([A-Z][a-z0-9]*)+", message.name), file,
                    f"{message.name} is not in CamelCase")
            for field in message.field:
                require(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", field.name), file,
                        f"{message.name}.{field.name} is not in lower_snake_case")
        for enum in file.enum_type:
            prefix = upper_snake(enum.name) + "_"
            first = enum.value[0]
            require((first.name, first.number) == (f"{prefix}UNSPECIFIED", 0), file,
                    f"{enum.name} does not begin with {prefix}UNSPECIFIED = 0")
            for value in enum.value:
                require(value.name.startswith(prefix), file, f"{value.name} does not begin with {prefix}")
    return problems


# Names that say all there is to say.
NEED_NO_COMMENT = {"count"}


def comment_problems(files):
    """Services, enums, enum values and fields have comments. A field may do without when a field of
    the same name has one elsewhere, as the meaning is then the same, or when its type is a message or
    an enum of ours, which is explained where it stands."""
    explained = set(NEED_NO_COMMENT)
    for file in files:
        comments = Comments(file)
        for m, message in enumerate(file.message_type):
            explained |= {field.name for f, field in enumerate(message.field)
                          if comments.has(MESSAGE, m, FIELD, f)}
    problems = []
    for file in files:
        comments = Comments(file)
        for s, service in enumerate(file.service):
            if not comments.has(SERVICE, s):
                problems.append(f"{file.name}: {service.name} has no comment")
        for e, enum in enumerate(file.enum_type):
            if not comments.has(ENUM, e):
                problems.append(f"{file.name}: {enum.name} has no comment")
            problems += [f"{file.name}: {value.name} has no comment"
                         for v, value in enumerate(enum.value)
                         if not comments.has(ENUM, e, VALUE, v)]
        for m, message in enumerate(file.message_type):
            for f, field in enumerate(message.field):
                if (comments.has(MESSAGE, m, FIELD, f) or field.name in explained or
                        field.type_name.startswith(f".{file.package}.")):
                    continue
                problems.append(f"{file.name}: {message.name}.{field.name} has no comment")
    return problems


def sources(*folders, endings=(".h", ".cc")):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in endings and path.is_file() and "node_modules" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text()


def buf():
    local = sorted(ROOT.glob("**/node_modules/.bin/buf"))
    return shutil.which("buf") or (str(local[0]) if local else None)


class StructureTest(unittest.TestCase):
    def assert_none(self, problems):
        self.assertEqual(problems, [], "\n" + "\n".join(problems))

    def test_includes(self):
        checked = list(sources("service", "client", endings=(".h", ".cc", ".inc")))
        self.assertGreater(len(checked), 50)
        self.assert_none([p for path, text in checked for p in include_problems(path, text)])

    def test_headers(self):
        checked = list(sources("service", "client", endings=(".h",)))
        self.assertGreater(len(checked), 25)
        self.assert_none([p for path, text in checked for p in header_problems(path, text)])

    def test_who_may_do_everything_is_made_in_one_place(self):
        self.assertEqual([path for path, text in sources("service", endings=(".h", ".cc"))
                          for _ in re.findall(r"(?<!Caller )Caller::Unrestricted\(", text)],
                         ["service/rpc/access_control.cc"])

    def test_no_notes_left_behind(self):
        endings = (".h", ".cc", ".py", ".proto", ".cmake", ".txt", ".md", ".sh", ".json", ".yaml")
        folders = ("service", "client", "proto", "tests", "bench", "deploy", "cmake", "docs")
        checked = list(sources(*folders, endings=endings))
        checked += [(p.name, p.read_text()) for p in ROOT.iterdir()
                    if p.is_file() and (p.suffix in endings or p.name == "Makefile")]
        self.assertGreater(len(checked), 80)
        self.assert_none([p for path, text in checked for p in note_problems(path, text)])


class ContractTest(unittest.TestCase):
    def setUp(self):
        self.files = compile_protos(ROOT / "proto", "newsprint").file
        self.assertGreater(len(self.files), 3)

    assert_none = StructureTest.assert_none

    def test_others_protos(self):
        """Those of other projects keep the names that they have there, but are explained too."""
        others = [file for file in compile_protos(ROOT / "proto").file
                  if not file.package.startswith("newsprint.")]
        self.assertEqual({file.package for file in others}, {"tei.v1", "inference", "richstatus"})
        self.assert_none(comment_problems(others))

    def test_rpcs(self):
        services = (ROOT / "service" / "rpc" / "services.cc").read_text()
        self.assert_none(rpc_problems(self.files, services))

    def test_names(self):
        self.assert_none(naming_problems(self.files))

    def test_comments(self):
        self.assert_none(comment_problems(self.files))

    def test_buf_lint(self):
        program = buf()
        if program is None:
            self.skipTest("there is no buf on the PATH or in node_modules; test_names and "
                          "test_comments check its most important rules")
        done = subprocess.run([program, "lint"], cwd=ROOT / "proto", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout)


class RulesTest(unittest.TestCase):
    """The rules themselves: each finds what it is meant to find, and leaves the rest alone."""

    def test_includes(self):
        for path, line in (
                ("service/index/a.cc", '#include "service/store/store.h"'),
                ("service/store/a.cc", '#include "service/index/vector_index.h"'),
                ("service/embed/a.cc", '#include "service/store/store.h"'),
                ("service/embed/a.h", '#include "service/index/vector_index.h"'),
                ("service/sketch/a.cc", '#include "service/index/vector_index.h"'),
                ("service/sketch/a.cc", '#include "service/embed/embedder.h"'),
                ("service/text/a.h", '#include "service/sketch/bottom_k.h"'),
                ("service/common/a.h", '#include "service/text/utf8.h"'),
                ("service/engine/a.cc", '#include "service/rpc/handlers.h"'),
                ("service/engine/a.cc", "#include <faiss/IndexHNSW.h>"),
                ("service/engine/a.cc", "  #  include <rocksdb/db.h>"),
                ("service/index/a.cc", "#include <rocksdb/db.h>"),
                ("service/store/a.cc", "#include <faiss/IndexHNSW.h>"),
                ("service/engine/a.h", '#include "newsprint/v1/article.pb.h"'),
                ("service/engine/a.h", "#include <grpcpp/grpcpp.h>"),
                ("service/main.cc", "#include <grpcpp/grpcpp.h>"),
                ("service/embed/a.cc", "#include <grpcpp/grpcpp.h>"),
                ("service/embed/remotely/a.cc", "#include <grpcpp/grpcpp.h>"),
                ("service/embed/remote/a.cc", '#include "newsprint/v1/article.pb.h"'),
                ("service/embed/remote/a.cc", '#include "service/rpc/status.h"'),
                ("service/embed/term_projection.cc", '#include "tei/v1/tei.pb.h"'),
                ("service/main.cc", "#include <faiss/IndexHNSW.h>"),
                ("service/engine/a.cc", "#include <omp.h>"),
                ("service/engine/a.cc", "#include <spdlog/spdlog.h>"),
                ("service/rpc/a.cc", '#include "absl/flags/flag.h"'),
                ("service/main.cc", '#include "absl/flags/flag.h"'),
                ("service/rpc/a.cc", '#include "service/flags.h"'),
                ("service/flags.cc", "#include <spdlog/spdlog.h>"),
                ("service/rpc/a.cc", '#include "client/client.h"'),
                ("service/rpc/a.cc", '#include "handlers.h"'),
                ("service/utils/a.h", "#include <string>"),
                ("service/main.cc", "#include <prometheus/registry.h>"),
                ("service/rpc/a.cc", "#include <prometheus/text_serializer.h>"),
                ("service/rpc/a.cc", '#include "service/metrics/server_state.h"'),
                ("service/engine/a.cc", '#include "service/metrics/server_state.h"'),
                ("service/metrics/a.cc", '#include "service/index/vector_index.h"'),
                ("client/client.cc", '#include "service/common/hash.h"'),
                ("client/cli/import.cc", '#include "service/train/trainer.h"'),
                ("client/cli/train.cc", '#include "service/engine/engine.h"'),
                ("client/cli/train.cc", '#include "service/store/checker.h"'),
                ("client/cli/data_folder.cc", '#include "service/train/trainer.h"'),
                ("service/embed/a.cc", "#include <cblas.h>"),
                ("service/embed/a.cc", '#include "service/train/trainer.h"'),
                ("service/engine/a.cc", '#include "service/train/trainer.h"'),
                ("client/cli/a.cc", "#include <faiss/IndexHNSW.h>")):
            with self.subTest(path=path, line=line):
                problems = include_problems(path, f"// A file.\n#include <string>\n{line}\n")
                self.assertEqual(len(problems), 1, problems)
                self.assertIn(path, problems[0])
        for path, line in (
                ("service/engine/a.cc", '#include "service/store/store.h"'),
                ("service/index/a.cc", "#include <faiss/IndexHNSW.h>"),
                ("service/store/a.cc", "#include <rocksdb/db.h>"),
                ("service/rpc/a.cc", "#include <grpcpp/grpcpp.h>"),
                ("service/rpc/a.h", '#include "newsprint/v1/article.pb.h"'),
                ("service/main.cc", "#include <omp.h>"),
                ("service/main.cc", '#include "service/flags.h"'),
                ("service/flags.cc", '#include "service/flags.h"'),
                ("service/embed/remote/a.cc", "#include <grpcpp/grpcpp.h>"),
                ("service/embed/remote/deep/a.cc", '#include "tei/v1/tei.grpc.pb.h"'),
                ("service/embed/remote/a.h", '#include "service/text/html.h"'),
                ("client/connection.cc", "#include <grpcpp/grpcpp.h>"),
                ("client/cli/train.cc", '#include "service/train/trainer.h"'),
                ("client/cli/data_folder.cc", '#include "service/store/checker.h"'),
                ("service/train/a.cc", '#include "service/embed/term_model.h"'),
                ("service/train/a.cc", "#include <cblas.h>"),
                ("service/metrics/a.cc", "#include <prometheus/text_serializer.h>"),
                ("service/main.cc", '#include "service/metrics/metrics_server.h"'),
                ("service/text/a.cc", '// not an #include "service/rpc/handlers.h"')):
            with self.subTest(path=path, line=line):
                self.assertEqual(include_problems(path, line + "\n"), [])

    GOOD_HEADER = ("// What it is for.\n#ifndef NEWSPRINT_CLIENT_CLI_ONE_FILE_H_\n"
                   "#define NEWSPRINT_CLIENT_CLI_ONE_FILE_H_\n\n#include <string>\n\n"
                   "#endif  // NEWSPRINT_CLIENT_CLI_ONE_FILE_H_\n")

    def test_headers(self):
        path, good = "client/cli/one_file.h", self.GOOD_HEADER
        self.assertEqual(header_problems(path, good), [])
        self.assertEqual(len(header_problems("client/one_file.h", good)), 2)
        for bad in (good.replace("#ifndef NEWS", "#ifndef NEW"),
                    good.replace("#define NEWS", "#define NEW"),
                    good.replace("#ifndef", "#include <map>\n#ifndef"),
                    good.replace("#endif  // NEWSPRINT_CLIENT_CLI_ONE_FILE_H_", "#endif"),
                    good.replace("// What it is for.\n", ""),
                    good.replace("#include", "\n" * HEADER_LINES_MAX + "#include")):
            self.assertEqual(len(header_problems(path, bad)), 1, bad)
        self.assertGreater(len(header_problems(path, good.replace(
            "#ifndef NEWSPRINT_CLIENT_CLI_ONE_FILE_H_", "#pragma once"))), 0)
        self.assertGreater(len(header_problems(path, "")), 0)

    def test_notes(self):
        for word in ("TO" "DO", "FIX" "ME"):
            self.assertEqual(note_problems("a.cc", f"int a;\n// {word}: later\n"), [f"a.cc:2: {word}"])
        self.assertEqual(note_problems("a.cc", "int to" "do;  // mas" "TO" "DON\n"), [])

    GOOD_PROTO = """syntax = "proto3";
package newsprint.v1;
// A service.
service GoodService {
  // Gets.
  rpc GetThing(GetThingRequest) returns (GetThingResponse);
}
message GetThingRequest {
  // The name.
  string name = 1;
}
message GetThingResponse {
  string name = 1;
  Colour colour = 2;
}
// A colour.
enum Colour {
  // None.
  COLOUR_UNSPECIFIED = 0;
  // Like blood.
  COLOUR_DARK_RED = 1;
}
"""
    GOOD_SERVICES = ("class GoodService final : public Base {\n public:\n"
                     "  Reactor* GetThing(grpc::CallbackServerContext* context,\n"
                     "                    const ByteBuffer* request) override {\n    return 0;\n  }\n"
                     "};\n")

    def compile(self, *changes, folder="newsprint/v1"):
        text = self.GOOD_PROTO
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        with tempfile.TemporaryDirectory() as root:
            file = pathlib.Path(root) / folder / "good_service.proto"
            file.parent.mkdir(parents=True)
            file.write_text(text)
            return compile_protos(pathlib.Path(root)).file

    def test_rpcs(self):
        good = self.compile()
        self.assertEqual(rpc_problems(good, self.GOOD_SERVICES), [])
        for problem, files, services in (
                ("no comment", self.compile(("  // Gets.\n", "")), self.GOOD_SERVICES),
                ("no class", good, self.GOOD_SERVICES.replace("GoodService", "OtherService")),
                ("not implemented", good, self.GOOD_SERVICES.replace("GetThing", "GetOther")),
                ("not implemented", good, self.GOOD_SERVICES.replace(" override", "")),
                ("not implemented", self.compile(
                    ("  // Gets.", "  // Puts.\n  rpc PutThing(GetThingRequest) returns "
                                   "(GetThingResponse);\n  // Gets.")), self.GOOD_SERVICES)):
            problems = rpc_problems(files, services)
            self.assertEqual(len(problems), 1, problems)
            self.assertIn(problem, problems[0])

    def test_names(self):
        self.assertEqual(naming_problems(self.compile()), [])
        self.assertEqual(len(naming_problems(self.compile(folder="newsprint/v2"))), 1)
        for old, new in (("GoodService", "Good"), ("GetThingRequest", "ThingQuery"),
                         ("GetThingResponse", "Thing"), ("string name", "string Name"),
                         ("string name", "string the__name"), ("COLOUR_DARK_RED", "DARK_RED"),
                         ("COLOUR_UNSPECIFIED", "COLOUR_NONE")):
            with self.subTest(new):
                self.assertGreater(len(naming_problems(self.compile((old, new)))), 0)
        shared = self.compile(("  // Gets.", "  rpc TakeThing(GetThingRequest) returns "
                                             "(GetThingResponse);\n  // Gets."))
        self.assertTrue(any("serves both" in p for p in naming_problems(shared)))
        self.assertEqual(upper_snake("HTTPCode2Name"), "HTTPCODE2_NAME")

    def test_comments(self):
        self.assertEqual(comment_problems(self.compile()), [])
        for what in ("// A service.\n", "// A colour.\n", "  // None.\n", "  // Like blood.\n"):
            problems = comment_problems(self.compile((what, "")))
            self.assertEqual(len(problems), 1, problems)
        # Of two fields of one name, one has to explain it.
        self.assertEqual(len(comment_problems(self.compile(("  // The name.\n", "")))), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
