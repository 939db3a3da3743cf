"""A differential laid on the tree of its base: elements merged, types unfolded, slices made.

Rule: FHIR R4 4.0.1, elementdefinition.html#interpretation, profiling.html#slicing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aubier.fhir.definitions import definitions
from aubier.validation.snapshots.base import BASE, plain_code, profiles_of, type_url
from aubier.validation.snapshots.choices import choice_of, narrow, of_type, shortcuts, speaks_of_itself
from aubier.validation.snapshots.misfits import (
    EXTENSIONS,
    capital,
    check_loosened,
    check_named,
    check_repeats,
    check_typed,
    check_value,
    codes_of,
    is_a,
    misfit,
    unknown,
)
from aubier.validation.snapshots.tree import Budget, Node

_GROWING = ("alias", "mapping", "condition", "code", "example")
"""Lists to which a differential adds."""
_TAKEN = ("short", "definition", "comment", "isModifier", "isModifierReason")
_PROSE = ("definition", "comment", "requirements")
_VALUES = ("fixed", "pattern")
_BY_TYPE = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False, "rules": "open"}
_BY_URL = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}
_OF_ALL = frozenset({"id", "extension"})
"""What every type has: one may go below a choice of several types for these."""
_OTHERS = frozenset({"Element", "BackboneElement", "Reference"})
"""Types that a profile of another type may speak of: by one of its elements, or as what is referred to."""
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Merger:
    """Lays differentials on the tree `root`, which it changes.

    `tree_of(canonical)` gives the tree of a type or profile (not to be changed), or None. `grows`: elements
    that the base does not have are new ones (a specialization), not errors. `shipped`: the base is one of the
    specification, whose mustSupport publishers take back.
    """

    root: Node
    tree_of: Callable[[str], Node | None]
    grows: bool = False
    budget: Budget = field(default_factory=Budget)
    shipped: bool = False

    def lay(self, base: Node, diff: Node, place: str, depth: int = 0, *, within: bool = False) -> None:
        """Merges a node of a differential and all below it. Problem naming the element that does not fit.

        `within`: it is a slice, or stands below one without a type of its own between them.
        """
        if depth > MAX_DEPTH:
            raise misfit(place, "it is nested too deeply", "imbrication trop profonde")
        pristine = base.copy(self.budget) if diff.slices else base
        self._merge(base, diff.element, place)
        within = within and bool(base.children)
        for name, below in self._gathered(base, diff.children, place, within=within).items():
            self._child(base, name, below, f"{place}.{name}", depth=depth, within=within)
        for name, each in diff.slices.items():
            if diff.element:
                check_named(base, name, each.element, f"{place}:{name}")
            if name not in base.slices and base.path.endswith("[x]"):
                check_typed(base, name, each.element, f"{place}:{name}")
            self._slice(base, pristine, name, each, place=f"{place}:{name}", depth=depth, every=diff.children)
        if diff.slices and base.path.endswith("[x]"):
            narrow(base, pristine, diff, place)

    # -- children -----------------------------------------------------------------------------------

    def _child(self, base: Node, name: str, diff: Node, place: str, *, depth: int, within: bool) -> None:
        self.unfold(base, name, place)
        found = base.children.get(name)
        if found is not None:
            self.lay(found, diff, place, depth + 1, within=within)
            return
        if not self.grows or "path" not in diff.element:
            raise misfit(
                place,
                f"its base has no element {name}",
                f"sa base n'a pas d'élément {name}",
            )
        new = base.children[name] = Node(_introduced(diff.element))
        self.lay(new, Node({}, diff.children, diff.slices), place, depth + 1)

    def _gathered(
        self, base: Node, children: dict[str, Node], place: str, *, within: bool
    ) -> dict[str, Node]:
        """What is said below an element, with shortcuts (`valueQuantity`) as slices of `value[x]`.

        The only shortcut below a slice says what type the choice has there.
        """
        found: dict[str, Node] = {}
        for name, diff in children.items():
            self.unfold(base, name, f"{place}.{name}")
            choice = None if name in base.children else choice_of(base, name)
            if choice is None:
                had = found.get(name, Node({}))
                found[name] = Node(diff.element, diff.children, diff.slices | had.slices)
            elif within and speaks_of_itself(choice[0], base.children[choice[0]], children, diff):
                own = {k: v for k, v in diff.element.items() if k not in ("id", "path")}
                types = of_type(base.children[choice[0]], choice[1])
                found[choice[0]] = Node({"type": types, **own}, diff.children)
            else:
                had = found.setdefault(choice[0], Node({}))
                slices = had.slices | shortcuts(base.children[choice[0]], name, choice[1], diff)
                found[choice[0]] = Node(had.element, had.children, slices)
        return found

    def unfold(self, node: Node, wanted: str, place: str) -> None:
        """Puts below an element what its type, its profile or the element it refers to has below it."""
        if node.children:
            return
        reference = node.element.get("contentReference")
        if isinstance(reference, str):
            self._follow(node, reference, place)
            return
        types = node.element.get("type", [])
        if not types:
            return
        node.children = self._copies(self._content(types, wanted, place))

    def _content(self, types: list[dict[str, Any]], wanted: str, place: str) -> Node:
        if len(types) > 1 and len({plain_code(t) for t in types}) > 1:
            if wanted not in _OF_ALL:
                codes = ", ".join(plain_code(t) for t in types)
                raise misfit(
                    place,
                    f"the element above may be {codes}: choose one type first",
                    f"l'élément au-dessus peut être {codes} : choisissez d'abord un type",
                )
            return self._known(BASE + "Element", place)
        profiles = profiles_of(types[0])
        if len(types) == 1 and len(profiles) == 1:
            found = self.tree_of(profiles[0])
            if found is not None:
                return found
        return self._known(type_url(plain_code(types[0])), place)

    def _copies(self, node: Node) -> dict[str, Node]:
        return node.copied_below(self.budget)[0]

    def _known(self, canonical: str, place: str) -> Node:
        found = self.tree_of(canonical)
        if found is None:
            raise unknown(canonical, place)
        return found

    def _follow(self, node: Node, reference: str, place: str) -> None:
        """What is below the element that a contentReference names, in this definition or its type."""
        path = reference.rpartition("#")[2].split(".")
        found: Node | None = self.tree_of(type_url(path[0])) or self.root
        for step in path[1:]:
            found = found.children.get(step.partition(":")[0]) if found else None
        if found is None:
            raise unknown(reference, place)
        del node.element["contentReference"]
        node.element["type"] = found.element.get("type", [])
        node.children = self._copies(found)

    # -- slices -------------------------------------------------------------------------------------

    def _slice(
        self,
        base: Node,
        pristine: Node,
        name: str,
        diff: Node,
        *,
        place: str,
        depth: int,
        every: dict[str, Node],
    ) -> None:
        """Lays what is said of a slice.

        What is said below the slicer holds for every value, and is said there. Only a slice that follows a
        profile of its own, which says what is below it, takes it too.
        """
        if name not in base.slices and not _may_be_sliced(base):
            # A name without slicing: the element itself is meant.
            own = {k: v for k, v in diff.element.items() if k != "sliceName"}
            self.lay(base, Node(own, diff.children), place, depth + 1)
            return
        if name not in base.slices:
            above = base.slices.get(name.rpartition("/")[0], pristine)
            new = Node(_sliced(above.element, name), self._copies(above))
            if "slicing" not in base.element:
                base.element["slicing"] = _BY_TYPE if base.path.endswith("[x]") else _BY_URL
            self._type_of_slice(new, name)
            _put(base.slices, name, new, self.budget)
        if every and any(profiles_of(t) for t in diff.element.get("type", ())):
            self.lay(base.slices[name], Node(diff.element, every), place, depth + 1, within=True)
            diff = Node({}, diff.children, diff.slices)
        self.lay(base.slices[name], diff, place, depth + 1, within=True)

    @staticmethod
    def _type_of_slice(new: Node, name: str) -> None:
        """The slice `valueQuantity` of `value[x]` is a Quantity although nothing else says so."""
        stem = new.path.rpartition(".")[2].removesuffix("[x]")
        if not new.path.endswith("[x]"):
            return
        for type in new.element.get("type", ()):
            if name == stem + capital(plain_code(type)):
                new.element["type"] = [type]

    # -- one element --------------------------------------------------------------------------------

    def _merge(self, base: Node, diff: dict[str, Any], place: str) -> None:
        """The attributes of an element over those of its base."""
        if not self.grows:
            check_loosened(base.element, diff, place)
        self._take_profile(base, diff)
        element = base.element
        for key, value in diff.items():
            if key in ("id", "path", "base", "contentReference") and element:
                continue
            if key.startswith(_VALUES):
                check_value(key, diff.get("type") or element.get("type", ()), place)
            if key.startswith("fixed") and key in element and element[key] != value:
                raise misfit(
                    f"{place}.{key}",
                    f"its base has another fixed value ({str(element[key])[:80]}), which cannot change",
                    f"sa base a une autre valeur fixe ({str(element[key])[:80]}), qui ne change pas",
                )
            if key == "mustSupport" and element.get(key) is True and value is False and not self.shipped:
                raise misfit(
                    place,
                    "its base says mustSupport true, which cannot be taken back",
                    "sa base dit mustSupport true, ce qui ne se retire pas",
                )
            if key == "slicing":
                check_repeats(base, value, place)
            if key in _GROWING:
                element[key] = [*element.get(key, ()), *(v for v in value if v not in element.get(key, ()))]
            elif key == "constraint":
                element[key] = _rules(element.get(key, ()), value)
            elif key in _PROSE and isinstance(value, str) and value.startswith("..."):
                element[key] = f"{element.get(key, '')}\r\n{value[3:]}"
            elif key == "type":
                element[key] = self._types(element.get(key, []), value, place)
            elif key == "binding" and codes_of(element) == {"Extension"}:
                continue  # an extension is not coded: its value is
            elif key == "binding":
                element[key] = _inherited(element.get(key), value)
            elif key == "slicing" and base.path.endswith("[x]"):
                element[key] = {**_BY_TYPE, **value}
            else:
                if key.startswith(_VALUES):
                    for old in [k for k in element if k.startswith(_VALUES) and k[:5] == key[:5]]:
                        del element[old]
                element[key] = value

    def _take_profile(self, base: Node, diff: dict[str, Any]) -> None:
        """An element said to follow one profile takes what the root of that profile says of itself."""
        types = diff.get("type", ())
        profiles = profiles_of(types[0]) if len(types) == 1 else ()
        found = self.tree_of(profiles[0]) if len(profiles) == 1 and "#" not in profiles[0] else None
        if found is None:
            return
        root = found.element
        base.element |= {k: root[k] for k in _TAKEN if k in root}
        kind = plain_code(types[0])
        if root.get("constraint") and (kind == "Extension" or _is_resource(kind)):
            base.element["constraint"] = _rules(base.element.get("constraint", ()), root["constraint"])
        if kind == "Extension":
            base.element |= {k: root[k] for k in ("min", "max") if _tighter(k, root.get(k), base.element)}
        for name, child in found.children.items():
            if name in base.children:
                base.children[name] = _joined(base.children[name], child.copy(self.budget))

    def _types(
        self, had: list[dict[str, Any]], new: list[dict[str, Any]], place: str
    ) -> list[dict[str, Any]]:
        """The types of a differential. Problem when the base does not allow one."""
        allowed = {plain_code(t) for t in had}
        for type in new:
            code = plain_code(type)
            if allowed and not any(is_a(code, a) for a in allowed):
                raise misfit(
                    place,
                    f"the type {code} is not among those of its base: {', '.join(sorted(allowed))}",
                    f"le type {code} n'est pas de ceux de sa base : {', '.join(sorted(allowed))}",
                )
            self._check_profiles(code, type.get("profile") or (), place)
        return new

    def _check_profiles(self, code: str, profiles: Sequence[str], place: str) -> None:
        """Problem when a type is said to follow a profile of another type."""
        for canonical in profiles:
            found = self.tree_of(canonical) if "#" not in canonical and code not in _OTHERS else None
            other = found.path if found is not None else code
            if not (is_a(other, code) and (_is_abstract(code) or other == code)):
                raise misfit(
                    place,
                    f"{canonical} is a profile of {other}, not of {code}",
                    f"{canonical} est un profil de {other}, non de {code}",
                )


def _is_resource(code: str) -> bool:
    return code in definitions().types and definitions().type(code).kind == "resource"


def _is_abstract(code: str) -> bool:
    """Whether a type stands for those that descend from it; true for one that is not of FHIR R4."""
    known = definitions().types
    return code not in known or definitions().type(code).abstract


def _joined(had: Node, new: Node) -> Node:
    """What a profile says of an element, with the slices that the element had beside those of the profile."""
    kept = {name: each for name, each in had.slices.items() if name not in new.slices}
    if kept:
        new.slices = kept | new.slices
        new.element |= {k: had.element[k] for k in ("slicing",) if k in had.element}
        new.element["min"] = max(new.element.get("min", 0), had.element.get("min", 0))
    return new


def _tighter(key: str, value: Any, had: dict[str, Any]) -> bool:
    """Whether a cardinality (`min` or `max`) says more than the one that is there."""
    if key == "min":
        return isinstance(value, int) and value > had.get("min", 0)
    return str(value).isdecimal() and (had.get("max", "*") == "*" or int(value) < int(had["max"]))


def _introduced(element: dict[str, Any]) -> dict[str, Any]:
    """A new element of a specialization, with what a snapshot must say."""
    row = {k: v for k, v in element.items() if k != "id"}
    least, most = row.setdefault("min", 0), row.setdefault("max", "1")
    row.setdefault("base", {"path": row["path"], "min": least, "max": most})
    return row


def _sliced(element: dict[str, Any], name: str) -> dict[str, Any]:
    """What a new slice begins with: the element that is sliced, optional."""
    row = {k: v for k, v in element.items() if k not in ("slicing", "sliceName")}
    return {**row, "sliceName": name, "min": 0}


def _may_be_sliced(base: Node) -> bool:
    """Whether slices of it need no `slicing`: extensions go by url, choices by type."""
    name = base.path.rpartition(".")[2]
    return "slicing" in base.element or name in EXTENSIONS or name.endswith("[x]")


def _rules(had: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Constraints with new ones, which replace those of the same key."""
    told = {c.get("key") for c in new}
    return [*(c for c in had if c.get("key") not in told), *new]


def _inherited(had: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """A binding of a differential; strength and value set are those of the base where it says none."""
    return {k: v for k, v in (had or {}).items() if k in ("strength", "valueSet")} | new


def _put(slices: dict[str, Node], name: str, new: Node, budget: Budget) -> None:
    """Adds a slice at the end; a reslice after the slice it is of and that one's other reslices."""
    above = name.rpartition("/")[0]
    last = next(reversed(slices), "")
    if not above or last == above or last.startswith(f"{above}/"):
        slices[name] = new
        return
    budget.spend(len(slices) // 8)  # those after it are moved
    rows = list(slices.items())
    places = [n for n, (key, _) in enumerate(rows) if key == above or key.startswith(f"{above}/")]
    rows.insert(places[-1] + 1 if places else len(rows), (name, new))
    slices.clear()
    slices.update(rows)
