"""Fields that components got later: runs that do not use them are the runs they were."""

from dataclasses import dataclass, field

from harness.fields import ADDED, stated_fields


@dataclass(frozen=True)
class Grown:
    rate: float = 0.1
    names: list[str] = field(default_factory=list, metadata=ADDED)
    sign: str = field(default=",", metadata=ADDED)


def test_a_field_that_was_added_is_stated_where_it_has_another_value():
    assert stated_fields(Grown()) == {"rate": 0.1}
    assert stated_fields(Grown(0.1, [], ",")) == {"rate": 0.1}
    assert stated_fields(Grown(names=["a"])) == {"rate": 0.1, "names": ["a"]}
    assert stated_fields(Grown(sign=";")) == {"rate": 0.1, "sign": ";"}
