"""What deploy/ ships: flag file, man pages, unit, Dockerfile and Kubernetes manifests, checked without a network
and without root. `make deb-test` and `make image-test` install and run them. Each rule about manifests is a
function from objects to a list of problems, so that the tests can show that it finds what it is meant to find."""
import base64
import copy
import functools
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

    def test_keys(self):
        """The folder that the documentation tells of is made, for the service's group alone, and goes with the rest."""
        group, = self.settings["Group"]
        made = re.findall(r"^  install -d -m (\d+) -o (\w+) -g (\w+) (/etc/\S+)$",
                          (DEPLOY / "debian" / "postinst").read_text(), re.MULTILINE)
        self.assertEqual(made, [("0750", "root", group, "/etc/newsprint/tls")])
        self.assertIn(made[0][3], (ROOT / "docs" / "operations.md").read_text())
        self.assertIn(made[0][3], (MADE / "newsprintd.flags").read_text())
        # "strict" leaves /etc readable; these would not.
        self.assertFalse({"InaccessiblePaths", "TemporaryFileSystem", "RootDirectory"} & set(self.settings))

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
        flags = flag_values(flags_of((KUBERNETES / "base" / "newsprintd.flags").read_text()))
        self.assertEqual(settings["EXPOSE"].split(),
                         [flags[name].rpartition(":")[2] for name in ("listen", "metrics_listen")])
        self.assertEqual(settings["EXPOSE"].split()[0], SETTINGS["listen"][1].rpartition(":")[2])
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
    "monitoring.coreos.com/v1": {"PodMonitor"},  # of the Prometheus operator
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
        selectors += [(f"PodMonitor {m['metadata']['name']}", m["spec"]["selector"]["matchLabels"])
                      for m in of_kind(objects, "PodMonitor")]
        problems += [f"{who}: selects {selector}, not the pods of {name}"
                     for who, selector in selectors if not selector or not selector.items() <= labels]
        if spec["serviceName"] not in [s["metadata"]["name"] for s in of_kind(objects, "Service")
                                       if s["spec"].get("clusterIP") == "None"]:
            problems.append(f"{name}: serviceName {spec['serviceName']} is no headless Service")
    return problems


PROBES = {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}


def port_problems(objects):
    """Services, probes, policies and monitors name ports that the container has; whoever they let in is named."""
    problems = []
    for workload in of_kind(objects, "StatefulSet"):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            ports = {p["name"]: p["containerPort"] for p in container["ports"]}
            known = {*ports, *ports.values()}
            for probe, path in PROBES.items():
                asked = container.get(probe, {}).get("httpGet", {})
                if asked.get("path") != path:
                    problems.append(f"{probe}: asks {asked.get('path')}, not {path}")
                if asked.get("port") != "metrics" or "metrics" not in ports:
                    problems.append(f"{probe}: port {asked.get('port')} is not that of metrics")
            for service in of_kind(objects, "Service"):
                problems += [f"Service {service['metadata']['name']}: targetPort {p['targetPort']} is none "
                             f"of {ports}" for p in service["spec"]["ports"] if p["targetPort"] not in known]
            problems += [f"PodMonitor {m['metadata']['name']}: port {e['port']} is none of {ports}"
                         for m in of_kind(objects, "PodMonitor")
                         for e in m["spec"]["podMetricsEndpoints"] if e["port"] not in ports]
            let_in = set()
            for policy in of_kind(objects, "NetworkPolicy"):
                who = f"NetworkPolicy {policy['metadata']['name']}"
                if "Ingress" not in policy["spec"]["policyTypes"]:
                    continue
                for rule in policy["spec"].get("ingress", []):
                    asked = [p["port"] for p in rule.get("ports", [])]
                    problems += [f"{who}: port {port} is none of {ports}" for port in asked
                                 if port not in known]
                    if not asked:
                        problems.append(f"{who}: lets somebody in on all ports")
                    if not rule.get("from") or not all(
                            peer.get("podSelector") or peer.get("namespaceSelector") for peer in rule["from"]):
                        problems.append(f"{who}: lets everybody in on {asked}")
                    let_in |= {ports.get(port, port) for port in asked}
            problems += [f"NetworkPolicy: lets nobody in on {name}" for name, port in ports.items()
                         if port not in let_in]
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
            mounted = mounted_files(pod, container)
            problems += [f"{container['name']}: {path} is not mounted" for path in
                         re.findall(r"--flagfile=(\S+)$", "\n".join(container["args"]), re.MULTILINE)
                         if path not in mounted]
        for volume in pod.get("volumes", []):
            parts = volume.get("projected", volume)
            if parts.get("defaultMode") != 0o440:
                problems.append(f"volume {volume['name']}: the server's group alone has to read its files")
    return problems


