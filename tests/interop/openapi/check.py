"""Holds a platform to its own OpenAPI document, at the address that is its argument: the document is
valid, and whatever is asked in its terms is answered in its terms. Prints a line for each promise that is
kept and ends at the first that is not.

EXAMPLES is how many requests are made up for each operation, SEED what they are made up from."""

import collections
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

DOCUMENT = f"http://{sys.argv[1]}/api/openapi.json"
SOURCES = pathlib.Path(__file__).parent
REPORT = pathlib.Path("report.ndjson").absolute()
OUTPUT = pathlib.Path("schemathesis.txt").absolute()

# What each answer has to pass. The other checks depend on what the document has.
CHECKS = {
    "allow_header_conformance",
    "content_type_conformance",
    "ignored_auth",
    "negative_data_rejection",
    "not_a_server_error",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
    "unsupported_method",
    "valid_data_acceptance",
}


def ok(name, detail=""):
    print(f"ok openapi {name}{detail}")


def valid(document):
    faults = [
        f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}"
        for fault in OpenAPIV31SpecValidator(document).iter_errors()
    ]
    if faults:
        sys.exit("the document is not valid\n" + "\n".join(faults))
    ok("the_document_is_valid")


def registered(document):
    """The document's examples make an account and sign in to it, as they stand. Returns its tokens."""
    for path, status in [("/api/v1/auth/register", 201), ("/api/v1/auth/login", 200)]:
        content = document["paths"][path]["post"]["requestBody"]["content"]
        body = json.dumps(content["application/json"]["example"]).encode()
        request = urllib.request.Request(f"http://{sys.argv[1]}{path}", data=body)
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                seen, pair = answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            sys.exit(f"{path} does not take its own example {body}: {error.code} {error.read()}")
        if seen != status:
            sys.exit(f"{path} answers its example with {seen}")
        ok(f"the_example_of_{path}_works")
    return pair


def explore(pair):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", SOURCES / "schemathesis.toml"]
    command += ["run", DOCUMENT, "--no-color", "--report-ndjson-path", REPORT]
    command += ["--max-examples", os.environ["EXAMPLES"], "--seed", os.environ["SEED"]]
    modules = os.pathsep.join([os.environ["PYTHONPATH"], str(SOURCES)])
    tokens = {"ACCESS_TOKEN": pair["accessToken"], "REFRESH_TOKEN": pair["refreshToken"]}
    # Sets that are gone through in an order of the day would make another run of the same seed.
    environment = {**os.environ, **tokens, "PYTHONPATH": modules, "PYTHONHASHSEED": "0"}
    with OUTPUT.open("w") as output:
        done = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{OUTPUT.read_text()}\nall of it is in {OUTPUT}")


def count(document):
    """What was asked and checked: a run in which nothing succeeds or is checked finds nothing either."""
    asked, succeeded, checks = collections.Counter(), collections.Counter(), collections.Counter()
    for line in REPORT.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            asked[recorder["label"]] += 1
            status = interaction.get("response", {}).get("status_code", 0)
            # 204 is the answer to OPTIONS.
            succeeded[recorder["label"]] += status in (200, 201)
        for found in recorder.get("checks", {}).values():
            checks.update(check["name"] for check in found)
    for path, item in document["paths"].items():
        for method in item:
            operation = f"{method.upper()} {path}"
            if succeeded[operation] == 0:
                sys.exit(f"none of {asked[operation]} requests of {operation} succeeded")
            ok(operation, f": {asked[operation]} requests, {succeeded[operation]} succeeded")
    for name in sorted(CHECKS):
        if checks[name] == 0:
            sys.exit(f"{name} was never checked")
        ok(name, f": {checks[name]} times")


def main():
    with urllib.request.urlopen(DOCUMENT, timeout=20) as answer:
        document = json.load(answer)
    valid(document)
    explore(registered(document))
    count(document)


main()
