"""The OpenAPI document against a real server: whatever fits it, or nearly, has an answer that the document knows."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
from tests.web.served import serving
from tests.web.test_api import FILES

from deputy.web.api.document import document
from deputy.web.api.routes import ENDPOINTS

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


@pytest.mark.timeout(120)
def test_no_request_meets_a_defect_or_an_answer_that_the_document_does_not_have(tmp_path: Path):
    with serving(tmp_path / "work", FILES) as server:
        token = server.deputy("token", "create", "--role", "owner")["token"]
        spare = server.deputy("token", "create", "--role", "member")["id"]
        server.deputy("run", "payer", "Pay the rent", "--as", "member", "--detach")
        (run,) = server.runs(1, "waiting")
        given = {"agent": "clerk", "run": run["id"], "item": f"{run['id']}.2.1", "effect": "2", "token": spare}
        lines = [f'"path.{name}" = "{value}"' for name, value in given.items()]
        (tmp_path / "schemathesis.toml").write_text("\n".join(["[parameters]", *lines, ""]), "utf-8")
        file = tmp_path / "openapi.json"
        file.write_text(json.dumps(document(ENDPOINTS)), "utf-8")
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"), "run", file, "--url", f"{server.address}/api/v1",
                "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS),
                "--exclude-path-regex", "/events$",  # they go on until somebody hangs up
                "--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--generation-deterministic",
                "--request-timeout", "20", "--suppress-health-check", "all", "--no-color", "--warnings", "off",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=110,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
        told = done.stdout.partition("Test cases:")[2]
        assert int(told.split()[0]) > 500, told
        answer = server.ask("/api/v1/me", None, {"Authorization": f"Bearer {token}"})
        assert answer.status == 200, "it was let in until the end"


def test_every_body_has_an_example_that_fits():
    told = document(ENDPOINTS)
    seen = 0
    for operations in told["paths"].values():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                schema = {**content["schema"], "components": told["components"]}
                jsonschema_rs.validator_for(schema).validate(content["example"])
                seen += 1
    assert seen > 20
