import json
import math
from dataclasses import asdict

import pytest

from harness.errors import DataError
from harness.prediction.description import Description


@pytest.fixture
def fields(describe):
    """Of a good description, as they are read from its file."""
    return json.loads(json.dumps(asdict(describe())))


def test_a_description_survives_its_fields(describe, fields):
    assert Description.from_fields(fields) == describe()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format is 2"),
        ({"sizes": [2]}, "'sizes'"),
        ({"sizes": [2, 0, 1]}, "'sizes'"),
        ({"sizes": [2, True, 1]}, "'sizes'"),
        ({"sizes": "231"}, "'sizes'"),
        ({"activation": "__import__"}, "'activation' must be one of identity"),
        ({"activation": ["tanh"]}, "'activation'"),
        ({"slope": "0.1"}, "'slope'"),
        ({"slope": math.nan}, "'slope'"),
        ({"bias": 1}, "'bias'"),
        ({"task": "ranking"}, "'task'"),
        ({"dtype": "object"}, "'dtype'"),
        ({"backend": 3}, "'backend'"),
        ({"classes": ["yes"]}, "does not go with"),
        ({"classes": [1, 2]}, "'classes'"),
        ({"output_activation": "identity"}, "does not go with"),
        ({"feature_names": ["length"]}, "'feature_names' must name 2"),
        ({"scaling": {}}, "'scaling' must have"),
        ({"extra": 1}, "Missing or unknown: \\['extra'\\]"),
    ],
)
def test_a_description_that_is_wrong_is_refused(fields, changes, message):
    with pytest.raises(DataError, match=message):
        Description.from_fields(fields | changes)


@pytest.mark.parametrize("values", [[1.0], [1.0, math.inf], [1.0, "2"], [1.0, None], 3])
def test_scaling_that_is_wrong_is_refused(fields, values):
    scaling = fields["scaling"] | {"feature_shift": values}
    with pytest.raises(DataError, match="'feature_shift' must be 2 finite numbers"):
        Description.from_fields(fields | {"scaling": scaling})
