"""Helm wants the definitions inside the chart; crds/ is the source of truth."""

from tests.support.chart import CHART, CHECKOUT


def test_the_charts_definitions_are_those_of_crds() -> None:
    source = {path.name: path.read_bytes() for path in (CHECKOUT / "crds").glob("*.yaml")}
    copies = {path.name: path.read_bytes() for path in (CHART / "crds").iterdir()}

    assert source, "crds/ holds definitions"
    assert copies == source, "copy them: cp crds/*.yaml charts/lambent/crds/"
