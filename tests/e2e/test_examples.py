"""Every example answers as its example.yaml says."""

import pytest

from tests.e2e.framework.workspace import Workspace
from tests.support.examples import Answer, Call, Example, load_examples

EXAMPLES = load_examples()


@pytest.fixture(scope="module", autouse=True)
def applied(workspace: Workspace) -> None:
    """All of them at once: they start side by side."""
    for example in EXAMPLES:
        workspace.apply(*example.manifests)


def make(workspace: Workspace, example: Example, call: Call) -> Answer:
    if call.request is None:
        response = workspace.http.invoke(workspace.namespace, example.function, payload=call.payload(), tail=True)
    else:
        headers = {"Host": call.request.get("host", f"{example.function}.{workspace.namespace}"), **call.request.get("headers", {})}
        response = workspace.http.request(call.request.get("method", "GET"), call.request["path"], call.payload(), headers)
    return Answer(response.status, response.headers, response.cookies, response.body, response.function_error, response.log)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_the_example_answers_as_it_says(workspace: Workspace, example: Example) -> None:
    workspace.wait_ready(example.function, seconds=120)

    problems = [problem for call in example.calls for problem in call.problems(make(workspace, example, call))]

    assert problems == []
