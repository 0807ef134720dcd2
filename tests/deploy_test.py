"""What deploy/ ships: flag file, man pages, unit, Dockerfile and Kubernetes manifests, checked without a network
and without root. `make deb-test` and `make image-test` install and run them. Each rule about manifests is a
function from objects to a list of problems, so that the tests can show that it finds what it is meant to find."""
import copy
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("NEWSPRINT_BIN") or ROOT / "build" / "release" / "bin").resolve()
MADE = BIN.parent / "package"  # by the target package_files
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, **options)


def help_groups():
    """Of `newsprintd --help`: group -> flag -> (unit, default, limits); None where it has none."""
    groups, flags, name = {}, None, None
    for line in run(BIN / "newsprintd", "--help", check=True).stdout.splitlines():
        if title := re.fullmatch(r"([A-Z]\w+):", line):
            flags = groups.setdefault(title.group(1), {})
        elif flag := re.fullmatch(r"  --(\w+)(?:=(\S+))?", line):
            name, unit = flag.groups()
            flags[name] = (unit, None, None)
        elif default := re.fullmatch(r"      Default: (\S+?)(?:; (.*))?\.", line):
            flags[name] = (flags[name][0], default.group(1), default.group(2))
    return groups


GROUPS = help_groups()
ON_COMMAND_LINE = GROUPS["Running"]
SETTINGS = {name: what for group, flags in GROUPS.items() if group != "Running"
            for name, what in flags.items()}


def flags_of(text):
    """The flags that a flag file sets."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def check_config(flags):
    """What newsprintd says to these flags, with a data folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return run(BIN / "newsprintd", *flags, f"--data_dir={folder}", "--check_config")


class FlagsTest(unittest.TestCase):
    def test_help_is_understood(self):
        self.assertGreater(len(SETTINGS), 15)
        self.assertEqual(SETTINGS["drain_seconds"], ("SECONDS", "10", "0 to 3600"))
        self.assertEqual(SETTINGS["models_dir"], ("PATH", "none", None))

    def test_flag_file_has_every_flag_with_unit_and_default(self):
        text = (MADE / "newsprintd.flags").read_text()
        shown = dict(re.findall(r"^#?--(\w+)=?(.*)$", text, re.MULTILINE))
        self.assertEqual(set(shown), set(SETTINGS))
        for name, (unit, default, _) in SETTINGS.items():
            with self.subTest(name):
                self.assertIn(f"\n# --{name}={unit}\n" if unit else f"\n# --{name}\n", text)
                if name != "data_dir" and unit:
                    self.assertEqual(shown[name], "" if default == "none" else default)
        self.assertEqual(flags_of(text), ["--data_dir=/var/lib/newsprint"])

    def test_flag_file_is_a_configuration(self):
        text = (MADE / "newsprintd.flags").read_text()
        valued = re.sub(r"^#(--\w+=.+)$", r"\1", text, flags=re.MULTILINE)
        self.assertGreater(len(flags_of(valued)), 15)
        for form in (text, valued):
            with tempfile.NamedTemporaryFile("w", suffix=".flags") as file:
                file.write(form)
                file.flush()
                done = check_config([f"--flagfile={file.name}"])
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "configuration ok\n", ""))

    def test_docs_have_every_flag_with_default_unit_and_limits(self):
        text = (ROOT / "docs" / "operations.md").read_text()
        text = text[text.index("\n### Flags\n"):text.index("\n## Embedders\n")]
        self.assertEqual(set(re.findall(r"`--(\w+)`", text)) - {"check_config"},
                         set(SETTINGS) | set(ON_COMMAND_LINE) - {"check_config"})
        tables = dict(re.findall(r"^\*\*(\w+)\*\*\n\n((?:\|.*\n)+)", text, re.MULTILINE))
        self.assertEqual(list(tables), list(GROUPS))
        for group, flags in GROUPS.items():
            if group == "Running":
                continue
            rows = {cells[0].strip("`-"): cells[1:] for cells in
                    ([cell.strip() for cell in line.strip("|").split("|")]
                     for line in tables[group].splitlines()[2:])}
            self.assertEqual(list(rows), list(flags), group)
            for name, (unit, default, limits) in flags.items():
                with self.subTest(name):
                    told_default, told_unit, told_limits = rows[name][:3]
                    self.assertTrue(told_default.replace(",", "").strip("`").startswith(default or ""))
                    self.assertEqual(told_unit.upper(), unit or "")
                    told = told_limits.replace(",", "")
                    if limits and " to " in limits:
                        self.assertTrue(told.startswith(limits), told_limits)


