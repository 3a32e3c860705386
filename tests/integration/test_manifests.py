"""The manifests of deploy/k8s as they are rendered and as their schemas want them, without a cluster:
kubectl renders each overlay, the schemas come from npm. What of them belongs to the program is compared in
the unit tests of deploy."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import Authority, Case, node, rows, weir

K8S = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "k8s"


def render(folder):
    if shutil.which("kubectl") is None:
        raise unittest.SkipTest("kubectl is not installed")
    # Older ones than 1.22 know too little of kustomize.
    done = subprocess.run(["kubectl", "kustomize", str(folder)],
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout


def validated(text):
    node.need("kubernetes-models", "yaml")
    done = subprocess.run(["node", str(node.FOLDER / "validate_manifests.mjs"), "-"], input=text,
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


@functools.cache
def rendered(folder):
    return validated(render(folder))


class SchemaTest(Case):
    @rows([("a wrong type", "failureThreshold: 30", 'failureThreshold: "30"', "must be integer"),
           ("an unknown field", "runAsNonRoot", "runAsNonroot", "runAsNonroot: unknown field"),
           ("a missing one that is required", "seconds: 5", "secs: 5", "required property")])
    def test_finds(self, old, new, problem):
        """The check itself: faults are planted in a manifest that is well."""
        text = (K8S / "base" / "deployment.yaml").read_text(encoding="utf-8")
        self.assertIn(old, text)
        self.assertEqual(validated(text)["problems"], [])
        found = "\n".join(validated(text.replace(old, new))["problems"])
        self.assertIn(problem, found)


class OverlayTest(Case):
    WAYS = [("small", "overlays/small", []),
            ("production", "overlays/production", ["HorizontalPodAutoscaler", "ServiceMonitor"]),
            ("public", "examples/public", ["HorizontalPodAutoscaler", "ServiceMonitor"])]

    def documents(self, way):
        """By kind and name."""
        out = rendered(K8S / way)
        self.assertEqual(out["problems"], [])
        return {(one["kind"], one["metadata"]["name"]): one for one in out["documents"]}

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-manifests-")
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name).resolve()

    @rows(WAYS)
    def test_is_whole(self, way, more):
        found = self.documents(way)
        self.assertEqual(
            sorted(kind for kind, _ in found),
            sorted(["ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service",
                    "Service", "ServiceAccount", *more]))
        deployment = found["Deployment", "weir"]["spec"]
        pod = deployment["template"]
        labels = pod["metadata"]["labels"].items()
        for (kind, name), one in found.items():
            spec = one.get("spec", {})
            selector = {"Service": spec.get("selector"),
                        "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels"),
                        "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels")}.get(kind)
            if selector is not None:
                self.assertLessEqual(selector.items(), labels, (kind, name))
        self.assertLessEqual(deployment["selector"]["matchLabels"].items(), labels)
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        self.assertIn(("ConfigMap", volumes["config"]["configMap"]["name"]), found)
        self.assertIn(("ServiceAccount", pod["spec"]["serviceAccountName"]), found)
        container = pod["spec"]["containers"][0]
        self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, set(volumes))
        ports = {port["name"] for port in container["ports"]}
        self.assertEqual({port["port"] for rule in found["NetworkPolicy", "weir"]["spec"]["ingress"]
                          for port in rule["ports"]}, ports)
        self.assertEqual({port["targetPort"] for name in ("weir", "weir-admin")
                          for port in found["Service", name]["spec"]["ports"]}, ports)

    @rows(WAYS)
    def test_it_is_scraped_in_one_way(self, way, _):
        found = self.documents(way)
        metadata = found["Deployment", "weir"]["spec"]["template"]["metadata"]
        by_annotation = "prometheus.io/scrape" in metadata.get("annotations", {})
        self.assertNotEqual(by_annotation, ("ServiceMonitor", "weir") in found)

    def configuration(self, found):
        return next(one for (kind, _), one in found.items()
                    if kind == "ConfigMap")["data"]["weir.yaml"]

    @rows(WAYS)
    def test_its_configuration_is_valid(self, way, _):
        found = self.documents(way)
        folder = self.folder()
        authority = Authority()
        self.addCleanup(authority.close)
        authority.issue("tls", ["www.example.com"])
        (folder / "weir.yaml").write_text(
            self.configuration(found).replace("/etc/weir-tls", authority.folder), encoding="utf-8")
        (folder / "token").write_text("0123456789abcdef\n", encoding="ascii")
        container = found["Deployment", "weir"]["spec"]["template"]["spec"]["containers"][0]
        pods = {one["name"]: one["value"].replace("/etc/weir-admin", str(folder))
                for one in container.get("env", [])}
        for env in (pods, {}):
            done = weir("check", "-c", str(folder / "weir.yaml"), env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            warned = "admin.bind: not a loopback address and no `token_file`" in done.stderr
            self.assertNotEqual(warned, "WEIR_ADMIN_TOKEN_FILE" in env, done.stderr)

    @rows(WAYS)
    def test_the_pod_lives_until_the_drain_is_over(self, way, _):
        found = self.documents(way)
        pod = found["Deployment", "weir"]["spec"]["template"]["spec"]
        text = self.configuration(found)
        drain = sum(int(re.search(rf"(?m)^ +{key}: (\d+)s\b", text)[1])
                    for key in ("drain_delay", "drain_timeout"))
        before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], before + drain + 5)

    def test_production_is_scaled_by_the_autoscaler_alone(self):
        found = self.documents("overlays/production")
        self.assertNotIn("replicas", found["Deployment", "weir"]["spec"])
        scaler = found["HorizontalPodAutoscaler", "weir"]["spec"]
        target = found["Deployment", scaler["scaleTargetRef"]["name"]]
        self.assertEqual((target["kind"], target["apiVersion"]),
                         (scaler["scaleTargetRef"]["kind"], scaler["scaleTargetRef"]["apiVersion"]))
        up, down = scaler["behavior"]["scaleUp"], scaler["behavior"]["scaleDown"]
        self.assertEqual(up["stabilizationWindowSeconds"], 0)
        self.assertGreaterEqual(down["stabilizationWindowSeconds"], 300)
        # What a budget allows to leave at once must not be all there is.
        self.assertLess(found["PodDisruptionBudget", "weir"]["spec"]["maxUnavailable"],
                        scaler["minReplicas"])

    def test_production_needs_no_metric_that_a_bare_cluster_has_not(self):
        """An autoscaler that cannot read one of its metrics never scales down."""
        scaler = self.documents("overlays/production")["HorizontalPodAutoscaler", "weir"]["spec"]
        self.assertEqual([metric["type"] for metric in scaler["metrics"]], ["Resource"])

    def test_the_monitor_finds_the_admin_port(self):
        found = self.documents("overlays/production")
        monitor = found["ServiceMonitor", "weir"]["spec"]
        chosen = [one for (kind, _), one in found.items() if kind == "Service" and
                  monitor["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()]
        self.assertEqual(len(chosen), 1)
        names = {port["name"] for port in chosen[0]["spec"]["ports"]}
        self.assertEqual({end["port"] for end in monitor["endpoints"]}, names)

    def test_components(self):
        folder = self.folder()
        top = os.path.relpath(K8S, folder)
        (folder / "kustomization.yaml").write_text(json.dumps({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "resources": [f"{top}/overlays/production"],
            "components": [f"{top}/components/{name}" for name in
                           ("admin-token", "custom-metrics", "edit-in-place")],
            "images": [{"name": "weir", "newName": "registry.example.com/weir"}]}),
            encoding="utf-8")
        found = self.documents(folder)
        metrics = found["HorizontalPodAutoscaler", "weir"]["spec"]["metrics"]
        self.assertEqual([metric["type"] for metric in metrics], ["Resource", "Pods", "Pods"])
        self.assertIn(("ConfigMap", "weir"), found)  # its name has no hash, so it can be edited
        pod = found["Deployment", "weir"]["spec"]["template"]["spec"]
        gateway, reload = pod["containers"][0], pod["initContainers"][0]
        self.assertEqual(reload["image"], gateway["image"])
        self.assertIn("registry.example.com", reload["image"])
        # Both containers read the same configuration with the same token.
        mounts = [{(mount["name"], mount["mountPath"]) for mount in one["volumeMounts"]}
                  for one in (gateway, reload)]
        self.assertEqual(*mounts)
        variables = [{one["name"]: one["value"] for one in each["env"]} for each in (gateway, reload)]
        self.assertEqual(variables[0]["WEIR_ADMIN_TOKEN_FILE"], variables[1]["WEIR_ADMIN_TOKEN_FILE"])
        self.assertEqual({volume["name"] for volume in pod["volumes"]},
                         {name for name, _ in mounts[0]})


if __name__ == "__main__":
    unittest.main()
