"""Every example answers as its events/calls.yaml says."""

import pytest

from tests.e2e.framework.workspace import Workspace
from tests.support.examples import Example, load_examples, perform

EXAMPLES = load_examples()


@pytest.fixture(scope="module", autouse=True)
def applied(workspace: Workspace) -> None:
    """All of them at once: they start side by side."""
    for example in EXAMPLES:
        workspace.apply(*example.manifests)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_the_example_answers_as_it_says(workspace: Workspace, example: Example) -> None:
    workspace.wait_ready(example.function, seconds=120)

    problems = [problem for call in example.calls for problem in call.problems(perform(workspace.http, workspace.namespace, example, call))]

    assert problems == []
