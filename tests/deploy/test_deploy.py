"""The files of deploy/ hold together, by whatever can look at them without an engine for containers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from streammtl.config import RunConfig
from streammtl.ops.metrics import METRICS
from tests.ops.programs import program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = DEPLOY / "kubernetes"
RUN = MANIFESTS / "run.yaml"
PORT = 9108

#: Everything that a query may name: a histogram has three series.
EXPORTED = {metric.name for metric in METRICS} | {
    f"{metric.name}_{part}" for metric in METRICS if metric.type == "histogram" for part in ("bucket", "count", "sum")
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)


def unknown_metrics(text: str) -> set[str]:
    return set(re.findall(r"\b(?:streammtl|process)_[a-z_]+\b", text)) - EXPORTED


# -- the configuration of the container


def servers_of(environment: dict[str, str]) -> set[str]:
    """The brokers of every connection, when the run is loaded with these variables."""
    config = RunConfig.load(RUN, environment=environment).model_dump(mode="json")
    connections = [
        config["source"]["connection"],
        *(config["sink"][name]["connection"] for name in config["sink"] if isinstance(config["sink"][name], dict)),
    ]
    return {server for connection in connections for server in connection["servers"]}


def test_the_run_of_the_container_is_right_and_keeps_what_it_learns_on_its_volume() -> None:
    config = RunConfig.load(RUN, environment={})
    assert str(config.checkpoint.path).startswith("/var/lib/streammtl/")
    assert (config.monitoring.http.host, config.monitoring.http.port) == ("0.0.0.0", PORT)
    assert config.monitoring.log_format == "json"


def test_the_run_of_the_container_reads_what_the_simulator_writes() -> None:
    example = load(ROOT / "examples" / "fraud_log.yaml")
    run_config = load(RUN)
    assert (run_config["schema"], run_config["tasks"]) == (example["schema"], example["tasks"])


# -- Dockerfile


def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_runs_as_an_ordinary_user_from_the_lock() -> None:
    text = dockerfile()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert text.count("--require-hashes") == 2
    assert "ADD " not in text
    assert "http" not in re.sub(r"http://127\.0\.0\.1:9108", "", text)


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert any(f"!{name}" in ignored for name in (source, f"{source}runtime_lock.py", f"{source}/")), source


def lock_of(*arguments: str) -> set[str]:
    done = run(sys.executable, DEPLOY / "runtime_lock.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[A-Za-z])", done.stdout))
    return set(re.findall(r"^([A-Za-z0-9._-]+)==", done.stdout, re.MULTILINE))


def test_the_lock_of_the_image_has_what_runs_and_nothing_else() -> None:
    names = lock_of("--extra", "confluent", "--without", "torch")
    assert {
        "numba",
        "llvmlite",
        "numpy",
        "kafka-python",
        "confluent-kafka",
        "prometheus-client",
        "pydantic-core",
    } <= names
    assert names.isdisjoint({"torch", "pytest", "mypy", "ruff", "selenium", "pyarrow", "hatchling"})
    assert not [name for name in names if name.startswith("nvidia")]
    assert {"torch", "sympy"} <= lock_of()
    assert "hatchling" in lock_of("--tool", "hatchling")


@pytest.mark.slow
def test_a_daemon_with_the_default_model_needs_no_torch(tmp_path: Path) -> None:
    """What the image leaves out is not missed: torch cannot be imported here, nor does it seem to be installed."""
    code = f"""
