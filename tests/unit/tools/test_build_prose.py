"""The words of the published package, on a small one made here."""

from typing import Any

from tools.build_definitions import container
from tools.build_prose import sections

from aubier.fhir.sections import Sections

BASE = "http://hl7.org/fhir/StructureDefinition/"


def structure(name: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A StructureDefinition with this snapshot."""
    return {"url": BASE + name, "kind": "resource", "snapshot": {"element": list(elements)}, **more}


def element(path: str, base: str, **more: Any) -> dict[str, Any]:
    """An element of a snapshot."""
    return {"id": path, "path": path, "base": {"path": base}, **more}


def test_an_element_is_told_once_where_it_is_first_defined() -> None:
    above = structure("Above", element("Above", "Above"), element("Above.id", "Above.id", definition="d"))
    below = structure(
        "Below",
        element("Below", "Below", definition="own"),
        element("Below.id", "Above.id", definition="d"),
        element("Below.x", "Below.x", comment="c", short="left out"),
    )
    profile = structure(
        "Profile",
        element("Below.id", "Above.id", definition="said otherwise"),
        element("Below.x", "Below.x", comment="c"),
        derivation="constraint",
    )
    found = sections([above, below, profile])
    assert found[BASE + "Above"]["element"]["Above.id"] == {"definition": "d"}
    assert found[BASE + "Below"]["element"] == {"Below": {"definition": "own"}, "Below.x": {"comment": "c"}}
    assert found[BASE + "Profile"]["element"] == {"Below.id": {"definition": "said otherwise"}}


def test_of_a_binding_what_the_definitions_do_not_have() -> None:
    bound = {"strength": "example", "valueSet": "v", "description": "d"}
    open_ = {"strength": "example", "description": "d"}
    rows = element("A.x", "A.x", binding=bound), element("A.y", "A.y", binding=open_)
    found = sections([structure("A", *rows)])[BASE + "A"]["element"]
    assert found == {"A.x": {"binding": {"description": "d"}}, "A.y": {"binding": open_}}


def test_the_xpath_of_its_own_constraints() -> None:
    own = {"key": "a-1", "xpath": "own"}
    other = {"key": "ele-1", "xpath": "theirs", "source": BASE + "Element"}
    made = structure("A", element("A", "A", constraint=[own, other]), mapping=[{"identity": "v2"}])
    assert sections([made])[BASE + "A"] == {
        "mapping": [{"identity": "v2"}],
        "rule": {"a-1": {"xpath": "own"}},
        "element": {"A": {}},
    }


def test_what_is_no_definition_of_fhir_or_has_no_snapshot_is_left_out() -> None:
    logical = structure("Logical", element("L", "L"), kind="logical")
    assert sections([logical, {"url": BASE + "Without", "kind": "resource"}]) == {}


def test_the_file_is_read_by_sections() -> None:
    packed = container(sections([structure("A", element("A", "A", definition="d"))]))
    read = Sections(packed)
    assert BASE + "A" in read and BASE + "B" not in read
    assert read.read(BASE + "A")["element"] == {"A": {"definition": "d"}}
