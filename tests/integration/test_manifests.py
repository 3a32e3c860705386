"""The manifests of deploy/k8s as they are rendered and as their schemas want them, without a cluster:
kubectl renders each overlay, the schemas come from npm. What of them belongs to the program is compared in
the unit tests of deploy."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import Case, node, rows, weir

K8S = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "k8s"


def render(overlay):
    if shutil.which("kubectl") is None:
        raise unittest.SkipTest("kubectl is not installed")
    # Older ones than 1.22 know too little of kustomize.
    done = subprocess.run(["kubectl", "kustomize", str(K8S / "overlays" / overlay)],
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
    def documents(self, overlay):
        """By kind and name."""
        out = validated(render(overlay))
        self.assertEqual(out["problems"], [])
        return {(one["kind"], one["metadata"]["name"]): one for one in out["documents"]}

    @rows([("small", "small", []),
           ("production", "production", ["HorizontalPodAutoscaler", "ServiceMonitor"])])
    def test_is_whole(self, overlay, more):
        found = self.documents(overlay)
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
        volume = next(v for v in pod["spec"]["volumes"] if "configMap" in v)
        self.assertIn(("ConfigMap", volume["configMap"]["name"]), found)
        self.assertIn(("ServiceAccount", pod["spec"]["serviceAccountName"]), found)
        ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        for rule in found["NetworkPolicy", "weir"]["spec"]["ingress"]:
            self.assertLessEqual({port["port"] for port in rule["ports"]}, ports)

    @rows([("small", "small"), ("production", "production")])
    def test_its_configuration_is_valid(self, overlay):
        config = next(one for (kind, _), one in self.documents(overlay).items()
                      if kind == "ConfigMap")["data"]["weir.yaml"]
        env = {one["name"]: one["value"] for one in self.documents(overlay)["Deployment", "weir"]
               ["spec"]["template"]["spec"]["containers"][0].get("env", [])}
        path = self.folder_with(config)
        done = weir("check", "-c", path, env=env)
        self.assertEqual(done.returncode, 0, done.stderr)

    def folder_with(self, text):
        folder = tempfile.TemporaryDirectory(prefix="weir-manifests-")
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "weir.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_production_is_scaled_by_the_autoscaler_alone(self):
        found = self.documents("production")
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

    def test_the_monitor_finds_the_admin_port(self):
        found = self.documents("production")
        monitor = found["ServiceMonitor", "weir"]["spec"]
        chosen = [one for (kind, _), one in found.items() if kind == "Service" and
                  monitor["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()]
        self.assertEqual(len(chosen), 1)
        names = {port["name"] for port in chosen[0]["spec"]["ports"]}
        self.assertEqual({end["port"] for end in monitor["endpoints"]}, names)


if __name__ == "__main__":
    unittest.main()