class ManTest(unittest.TestCase):
    def page(self, name):
        return gzip.decompress((MADE / name).read_bytes()).decode()

    def test_every_flag(self):
        page = self.page("newsprintd.8.gz").replace("\\-", "-")
        for group, flags in GROUPS.items():
            self.assertIn(f"\n.SS {group}\n", page)
            for name in flags:
                self.assertRegex(page, rf"\n\.TP\n\.BI? --{name}\b")

    def test_every_command(self):
        page = self.page("newsprint.1.gz")
        commands = re.findall(r"^  ([a-z]+) ", run(BIN / "newsprint", "help").stdout, re.MULTILINE)
        self.assertGreater(len(commands), 20)
        for command in set(commands) - {"help"}:
            self.assertIn(f"\n.SS {command}\n", page)
            self.assertIn(f"\nUsage: newsprint {command}", page)

    @unittest.skipUnless(shutil.which("groff"), "there is no groff")
    def test_form(self):
        for name in ("newsprintd.8.gz", "newsprint.1.gz"):
            done = run("groff", "-man", "-ww", "-z", "-Tutf8", input=self.page(name))
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)


class UnitTest(unittest.TestCase):
    def setUp(self):
        self.text = (DEPLOY / "debian" / "newsprintd.service").read_text()
        self.settings = {}
        for key, value in re.findall(r"^(\w+)=(.*)$", self.text, re.MULTILINE):
            self.settings.setdefault(key, []).append(value)

    def test_hardening(self):
        for key, value in {
                "User": "newsprint", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
                "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
                "CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes",
                "StateDirectory": "newsprint", "Restart": "on-failure"}.items():
            self.assertEqual(self.settings.get(key), [value], key)
        self.assertEqual(self.settings["SystemCallFilter"], ["@system-service", "~@privileged"])
        self.assertGreaterEqual(int(self.settings["LimitNOFILE"][0]), 65536)

    def test_checks_the_same_flags_first(self):
        start, = self.settings["ExecStart"]
        self.assertEqual(self.settings["ExecStartPre"], [f"{start} --check_config"])
        cmake = (DEPLOY / "CMakeLists.txt").read_text()
        self.assertIn(f"{start.split('--flagfile=')[1]}\\n", cmake, "the conffile")

    def test_there_is_time_to_drain(self):
        drain = int(SETTINGS["drain_seconds"][1])
        self.assertGreaterEqual(int(self.settings["TimeoutStopSec"][0]), drain + 60)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    def test_systemd_understands_it(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / "newsprintd.service"
            unit.write_text(self.text.replace("/usr/bin/newsprintd", str(BIN / "newsprintd")))
            done = run("systemd-analyze", "verify", "--man=no", unit)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
            # 2.0 of 10; 0 is the safest.
            done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
            self.assertEqual(done.returncode, 0, done.stdout)


def instructions(dockerfile):
    """(word, rest) of each instruction, stage by stage."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE))
    stages = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, rest = line.split(None, 1)
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((word, rest))
    return stages


class DockerfileTest(unittest.TestCase):
    def setUp(self):
        self.text = (DEPLOY / "docker" / "Dockerfile").read_text()
        self.build, self.final = instructions(self.text)

    def test_base(self):
        image, = re.findall(r"^ARG DEBIAN=(\S+)$", self.text, re.MULTILINE)
        self.assertRegex(image, r"^debian:\w+-slim$")
        self.assertEqual(self.build[0], ("FROM", "$DEBIAN AS build"))
        self.assertEqual(self.final[0], ("FROM", "$DEBIAN"))

    def test_runs_as_a_numbered_user(self):
        settings = dict(self.final)
        self.assertRegex(settings["USER"], r"^[1-9]\d{3,}:[1-9]\d{3,}$")
        self.assertEqual(settings["VOLUME"], "/var/lib/newsprint")
        self.assertEqual(settings["STOPSIGNAL"], "SIGTERM")
        self.assertEqual(settings["ENTRYPOINT"], '["/usr/bin/newsprintd"]')
        self.assertEqual(settings["EXPOSE"], SETTINGS["listen"][1].rsplit(":")[1])
        for name in (word for word, _ in self.final):
            self.assertNotIn(name, ("ADD", "MAINTAINER"))

    def test_what_it_copies_is_there(self):
        for word, rest in self.build:
            if word == "COPY" and rest != ". .":
                for source in rest.split()[:-1]:
                    self.assertTrue((ROOT / source).is_file(), source)
        ignored = (ROOT / ".dockerignore").read_text().split()
        self.assertIn("build", ignored)
        self.assertIn(".git", ignored)


# What there is of each kind in a cluster of today.
KINDS = {
    "v1": {"Namespace", "ServiceAccount", "Service", "ConfigMap", "Secret"},
    "apps/v1": {"StatefulSet"},
    "policy/v1": {"PodDisruptionBudget"},
    "networking.k8s.io/v1": {"NetworkPolicy"},
}


def of_kind(objects, kind):
    return [o for o in objects if o["kind"] == kind]


def kind_problems(objects):
    problems = [f"{o.get('kind')}: unknown with apiVersion {o.get('apiVersion')}" for o in objects
                if o.get("kind") not in KINDS.get(o.get("apiVersion"), ())]
    names = [(o["kind"], o["metadata"]["name"]) for o in objects]
    problems += [f"{kind} {name}: twice" for kind, name in set(names) if names.count((kind, name)) > 1]
    return problems


def selector_problems(objects):
    """Whatever selects pods of this service must match the labels of its template."""
    problems = []
    for workload in of_kind(objects, "StatefulSet"):
        spec, name = workload["spec"], workload["metadata"]["name"]
        labels = spec["template"]["metadata"]["labels"].items()
        selectors = [("StatefulSet", spec["selector"]["matchLabels"])]
        selectors += [(f"Service {s['metadata']['name']}", s["spec"]["selector"])
                      for s in of_kind(objects, "Service")]
        selectors += [(f"PodDisruptionBudget {b['metadata']['name']}", b["spec"]["selector"]["matchLabels"])
                      for b in of_kind(objects, "PodDisruptionBudget")]
        selectors += [(f"NetworkPolicy {p['metadata']['name']}", p["spec"]["podSelector"]["matchLabels"])
                      for p in of_kind(objects, "NetworkPolicy")]
        problems += [f"{who}: selects {selector}, not the pods of {name}"
                     for who, selector in selectors if not selector or not selector.items() <= labels]
        if spec["serviceName"] not in [s["metadata"]["name"] for s in of_kind(objects, "Service")
                                       if s["spec"].get("clusterIP") == "None"]:
            problems.append(f"{name}: serviceName {spec['serviceName']} is no headless Service")
    return problems


def port_problems(objects):
    """Services, probes and policies name ports that the container has."""
    problems = []
    for workload in of_kind(objects, "StatefulSet"):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            ports = {p["name"]: p["containerPort"] for p in container["ports"]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe not in container:
                    problems.append(f"{probe}: missing")
                    continue
                action = container[probe]
                known = [action[way]["port"] for way in ("grpc", "tcpSocket", "httpGet") if way in action]
                # A port of a grpc probe is a number.
                allowed = set(ports.values()) | (set() if "grpc" in action else set(ports))
                if len(known) != 1 or known[0] not in allowed:
                    problems.append(f"{probe}: port {known} is none of {ports}")
            for service in of_kind(objects, "Service"):
                problems += [f"Service {service['metadata']['name']}: targetPort {p['targetPort']} is none "
                             f"of {ports}" for p in service["spec"]["ports"]
                             if p["targetPort"] not in {*ports, *ports.values()}]
            problems += [f"NetworkPolicy {policy['metadata']['name']}: port {p['port']} is none of {ports}"
                         for policy in of_kind(objects, "NetworkPolicy")
                         for rule in policy["spec"].get("ingress", []) for p in rule["ports"]
                         if p["port"] not in {*ports, *ports.values()}]
    return problems


def pod_problems(objects):
    """Who may do what in the pod, what it gets, and what it mounts."""
    problems = []
    for workload in of_kind(objects, "StatefulSet"):
        spec = workload["spec"]
        pod = spec["template"]["spec"]
        if spec["replicas"] != 1:
            problems.append(f"replicas: {spec['replicas']}, and there is one writer")
        drain = int(SETTINGS["drain_seconds"][1])
        if pod.get("terminationGracePeriodSeconds", 30) < drain + 60:
            problems.append("terminationGracePeriodSeconds: no time to drain and save")
        secure = pod.get("securityContext", {})
        if not secure.get("runAsNonRoot") or not secure.get("runAsUser"):
            problems.append("securityContext: may run as root")
        if secure.get("fsGroup") != secure.get("runAsGroup"):
            problems.append("securityContext: the volume belongs to another group")
        if secure.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            problems.append("securityContext: no seccompProfile")
        if pod.get("automountServiceAccountToken") is not False:
            problems.append("automountServiceAccountToken: on")
        volumes = [v["name"] for v in pod.get("volumes", []) + [
            {"name": claim["metadata"]["name"]} for claim in spec["volumeClaimTemplates"]]]
        for container in pod["containers"]:
            secure = container.get("securityContext", {})
            if (secure.get("allowPrivilegeEscalation") is not False or
                    not secure.get("readOnlyRootFilesystem") or
                    secure.get("capabilities", {}).get("drop") != ["ALL"]):
                problems.append(f"{container['name']}: securityContext allows more than it needs")
            tag = container["image"].rpartition(":")[2]
            if not re.fullmatch(r"\d+\.\d+\.\d+", tag):
                problems.append(f"{container['name']}: image {container['image']} has no version")
            resources = container.get("resources", {})
            if "memory" not in resources.get("limits", {}) or not (
                    {"cpu", "memory"} <= set(resources.get("requests", {}))):
                problems.append(f"{container['name']}: resources are not told")
            problems += [f"{container['name']}: mounts {mount['name']}, which is no volume"
                         for mount in container["volumeMounts"] if mount["name"] not in volumes]
            mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
            problems += [f"{container['name']}: {path} is not mounted" for path in
                         re.findall(r"--flagfile=(\S+)/\S+$", "\n".join(container["args"]), re.MULTILINE)
                         if path not in mounted]
    return problems


def config_problems(objects):
    """The flags of ConfigMaps and of the container are known and have good values."""
    problems = []
    maps = {o["metadata"]["name"]: o["data"] for o in of_kind(objects, "ConfigMap")}
    for workload in of_kind(objects, "StatefulSet"):
        pod = workload["spec"]["template"]["spec"]
        for volume in pod.get("volumes", []):
            name = volume.get("configMap", {}).get("name")
            if name and "newsprintd.flags" not in maps.get(name, {}):
                problems.append(f"volume {volume['name']}: ConfigMap {name} has no newsprintd.flags")
        ports = {p["containerPort"] for c in pod["containers"] for p in c["ports"]}
        for data in maps.values():
            flags = flags_of(data["newsprintd.flags"])
            done = check_config(flags)
            if done.returncode != 0:
                problems.append(f"flags: {done.stderr}")
            given = dict(flag[2:].partition("=")[::2] for flag in flags)
            if given.get("data_dir") not in [m["mountPath"] for c in pod["containers"]
                                             for m in c["volumeMounts"]]:
                problems.append(f"data_dir: {given.get('data_dir')} is not mounted")
            if int(given.get("listen", ":0").rpartition(":")[2]) not in ports:
                problems.append(f"listen: {given.get('listen')} is no port of the container")
    return problems


RULES = (kind_problems, selector_problems, port_problems, pod_problems, config_problems)


def problems_of(objects):
    return [problem for rule in RULES for problem in rule(objects)]


def load(*paths):
    return [o for path in paths for o in yaml.safe_load_all(path.read_text()) if o]


def kubectl():
    """A kubectl whose kustomize knows today's fields; None when there is none."""
    path = shutil.which("kubectl")
    if path is None:
        return None
    found = re.search(r"Kustomize Version: v(\d+)", run(path, "version", "--client").stdout)
    return path if found and int(found.group(1)) >= 5 else None


class KubernetesTest(unittest.TestCase):
    def base(self):
        """What kustomize makes of the base, but for the names that it gives ConfigMaps."""
        folder = KUBERNETES / "base"
        kustomization, = load(folder / "kustomization.yaml")
        objects = load(*(folder / name for name in kustomization["resources"]))
        for made in kustomization["configMapGenerator"]:
            objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": made["name"]},
                            "data": {name: (folder / name).read_text() for name in made["files"]}})
        return objects

    def test_base(self):
        self.assertEqual(problems_of(self.base()), [])
        self.assertEqual({o["kind"] for o in self.base()}, {
            "ServiceAccount", "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"})

    def test_files_are_listed(self):
        for file in KUBERNETES.rglob("kustomization.yaml"):
            kustomization, = load(file)
            named = set(kustomization["resources"])
            named |= {patch["path"] for patch in kustomization.get("patches", [])}
            named |= {name for made in kustomization["configMapGenerator"] for name in made["files"]}
            there = {path.name for path in file.parent.iterdir()} - {file.name}
            self.assertEqual({name for name in named if ".." not in name}, there, file)
            for name in named:
                self.assertTrue((file.parent / name).exists(), name)

    def test_rendered(self):
        program = kubectl()
        if program is None:
            self.skipTest("there is no kubectl with kustomize 5 or later; test_base looks at the files")
        rendered = [file.parent for file in KUBERNETES.rglob("kustomization.yaml")]
        self.assertEqual(len(rendered), 2)
        for folder in rendered:
            with self.subTest(folder.name):
                done = run(program, "kustomize", folder)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                objects = list(yaml.safe_load_all(done.stdout))
                own = [o for o in objects if o["metadata"]["name"] != "newsprint-to-embeddings"]
                self.assertEqual(problems_of(own), [])

    def test_the_image_is_of_this_version(self):
        version, = re.findall(r"project\(newsprint VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
        workload, = of_kind(self.base(), "StatefulSet")
        container, = workload["spec"]["template"]["spec"]["containers"]
        self.assertEqual(container["image"], f"newsprint:{version}")
        user = workload["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
        self.assertIn(f"\nUSER {user}:{user}\n", (DEPLOY / "docker" / "Dockerfile").read_text())

    def test_rules_find_what_they_are_meant_to_find(self):
        pod = "template.spec."
        container = pod + "containers.0."
        for kind, path, value, said in (
                ("StatefulSet", "/apiVersion", "apps/v1beta1", "unknown with apiVersion"),
                ("StatefulSet", "template.metadata.labels", {"app": "other"}, "selects"),
                ("Service", "selector", {"app": "other"}, "selects"),
                ("Service", "selector", {}, "selects"),
                ("PodDisruptionBudget", "selector.matchLabels", {"app": "other"}, "selects"),
                ("NetworkPolicy", "podSelector.matchLabels", {"app": "other"}, "selects"),
                ("StatefulSet", "serviceName", "newsprint", "no headless"),
                ("Service", "ports.0.targetPort", "http", "targetPort"),
                ("StatefulSet", container + "readinessProbe.grpc.port", 7421, "readinessProbe"),
                ("StatefulSet", container + "readinessProbe.grpc.port", "grpc", "readinessProbe"),
                ("StatefulSet", container + "livenessProbe", {}, "livenessProbe"),
                ("NetworkPolicy", "ingress.0.ports.0.port", "http", "port http"),
                ("StatefulSet", "replicas", 2, "one writer"),
                ("StatefulSet", pod + "terminationGracePeriodSeconds", 30, "no time to drain"),
                ("StatefulSet", pod + "securityContext.runAsNonRoot", False, "may run as root"),
                ("StatefulSet", pod + "securityContext.fsGroup", 1, "another group"),
                ("StatefulSet", pod + "securityContext.seccompProfile", {}, "no seccompProfile"),
                ("StatefulSet", pod + "automountServiceAccountToken", True, "automount"),
                ("StatefulSet", container + "securityContext.readOnlyRootFilesystem", False, "allows more"),
                ("StatefulSet", container + "securityContext.capabilities.drop", [], "allows more"),
                ("StatefulSet", container + "image", "newsprint:latest", "has no version"),
                ("StatefulSet", container + "image", "newsprint", "has no version"),
                ("StatefulSet", container + "resources.limits", {}, "resources"),
                ("StatefulSet", container + "volumeMounts.0.name", "other", "no volume"),
                ("StatefulSet", container + "volumeMounts.1.mountPath", "/etc", "is not mounted"),
                ("StatefulSet", pod + "volumes.0.configMap.name", "other", "has no newsprintd.flags"),
                ("ConfigMap", "/data", {"newsprintd.flags": "--data_dir=/var/lib/newsprint\n"
                                        "--listen=0.0.0.0:7420\n--no_such_flag=1"}, "no such flag"),
                ("ConfigMap", "/data", {"newsprintd.flags": "--data_dir=/data\n--listen=0.0.0.0:7420"},
                 "data_dir: /data is not mounted"),
                ("ConfigMap", "/data", {"newsprintd.flags": "--data_dir=/var/lib/newsprint\n"
                                        "--listen=0.0.0.0:80"}, "is no port")):
            with self.subTest(path=path, value=value):
                objects = copy.deepcopy(self.base())
                at = of_kind(objects, kind)[0]
                *way, last = (path[1:] if path[0] == "/" else "spec." + path).split(".")
                for step in way:
                    at = at[int(step)] if isinstance(at, list) else at[step]
                self.assertNotEqual(at[last], value)
                at[last] = value
                self.assertIn(said, "\n".join(problems_of(objects)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
