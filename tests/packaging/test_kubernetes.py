"""The manifests of Kubernetes agree with calscim, the image, and each other, and follow the schemas of Kubernetes."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from calscim import __version__
from calscim.app.daemon import DRAIN
from calscim.app.health import ops_app
from calscim.config import Settings, Tcp, address
from tests.support.images import PACKAGING, load_in_container, parse_command

FOLDER = PACKAGING / "kubernetes"
MANIFESTS = {
    (document["kind"], document["metadata"]["name"]): document
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text("utf-8"))
}
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
WORKLOADS = [("Deployment", "calscim"), ("Job", "calscim-migrate")]
PROBES = ["startupProbe", "livenessProbe", "readinessProbe"]


def pod(workload: tuple[str, str]) -> dict:
    return MANIFESTS[workload]["spec"]["template"]["spec"]


def container(workload: tuple[str, str]) -> dict:
    (only,) = pod(workload)["containers"]
    return only


def port_of(listen: str) -> int:
    found = address(listen)
    assert isinstance(found, Tcp)
    return found.port


def settings_of(workload: tuple[str, str], tmp_path: Path) -> Settings:
    variables = {
        name: value
        for source in container(workload)["envFrom"]
        for name, value in MANIFESTS["ConfigMap", source["configMapRef"]["name"]]["data"].items()
    } | {row["name"]: row["value"] for row in container(workload)["env"]}
    (volume,) = (row for row in pod(workload)["volumes"] if row["name"] == "secrets")
    sources = volume.get("projected", {}).get("sources", [volume])
    names = [row["secret"].get("secretName") or row["secret"]["name"] for row in sources]
    secrets = {
        key: text for name in names for key, text in MANIFESTS["Secret", name]["stringData"].items()
    }
    (mount,) = (row for row in container(workload)["volumeMounts"] if row["name"] == "secrets")
    assert mount["mountPath"] == variables["CREDENTIALS_DIRECTORY"]
    return load_in_container(variables, secrets, tmp_path)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_variables_and_secrets_are_a_complete_configuration(workload, tmp_path):
    settings = settings_of(workload, tmp_path)

    assert [one.name for one in settings.organizations] == ["acme"]
    assert settings.organizations[0].api_key == "CALCOM_API_KEY"


def test_only_the_migration_gets_the_owner_of_the_tables(tmp_path):
    for workload in WORKLOADS:
        folder = tmp_path / workload[0]
        folder.mkdir()
        dsn = settings_of(workload, folder).database.migration_dsn
        assert (dsn is not None) == (workload[0] == "Job")


@pytest.mark.parametrize(("workload", "verb"), [(WORKLOADS[0], "serve"), (WORKLOADS[1], "migrate")])
def test_the_arguments_are_a_verb(workload, verb):
    assert parse_command(container(workload)["args"]) == verb


def test_the_named_ports_are_those_that_the_daemon_listens_on(tmp_path):
    settings = settings_of(("Deployment", "calscim"), tmp_path)

    ports = {row["name"]: row["containerPort"] for row in container(WORKLOADS[0])["ports"]}
    assert ports == {"scim": port_of(settings.scim.listen), "ops": port_of(settings.ops.listen)}
    served = {row["targetPort"] for row in MANIFESTS["Service", "calscim"]["spec"]["ports"]}
    assert served == set(ports)
    (endpoint,) = MANIFESTS["ServiceMonitor", "calscim"]["spec"]["endpoints"]
    assert endpoint["port"] in {
        row["name"] for row in MANIFESTS["Service", "calscim"]["spec"]["ports"]
    }
    allowed = {
        row["port"]
        for rule in MANIFESTS["NetworkPolicy", "calscim"]["spec"]["ingress"]
        for row in rule["ports"]
    }
    assert allowed == set(ports.values())


def test_the_probes_and_the_monitor_ask_for_paths_that_exist():
    async def unready() -> str | None:
        return None

    async def refresh() -> None:
        await asyncio.sleep(0)

    served = {
        route.resource.canonical
        for route in ops_app(CollectorRegistry(), unready, refresh).router.routes()
        if route.resource is not None
    }

    asked = {container(WORKLOADS[0])[probe]["httpGet"]["path"] for probe in PROBES}
    asked.add(MANIFESTS["ServiceMonitor", "calscim"]["spec"]["endpoints"][0]["path"])
    assert asked == served == {"/healthz", "/readyz", "/metrics"}
    assert {container(WORKLOADS[0])[probe]["httpGet"]["port"] for probe in PROBES} == {"ops"}


def test_a_pod_has_the_time_to_drain():
    before = int(container(WORKLOADS[0])["lifecycle"]["preStop"]["exec"]["command"][1])

    assert pod(WORKLOADS[0])["terminationGracePeriodSeconds"] >= before + 2 * DRAIN


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_containers_meet_the_restricted_profile(workload):
    assert container(workload)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    context = pod(workload)["securityContext"]
    assert context["runAsNonRoot"] and context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(workload)["automountServiceAccountToken"] is False


def test_the_selectors_match_the_pods_of_the_daemon():
    labels = MANIFESTS["Deployment", "calscim"]["spec"]["template"]["metadata"]["labels"]

    assert MANIFESTS["Deployment", "calscim"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service", "calscim"]["spec"]["selector"] == labels
    assert MANIFESTS["PodDisruptionBudget", "calscim"]["spec"]["selector"]["matchLabels"] == labels
    for spread in pod(WORKLOADS[0])["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels


def test_every_image_is_of_this_version():
    images = {container(workload)["image"] for workload in WORKLOADS}

    assert images == {f"registry.example.com/calscim:{__version__}"}
    assert KUSTOMIZATION["images"] == [
        {"name": "registry.example.com/calscim", "newTag": __version__}
    ]


def test_the_kustomization_has_every_manifest_but_the_examples():
    manifests = {path.name for path in FOLDER.glob("*.yaml")}

    examples = {"kustomization.yaml", "secret.example.yaml", "servicemonitor.yaml"}
    assert set(KUSTOMIZATION["resources"]) == manifests - examples


@pytest.mark.skipif(
    find_spec("kubernetes_validate") is None,
    reason="kubernetes-validate, which has the schemas of Kubernetes, is not installed (`make packaging-check`)",
)
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_the_manifests_follow_the_schemas_of_kubernetes(version):
    import kubernetes_validate

    for (kind, _), manifest in MANIFESTS.items():
        if kind != "ServiceMonitor":
            kubernetes_validate.validate(manifest, version, strict=True)
