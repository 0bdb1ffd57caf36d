"""Validates files of Kubernetes by the schemas of its API, and custom resources by their definitions. Nothing unknown is let through.

    validate.py <version of Kubernetes> <folder of definitions> <kinds that nobody can check, with commas> < resources
"""

import sys
from pathlib import Path

import jsonschema
import yaml
from kubernetes_validate import utils


def strict(schema):
    """The API server drops what it does not know without a word."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if isinstance(made.get("pattern"), str) and "(?i)" in made["pattern"]:
        # Go lets it stand anywhere, Python in front alone.
        made["pattern"] = "(?i)" + made["pattern"].replace("(?i)", "")
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


def known(folder):
    found = {}
    for path in Path(folder).glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())
        for version in definition["spec"]["versions"]:
            api = f"{definition['spec']['group']}/{version['name']}"
            schema = dict(version["schema"]["openAPIV3Schema"])
            # Of an object as such, whose other parts the definition does not have.
            schema["properties"] = {**schema["properties"], "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
            found[(api, definition["spec"]["names"]["kind"])] = strict(schema)
    return found


def main(version, definitions, unchecked):
    custom = known(definitions)
    faults = checked = 0
    for resource in yaml.safe_load_all(sys.stdin):
        if resource is None:
            continue
        kind = (resource["apiVersion"], resource["kind"])
        try:
            if kind in custom:
                jsonschema.validate(resource, custom[kind])
            elif kind[1] not in unchecked.split(","):
                utils.validate(resource, version, strict=True)
            else:
                continue
            checked += 1
        except Exception as error:
            faults += 1
            print(f"{kind[1]} {resource['metadata']['name']}: {getattr(error, 'message', error)}")
    print(f"{checked} checked, {faults} wrong")
    sys.exit(1 if faults else 0)


main(*sys.argv[1:])