import importlib.metadata as metadata, sys
class Nowhere:
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nowhere())
version = metadata.version
def without_torch(name):
    if name == "torch":
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = without_torch
from streammtl.run.daemon import run_daemon
from streammtl.config import RunConfig
from streammtl.run.replay import world_config
settings = world_config("fraud")
settings["source"]["world"]["events"] = 200
settings["monitoring"] = {{"http": {{"port": 0}}}}
settings["checkpoint"] = {{"path": {str(tmp_path / "state")!r}}}
print(run_daemon(RunConfig.parse(settings, environment={{}})).n_events)
"""
    done = run(sys.executable, "-c", code)
    assert done.stdout == "200\n", done.stderr


# -- compose


def compose() -> Any:
    return load(DEPLOY / "compose.yaml")


def test_compose_mounts_files_that_are_there() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in compose()["volumes"], (
                name,
                volume,
            )
    assert (DEPLOY / compose()["x-streammtl"]["build"]["context"] / "deploy" / "Dockerfile").is_file()


def test_compose_shows_itself_to_this_machine_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_gives_the_daemon_one_broker() -> None:
    assert servers_of(compose()["services"]["streammtl"]["environment"]) == {"kafka:9092"}


def test_compose_starts_commands_that_there_are() -> None:
    from streammtl.run.cli import main

    command = compose()["services"]["simulator"]["command"]
    options = {option for parameter in main.commands[command[0]].params for option in parameter.opts}
    assert {word for word in command if word.startswith("--")} <= options


# -- Prometheus and Grafana


def test_alert_rules_use_declared_metrics() -> None:
    for name in ("alerts.yaml", "alerts_test.yaml"):
        assert unknown_metrics((DEPLOY / "prometheus" / name).read_text(encoding="utf-8")) == set()


def test_every_alert_rule_is_tested_firing_and_silent() -> None:
    rules = load(DEPLOY / "prometheus" / "alerts.yaml")["groups"][0]["rules"]
    tests = load(DEPLOY / "prometheus" / "alerts_test.yaml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for rule in rules:
        expected = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]]
        assert set(expected) == {True, False}, rule["alert"]
        assert rule["labels"]["severity"] in ("info", "warning", "critical")


def test_promtool_passes_the_rules_and_their_tests() -> None:
    promtool = program("promtool", "Debian's package prometheus")
    folder = DEPLOY / "prometheus"
    for command in (["test", "rules", "alerts_test.yaml"], ["check", "config", "prometheus.yaml"]):
        done = run(promtool, *command, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr


def dashboard() -> Any:
    return json.loads((DEPLOY / "grafana" / "dashboards" / "streammtl.json").read_text(encoding="utf-8"))


def queries() -> list[str]:
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    found += [annotation["expr"] for annotation in dashboard()["annotations"]["list"]]
    return found + [variable["query"]["query"] for variable in dashboard()["templating"]["list"]]


def test_the_dashboard_shows_declared_metrics_by_declared_labels() -> None:
    labels_of = {metric.name: {*metric.labels, "instance", "le"} for metric in METRICS}
    for query in queries():
        assert re.findall(r"\b(?:streammtl|process)_[a-z_]+\b", query), query
        assert unknown_metrics(query) == set()
        for name, selectors in re.findall(r"\b((?:streammtl|process)_[a-z_]+)\{([^}]*)\}", query):
            used = set(re.findall(r"(\w+)=~?", selectors))
            assert used <= labels_of[re.sub(r"_(bucket|sum|count)$", "", name)], query


def test_the_queries_of_the_dashboard_can_be_parsed(tmp_path: Path) -> None:
    promtool = program("promtool", "Debian's package prometheus")
    parsed = [query for query in queries() if not query.startswith("label_values")]
    rules = [{"record": f"q:{number}", "expr": query} for number, query in enumerate(parsed)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    done = run(promtool, "check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    cells: dict[tuple[int, int], str] = {}
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for column in range(at["x"], at["x"] + at["w"]):
            for line in range(at["y"], at["y"] + at["h"]):
                assert cells.setdefault((column, line), panel["title"]) == panel["title"]


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = load(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in dashboard()["panels"] if "datasource" in panel} == {source["uid"]}
    (provider,) = load(provisioning / "dashboards" / "streammtl.yaml")["providers"]
    mounted = [volume.split(":")[1] for volume in compose()["services"]["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted


# -- systemd


def test_the_unit_is_right_and_little_exposed(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    text = (DEPLOY / "systemd" / "streammtl@.service").read_text(encoding="utf-8")
    assert "Type=notify\n" in text
    unit = tmp_path / "streammtl@payments.service"
    unit.write_text(text.replace("/usr/local/bin/streammtl", sys.executable), encoding="utf-8")
    verified = run(analyze, "verify", unit)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    done = run(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", unit)
    assert done.returncode == 0, done.stdout + done.stderr  # 2.0 of 10


def test_the_unit_does_not_repeat_what_does_not_mend_itself() -> None:
    text = (DEPLOY / "systemd" / "streammtl@.service").read_text(encoding="utf-8")
    assert "RestartPreventExitStatus=2 3\n" in text
    assert int(re.findall(r"WatchdogSec=(\d+)", text)[0]) > RunConfig.load(RUN, environment={}).monitoring.hang_after_s


# -- Kubernetes


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    kubectl = program("kubectl", "Kubernetes' command line, 1.21 or newer", is_packaged=False)
    done = run(kubectl, "kustomize", MANIFESTS)
    assert done.returncode == 0, done.stderr
    return {f"{m['kind']}/{m['metadata']['name']}": m for m in yaml.safe_load_all(done.stdout)}


def pod_of(manifests: dict[str, Any]) -> Any:
    return manifests["StatefulSet/streammtl"]["spec"]["template"]


def test_every_selector_finds_the_pod(manifests: dict[str, Any]) -> None:
    labels = pod_of(manifests)["metadata"]["labels"].items()
    selectors = [
        manifests["StatefulSet/streammtl"]["spec"]["selector"]["matchLabels"],
        manifests["PodDisruptionBudget/streammtl"]["spec"]["selector"]["matchLabels"],
        manifests["PodMonitor/streammtl"]["spec"]["selector"]["matchLabels"],
        manifests["Service/streammtl"]["spec"]["selector"],
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels


def test_probes_and_the_monitor_ask_what_is_served(manifests: dict[str, Any]) -> None:
    (container,) = pod_of(manifests)["spec"]["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == PORT
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert [probe["path"] for probe in probes.values()] == ["/livez", "/livez", "/readyz"]
    (endpoint,) = manifests["PodMonitor/streammtl"]["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")


def test_the_pod_may_do_little(manifests: dict[str, Any]) -> None:
    pod = pod_of(manifests)["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod["automountServiceAccountToken"]


def test_the_pod_is_given_its_run_its_brokers_and_its_state(manifests: dict[str, Any]) -> None:
    stateful = manifests["StatefulSet/streammtl"]["spec"]
    pod = stateful["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"] for volume in pod["volumes"] + [c["metadata"] for c in stateful["volumeClaimTemplates"]]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    maps = {m["metadata"]["name"]: m["data"] for m in manifests.values() if m["kind"] == "ConfigMap"}
    (run_map,) = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
    assert maps[run_map]["run.yaml"] == RUN.read_text(encoding="utf-8")
    references = {variable["name"]: variable["valueFrom"]["configMapKeyRef"] for variable in container["env"]}
    environment = {name: maps[reference["name"]][reference["key"]] for name, reference in references.items()}
    assert servers_of(environment) == {"kafka-bootstrap.kafka.svc:9092"}


def test_the_pod_has_time_to_save(manifests: dict[str, Any]) -> None:
    assert pod_of(manifests)["spec"]["terminationGracePeriodSeconds"] >= 30
    assert manifests["StatefulSet/streammtl"]["spec"]["replicas"] == 1


def test_services_do_not_become_settings(manifests: dict[str, Any]) -> None:
    """A service called streammtl would bring variables that begin with STREAMMTL_, which name no setting."""
    assert pod_of(manifests)["spec"]["enableServiceLinks"] is False


@pytest.mark.slow
def test_docker_builds_the_image() -> None:
    if not os.environ.get("STREAMMTL_TEST_DOCKER"):
        pytest.skip("needs a container engine, an index of packages, and STREAMMTL_TEST_DOCKER=1")
    done = run("docker", "build", "-f", "deploy/Dockerfile", "-t", "streammtl:test", ".")
    assert done.returncode == 0, done.stderr
