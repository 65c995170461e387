import pytest

import comparisons


@pytest.fixture(scope="session")
def two():
    return comparisons.two_optimizers()


@pytest.fixture(scope="session")
def three():
    return comparisons.three_on_two()


@pytest.fixture(scope="session")
def factors():
    return comparisons.factors()


@pytest.fixture(scope="session")
def empty():
    return comparisons.empty()
