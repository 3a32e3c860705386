// Reads Kubernetes manifests (YAML) from files or, for "-", from standard input, checks each against
// the schema of its kind and for fields that the schema does not know, which an API server would
// refuse or drop. Prints {"problems": [...], "documents": [...]}. Needs no cluster and no network.
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Service, ServiceAccount } from 'kubernetes-models/v1';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

const kinds = new Map();
for (const kind of [Deployment, HorizontalPodAutoscaler, NetworkPolicy, PodDisruptionBudget,
  ConfigMap, Service, ServiceAccount, ServiceMonitor]) {
  kinds.set(`${kind.apiVersion} ${kind.kind}`, kind);
}

// The schemas are compiled to functions that look at each field they know, so a field nobody looked
// at is unknown. A map of free names (labels) is enumerated instead.
function watched(value, path, seen) {
  if (value === null || typeof value !== 'object') return value;
  const looked = { at: new Set(), all: Array.isArray(value), children: new Map() };
  seen.push({ value, path, looked });
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'symbol') return target[key];
      looked.at.add(key);
      if (!looked.children.has(key)) {
        const at = looked.all ? `${path}[${key}]` : `${path}.${key}`;
        looked.children.set(key, watched(target[key], at, seen));
      }
      return looked.children.get(key);
    },
    ownKeys(target) {
      looked.all = true;
      return Reflect.ownKeys(target);
    },
  });
}

function problemsOf(document) {
  const name = `${document?.kind} ${document?.metadata?.name}`;
  const kind = kinds.get(`${document?.apiVersion} ${document?.kind}`);
  if (!kind) return [`${name}: no schema for ${document?.apiVersion} ${document?.kind}`];
  const seen = [];
  const validate = Object.getPrototypeOf(new kind(document)).validate;
  const problems = [];
  try {
    validate.call(watched(document, name, seen));
  } catch (error) {
    problems.push(`${name}: ${error.message}`);
  }
  for (const { value, path, looked } of seen) {
    if (looked.all) continue;
    for (const key of Object.keys(value)) {
      if (!looked.at.has(key)) problems.push(`${path}.${key}: unknown field`);
    }
  }
  return problems;
}

const documents = process.argv.slice(2).flatMap((file) =>
  parseAllDocuments(readFileSync(file === '-' ? 0 : file, 'utf8')).map((one) => {
    if (one.errors.length > 0) throw one.errors[0];
    return one.toJS();
  }));
console.log(JSON.stringify({ problems: documents.flatMap(problemsOf), documents }));
