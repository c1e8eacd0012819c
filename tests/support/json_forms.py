# SPDX-License-Identifier: MIT
"""Checks output of --json against docs/json.schema.json and docs/json.md."""
import copy
import json
import re

import jsonschema
from patience import ROOT

SCHEMA = json.loads((ROOT / "docs/json.schema.json").read_text())
DEFS = SCHEMA["$defs"]
COMMANDS = ("requests", "show", "export", "replay", "diff", "verify", "stats", "delete")


def closed(schema):
    """The same schema with additionalProperties forbidden: readers must ignore unknown members, but
    tests must notice them."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if "properties" in made and isinstance(made["properties"], dict):
        made["additionalProperties"] = False
    return made


CLOSED = closed(SCHEMA)
VALIDATORS = {name: jsonschema.Draft202012Validator({"$defs": CLOSED["$defs"], "$ref": f"#/$defs/{name}"})
              for name in DEFS}


def check(name, value):
    """Fails when a value does not conform to the description of this name."""
    error = jsonschema.exceptions.best_match(VALIDATORS[name].iter_errors(value))
    assert error is None, f"{name} {error.json_path}: {error.message}\n{json.dumps(value)}"


def parsed(command, output):
    """The objects of an output, each checked against its description."""
    text = output.decode("utf-8")
    lines = text.split("\n")
    assert lines.pop() == "" and "" not in lines, text
    found = [json.loads(line) for line in lines]
    for value in found:
        check(command, value)
    return found


# Members by path, with their types as docs/json.md writes them.

def type_of(schema):
    if "$ref" in schema:
        return schema["$ref"].removeprefix("#/$defs/")
    if "anyOf" in schema:
        first, null = schema["anyOf"]
        assert null == {"type": "null"}, schema
        return f"{type_of(first)} or null"
    if "enum" in schema:
        return "word"
    assert schema["type"] == "array", schema
    return f"list of {type_of(schema['items'])}"


def members(schema, prefix=""):
    """{"request.target": "bytes", …} of an object, or of all kinds that a value may be."""
    found = {}
    for kind in schema.get("oneOf", [schema]):
        for name, value in kind["properties"].items():
            path = prefix + name
            named = members(value, path + ".") if "properties" in value else {path: type_of(value)}
            assert all(found.get(name, of) == of for name, of in named.items()), named
            found |= named
    return found


def is_object(schema):
    return "properties" in schema or "oneOf" in schema


def documented():
    """{"body": {"bytes": "count", …}, …}: the tables of docs/json.md, by their headings."""
    text = (ROOT / "docs/json.md").read_text()
    tables = {}
    for part in re.split(r"^### ", text, flags=re.M)[1:]:
        heading, _, body = part.partition("\n")
        rows = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \| ([^|]*) \|", body.split("\n## ")[0], re.M)
        if not rows:
            continue
        own = {name: of for names, of in rows for name in re.findall("`([^`]+)`", names)}
        base = re.match(r"\n(?:An? )?\[(.*?)\]\(#.*?\), and besides:", body)
        tables[heading] = (tables[base[1].lower()] if base else {}) | own
    return tables


def words_of(schema):
    """All words that members of a schema may have."""
    if isinstance(schema, list):
        return set().union(*map(words_of, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("enum", ())) | set().union(*map(words_of, schema.values()))


# The values of each member that have occurred.

def variants(schema):
    """The values that a member may have, by the schema."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name == "boolean":
            return {True, False}
        if name == "bytes":
            return {"a string", "base64"}
        return variants(DEFS[name]) if "enum" in DEFS[name] else {name}
    if "anyOf" in schema:
        return variants(schema["anyOf"][0]) | {None}
    if "enum" in schema:
        return set(schema["enum"])
    return {"an empty list", "a list"}


class Seen:
    """Collects which allowed values of which members occurred, by description and member."""

    def __init__(self):
        self.found = {}

    def take(self, schema, value, name, path=""):
        """Notes a value that conforms to its schema."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            if name != "bytes":
                self.take(DEFS[name], value, name)
        elif "anyOf" in schema:
            if value is not None:
                self.take(schema["anyOf"][0], value, name, path)
        elif "oneOf" in schema:
            kind, = (kind for kind in schema["oneOf"]
                     if value["kind"] in kind["properties"]["kind"]["enum"])
            self.take(kind, value, name, path)
        elif "properties" in schema:
            for member, of in schema["properties"].items():
                at = f"{path}.{member}" if path else member
                if "properties" not in of:
                    self.found.setdefault((name, at), set()).update(self.kind(of, value[member]))
                self.take(of, value[member], name, at)
        elif schema.get("type") == "array" and "items" in schema:
            for part in value:
                self.take(schema["items"], part, name, path)

    @staticmethod
    def kind(schema, value):
        may = variants(schema)
        if value is None or isinstance(value, bool):
            return {value}
        if isinstance(value, list) and "a list" in may:
            return {"a list" if value else "an empty list"}
        if "base64" in may:
            return {"base64" if isinstance(value, dict) else "a string"}
        return {value} if isinstance(value, str) and value in may else may - {None}

    def missing(self):
        """{(name, member): values} that did not occur."""
        wanted = {}

        def want(schema, name, path=""):
            for kind in schema.get("oneOf", [schema]):
                for member, of in kind["properties"].items():
                    at = f"{path}.{member}" if path else member
                    if "properties" in of:
                        want(of, name, at)
                    else:
                        wanted.setdefault((name, at), set()).update(variants(of))

        for name, schema in DEFS.items():
            if is_object(schema):
                want(schema, name)
        missing = {key: values - self.found.get(key, set()) for key, values in wanted.items()}
        return {key: values for key, values in missing.items() if values}


def summary(value, schema=None):
    """The members of a whole exchange that a summary has."""
    schema = schema or DEFS["exchange"]
    if "$ref" in schema:
        return summary(value, DEFS[schema["$ref"].removeprefix("#/$defs/")])
    if "properties" not in schema:
        return copy.deepcopy(value)
    return {name: summary(value[name], of) for name, of in schema["properties"].items()}
