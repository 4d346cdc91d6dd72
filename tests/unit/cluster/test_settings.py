"""What the environment may say, and what is said about what it may not."""

from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.settings import checkout_key, read

CHECKOUT = Path("/somewhere/lambent")


def test_defaults() -> None:
    settings = read({"HOME": "/home/u"}, CHECKOUT)
    assert settings.mode == "kind"
    assert settings.nodes == 1
    assert settings.name == f"lambent-{checkout_key(CHECKOUT)}"
    assert not settings.name_given
    assert settings.cache == Path("/home/u/.cache/lambent")
    assert settings.pull
    assert settings.kubeconfig == CHECKOUT / ".cluster/kubeconfig"


def test_two_checkouts_have_two_names() -> None:
    assert read({"HOME": "/h"}, CHECKOUT).name != read({"HOME": "/h"}, Path("/elsewhere/lambent")).name


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/lambent"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x", "LAMBENT_CACHE": "/own"}, "/own"),
    ],
)
def test_where_the_cache_is(environ: dict[str, str], folder: str) -> None:
    assert read(environ, CHECKOUT).cache == Path(folder)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("CLUSTER", "minikube", "`existing`"),
        ("CLUSTER_NAME", "Big", "lower-case"),
        ("CLUSTER_NAME", "-a", "lower-case"),
        ("CLUSTER_NAME", "a" * 41, "1 to 40"),
        ("NODES", "0", "from 1 to 9"),
        ("NODES", "10", "from 1 to 9"),
        ("NODES", "two", "from 1 to 9"),
        ("NODES", "-1", "from 1 to 9"),
        ("PULL", "yes", "`never`"),
    ],
)
def test_an_error_names_key_value_and_what_is_allowed(key: str, value: str, allowed: str) -> None:
    with pytest.raises(ClusterError) as caught:
        read({"HOME": "/h", key: value}, CHECKOUT)
    explanation = caught.value.explanation()
    assert f"{key}={value!r}" in explanation
    assert allowed in explanation