@functools.cache
def sample_secrets():
    """What Secrets that are not in the manifests may hold: key -> bytes."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = pathlib.Path(folder, "tls.crt"), pathlib.Path(folder, "tls.key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=newsprint", "-days", "2", "-keyout", key, "-out", cert, check=True)
        return {"tls.crt": cert.read_bytes(), "tls.key": key.read_bytes(), "ca.crt": cert.read_bytes(),
                "access.json": b'{"identities": []}'}


def mounted_files(pod, container):
    """Path -> (kind, name, key) of what is behind it, for all that ConfigMaps and Secrets put into a container."""
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    files = {}
    for mount in container["volumeMounts"]:
        volume = volumes.get(mount["name"], {})
        for source in volume.get("projected", {}).get("sources", [volume]):
            for kind in ("configMap", "secret"):
                part = source.get(kind, {})
                items = part.get("items", [{"key": "newsprintd.flags", "path": "newsprintd.flags"}])
                for item in items if part else []:
                    files[f"{mount['mountPath']}/{item['path']}"] = (kind, part["name"], item["key"])
    return files


def contents(objects, source):
    """The bytes of a key of a ConfigMap or Secret; of a Secret that is made elsewhere, an example. None without it."""
    kind, name, key = source
    for made in of_kind(objects, kind[0].upper() + kind[1:]):
        if made["metadata"]["name"] == name:
            value = made["data"].get(key)
            return value and (value.encode() if kind == "configMap" else base64.b64decode(value))
    return sample_secrets().get(key) if kind == "secret" else None


def flag_values(flags):
    return {name: value for name, _, value in (flag[2:].partition("=") for flag in flags)}


def flags_given(objects):
    """(pod, container, flags) of each container, with the flags of its flag file."""
    for workload in of_kind(objects, "StatefulSet"):
        pod = workload["spec"]["template"]["spec"]
        for container in pod["containers"]:
            for source in mounted_files(pod, container).values():
                if source[0] == "configMap":
                    yield pod, container, flags_of((contents(objects, source) or b"").decode())


def config_problems(objects):
    """newsprintd takes the flags, with the files in the container where they are mounted; ports are the container's."""
    problems = []
    for pod, container, flags in flags_given(objects):
        with tempfile.TemporaryDirectory() as root:
            for path, source in mounted_files(pod, container).items():
                text = contents(objects, source)
                if text is None:
                    problems.append(f"{path}: {source[0]} {source[1]} has no {source[2]}")
                    continue
                file = pathlib.Path(root + path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text)
            for mount in container["volumeMounts"]:
                pathlib.Path(root + mount["mountPath"]).mkdir(parents=True, exist_ok=True)
            done = run(BIN / "newsprintd", *(re.sub("=/", f"={root}/", flag, count=1) for flag in flags),
                       "--check_config")
            if done.returncode != 0:
                problems.append(f"flags: {done.stderr.replace(root, '')}")
        given = flag_values(flags)
        if given.get("data_dir") not in [mount["mountPath"] for mount in container["volumeMounts"]]:
            problems.append(f"data_dir: {given.get('data_dir')} is not mounted")
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        listening = {name: given.get(name, "nothing:0").rpartition(":")
                     for name in ("listen", "admin_listen", "metrics_listen")}
        for name, port in (("listen", "grpc"), ("metrics_listen", "metrics")):
            host, _, number = listening[name]
            if int(number) != ports.get(port) or host != "0.0.0.0":
                problems.append(f"{name}: {host}:{number} is not the port {port} of the container")
        # For kubectl port-forward, which comes from within the pod.
        host, _, number = listening["admin_listen"]
        if host != "127.0.0.1" or int(number) in ports.values():
            problems.append(f"admin_listen: others reach {host}:{number}")
    return problems


def open_problems(objects):
    """With TLS, and for known callers only. Not a rule for overlays/plaintext."""
    problems = []
    for _, _, flags in flags_given(objects):
        given = flag_values(flags)
        if "tls_cert" not in given or "allow_plaintext" in given:
            problems.append("flags: without TLS")
        if "access_file" not in given:
            problems.append("flags: everybody may do everything")
    return problems


