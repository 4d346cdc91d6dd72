"""A real boto3 client at the cluster's endpoint."""

import base64
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace

CODE = """
def handler(event, context):
    print("asked for", event)
    if event.get("fail"):
        raise LookupError("nothing there")
    return {
        "event": event,
        "requestId": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "custom": (context.client_context.custom if context.client_context else None),
        "left": context.get_remaining_time_in_millis() > 0,
    }
"""


@pytest.fixture(scope="module")
def client(endpoint: str) -> Any:
    config = Config(retries={"max_attempts": 0}, read_timeout=60)
    return boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


@pytest.fixture(scope="module")
def arn(workspace: Workspace) -> str:
    workspace.deploy(function("asked", CODE))
    return f"arn:aws:lambda:us-east-1:{workspace.namespace}:function:asked"


def test_boto3_gets_an_answer_with_its_log_and_request_id(client: Any, arn: str) -> None:
    custom = base64.b64encode(json.dumps({"custom": {"colour": "blue"}}).encode()).decode()

    answer = client.invoke(FunctionName=arn, Payload=json.dumps({"n": 1}), LogType="Tail", ClientContext=custom)

    body = json.load(answer["Payload"])
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert answer["ExecutedVersion"] == "$LATEST"
    assert body["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert (body["event"], body["arn"], body["name"], body["memory"]) == ({"n": 1}, arn, "asked", "128")
    assert body["custom"] == {"colour": "blue"}
    assert body["left"] is True
    log = base64.b64decode(answer["LogResult"]).decode()
    assert f"START RequestId: {body['requestId']}" in log
    assert "asked for {'n': 1}" in log
    assert f"REPORT RequestId: {body['requestId']}" in log


def test_boto3_gets_the_handlers_error(client: Any, arn: str) -> None:
    answer = client.invoke(FunctionName=arn, Payload=json.dumps({"fail": True}))

    body = json.load(answer["Payload"])
    assert answer["FunctionError"] == "Unhandled"
    assert (body["errorType"], body["errorMessage"]) == ("LookupError", "nothing there")
    assert any("nothing there" in line or "raise LookupError" in line for line in body["stackTrace"])


def test_boto3_gets_the_exceptions_it_knows(client: Any, workspace: Workspace, arn: str) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="nobody"):
        client.invoke(FunctionName=f"{workspace.namespace}:function:nobody")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName=arn, Payload=b"{")
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName=arn, Payload=b'"' + b"x" * (6 << 20) + b'"')
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_plain_name_means_the_default_namespace(client: Any, workspace: Workspace) -> None:
    manifest = function("e2e-plain-name", CODE)
    workspace.api.apply(manifest, "default")
    try:
        other = Workspace(workspace.api, workspace.http, "default", workspace.checkout)
        other.wait_ready("e2e-plain-name")
        body = json.load(client.invoke(FunctionName="e2e-plain-name", Payload=b"{}")["Payload"])
        assert body["name"] == "e2e-plain-name"
    finally:
        workspace.api.delete("Function", "default", "e2e-plain-name")