RULES = (kind_problems, selector_problems, port_problems, pod_problems, config_problems, open_problems)


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

    def rendered(self, folder):
        """What kustomize makes of a folder."""
        program = kubectl()
        if program is None:
            self.skipTest("there is no kubectl with kustomize 5 or later; other tests look at the files")
        done = run(program, "kustomize", folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return list(yaml.safe_load_all(done.stdout))

    def test_base(self):
        self.assertEqual(problems_of(self.base()), [])
        self.assertEqual({o["kind"] for o in self.base()}, {
            "ServiceAccount", "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"})

    def test_flags_of_overlays(self):
        """In the pod of the base; an overlay without TLS only leaves out files."""
        found = {}
        for file in KUBERNETES.glob("overlays/*/newsprintd.flags"):
            objects = self.base()
            of_kind(objects, "ConfigMap")[0]["data"]["newsprintd.flags"] = file.read_text()
            access = file.parent / "access.json"
            if access.exists():
                objects.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "newsprint-access"},
                                "data": {"access.json": base64.b64encode(access.read_bytes()).decode()}})
            found[file.parent.name] = problems_of(objects)
        self.assertEqual(found, {
            "example": [], "plaintext": ["flags: without TLS", "flags: everybody may do everything"]})

    def test_files_are_listed(self):
        for file in KUBERNETES.rglob("kustomization.yaml"):
            kustomization, = load(file)
            named = set(kustomization["resources"])
            named |= {patch["path"] for patch in kustomization.get("patches", [])}
            for generator in ("configMapGenerator", "secretGenerator"):
                named |= {name for made in kustomization.get(generator, []) for name in made["files"]}
            there = {path.name for path in file.parent.iterdir()} - {file.name}
            self.assertEqual({name for name in named if ".." not in name}, there, file)
            for name in named:
                self.assertTrue((file.parent / name).exists(), name)

    def test_no_private_keys(self):
        for file in DEPLOY.rglob("*"):
            if file.is_file():
                self.assertNotIn(b"PRIVATE KEY", file.read_bytes(), file)

    def test_rendered(self):
        folders = [KUBERNETES / "base", *KUBERNETES.glob("overlays/*")]
        self.assertEqual(len(folders), 3)
        for folder in folders:
            with self.subTest(folder.name):
                open_here = ["flags: without TLS", "flags: everybody may do everything"]
                self.assertEqual(problems_of(self.rendered(folder)),
                                 open_here if folder.name == "plaintext" else [])

    def test_plaintext_needs_no_secrets(self):
        objects = self.rendered(KUBERNETES / "overlays" / "plaintext")
        self.assertNotIn("secret", yaml.safe_dump(of_kind(objects, "StatefulSet")).lower())

    def test_a_changed_access_file_restarts_nothing(self):
        """A new name of the Secret would; new names of flags are meant to."""
        objects = self.rendered(KUBERNETES / "overlays" / "example")
        self.assertEqual([o["metadata"]["name"] for o in of_kind(objects, "Secret")], ["newsprint-access"])
        self.assertRegex(of_kind(objects, "ConfigMap")[0]["metadata"]["name"], r"^newsprint-flags-\w{10}$")

    def test_component(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder).resolve()
            above = os.path.relpath(KUBERNETES, folder)
            (folder / "kustomization.yaml").write_text(yaml.safe_dump({
                "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
                "resources": [f"{above}/base"], "components": [f"{above}/components/pod-monitor"]}))
            objects = self.rendered(folder)
        self.assertEqual(problems_of(objects), [])
        monitor, = of_kind(objects, "PodMonitor")
        # What the alert rules call the job.
        workload, = of_kind(objects, "StatefulSet")
        job = workload["spec"]["template"]["metadata"]["labels"][monitor["spec"]["jobLabel"]]
        self.assertIn(f'job="{job}"', (DEPLOY / "prometheus" / "newsprint.rules.yml").read_text())

    @unittest.skipUnless(shutil.which("promtool"), "there is no promtool")
    def test_scrape_job(self):
        config, = load(DEPLOY / "prometheus" / "kubernetes.yml")
        job, = config["scrape_configs"]
        # Debian's Prometheus does not know how to ask Kubernetes.
        self.assertEqual(job.pop("kubernetes_sd_configs"), [{"role": "pod"}])
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump({"scrape_configs": [{**job, "static_configs": [{"targets": ["pod:9464"]}]}]}, file)
            done = run("promtool", "check", "config", file.name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        label, port = job["relabel_configs"][0]["regex"].split(";")
        template = of_kind(self.base(), "StatefulSet")[0]["spec"]["template"]
        self.assertEqual(template["metadata"]["labels"]["app.kubernetes.io/name"], label)
        self.assertIn(port, [p["name"] for p in template["spec"]["containers"][0]["ports"]])
        self.assertIn(f'job="{job["job_name"]}"', (DEPLOY / "prometheus" / "newsprint.rules.yml").read_text())

    def test_the_image_is_of_this_version(self):
        version, = re.findall(r"project\(newsprint VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
        workload, = of_kind(self.base(), "StatefulSet")
        container, = workload["spec"]["template"]["spec"]["containers"]
        self.assertEqual(container["image"], f"newsprint:{version}")
        user = workload["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
        self.assertIn(f"\nUSER {user}:{user}\n", (DEPLOY / "docker" / "Dockerfile").read_text())

    def test_rules_find_what_they_are_meant_to_find(self):
        def flags(*more):
            """Those of the base, with others behind them, which count."""
            text = (KUBERNETES / "base" / "newsprintd.flags").read_text()
            return {"newsprintd.flags": "\n".join([text, *more])}

        pod = "template.spec."
        container = pod + "containers.0."
        sources = pod + "volumes.0.projected.sources."
        for kind, path, value, said in (
                ("StatefulSet", "/apiVersion", "apps/v1beta1", "unknown with apiVersion"),
                ("StatefulSet", "template.metadata.labels", {"app": "other"}, "selects"),
                ("Service", "selector", {"app": "other"}, "selects"),
                ("Service", "selector", {}, "selects"),
                ("PodDisruptionBudget", "selector.matchLabels", {"app": "other"}, "selects"),
                ("NetworkPolicy", "podSelector.matchLabels", {"app": "other"}, "selects"),
                ("StatefulSet", "serviceName", "newsprint", "no headless"),
                ("Service", "ports.0.targetPort", "http", "targetPort"),
                ("StatefulSet", container + "readinessProbe.httpGet.port", "grpc", "readinessProbe: port grpc"),
                ("StatefulSet", container + "readinessProbe.httpGet.path", "/healthz", "readinessProbe: asks"),
                ("StatefulSet", container + "livenessProbe.httpGet.path", "/readyz", "livenessProbe: asks"),
                ("StatefulSet", container + "livenessProbe", {"grpc": {"port": 7420}}, "livenessProbe: asks None"),
                ("StatefulSet", container + "startupProbe", {}, "startupProbe: asks None"),
                ("StatefulSet", container + "ports.1.containerPort", 9465, "metrics_listen: 0.0.0.0:9464"),
                ("StatefulSet", container + "ports.0.containerPort", 7422, "listen: 0.0.0.0:7420"),
                ("StatefulSet", container + "ports.0.containerPort", 7421, "admin_listen"),
                ("StatefulSet", container + "ports.1.name", "http", "lets nobody in on http"),
                ("NetworkPolicy", "ingress.0.ports.0.port", "http", "port http"),
                ("NetworkPolicy", "ingress.0.ports", [], "on all ports"),
                ("NetworkPolicy", "ingress.0.from", [], "lets everybody in on ['grpc']"),
                ("NetworkPolicy", "ingress.1.from.0.namespaceSelector", {}, "lets everybody in on ['metrics']"),
                ("NetworkPolicy", "ingress.1.ports.0.port", "grpc", "lets nobody in on metrics"),
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
                ("StatefulSet", sources + "0.configMap.name", "other", "configMap other has no newsprintd.flags"),
                ("StatefulSet", sources + "1.secret.items.0.path", "tls.crt", "newsprintd: tls_cert: cannot be read"),
                ("StatefulSet", sources + "1.secret.items.1.key", "tls.crt", "newsprintd: tls_key"),
                ("StatefulSet", sources + "1.secret.items.1.key", "key.pem", "secret newsprint-tls has no key.pem"),
                ("StatefulSet", sources + "3.secret.items.0.path", "roles.json", "newsprintd: access_file"),
                ("StatefulSet", pod + "volumes.0.projected.defaultMode", 0o444, "the server's group alone"),
                ("ConfigMap", "/data", flags("--no_such_flag=1"), "no such flag"),
                ("ConfigMap", "/data", flags("--data_dir=/data"), "data_dir: /data is not mounted"),
                ("ConfigMap", "/data", flags("--listen=0.0.0.0:80"), "is not the port grpc"),
                ("ConfigMap", "/data", flags("--metrics_listen=127.0.0.1:9464"), "is not the port metrics"),
                ("ConfigMap", "/data", flags("--admin_listen=0.0.0.0:7421"), "others reach"),
                ("ConfigMap", "/data", flags("--tls_client_ca=/etc/newsprint/ca.crt"), "tls_client_ca: cannot be read"),
                ("ConfigMap", "/data", flags("--allow_plaintext"), "without TLS")):
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
