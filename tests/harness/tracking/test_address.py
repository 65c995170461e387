from pathlib import Path

import pytest

from harness.errors import TrackingError
from harness.tracking.address import artifact_location, resolve_uri, sqlite_path, without_secrets


def test_a_relative_path_is_taken_from_the_folder(tmp_path):
    assert (
        resolve_uri("sqlite:///outputs/mlflow.db", tmp_path)
        == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    )


def test_an_absolute_path_and_a_server_stay():
    assert resolve_uri("sqlite:////data/a.db", Path("/else")) == "sqlite:////data/a.db"
    assert resolve_uri("http://localhost:5000/", Path("/else")) == "http://localhost:5000"
    assert sqlite_path("http://localhost:5000") is None
    assert artifact_location("http://localhost:5000") is None


@pytest.mark.parametrize(
    "uri", ["", "mlruns", "mysql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:"]
)
def test_other_stores_are_refused_with_what_is_allowed(uri):
    with pytest.raises(TrackingError, match=r"SQLite file.*MLflow server.*Postgres"):
        resolve_uri(uri, Path("/"))


def test_artifacts_lie_beside_the_database_even_with_spaces():
    assert artifact_location("sqlite:////my data/a.db") == "file:///my%20data/mlartifacts"


def test_credentials_are_left_out_of_what_is_shown():
    assert without_secrets("http://ada:secret@host:5000/x") == "http://host:5000/x"
    assert without_secrets("http://host:5000") == "http://host:5000"


def test_a_postgres_address_names_its_driver_and_keeps_its_password():
    """SQLAlchemy 2.1 would take psycopg 3 where no driver is named."""
    for uri in ("postgresql://ada:pw@host/db", "postgresql+psycopg2://ada:pw@host/db"):
        assert resolve_uri(uri, Path("/else")) == "postgresql+psycopg2://ada:pw@host/db"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql+psycopg2://ada:secret@host:5432/lab", "postgresql://host:5432/lab"),
        ("postgresql://ada:p%40ss@host/lab", "postgresql://host/lab"),
        (
            "postgresql:///lab?host=/run/pg&user=ada&password=secret",
            "postgresql:///lab?host=/run/pg",
        ),
        (
            "postgresql://host/lab?sslmode=require&sslpassword=x",
            "postgresql://host/lab?sslmode=require",
        ),
    ],
)
def test_what_is_shown_of_a_postgres_address(uri, shown):
    assert without_secrets(uri) == shown
    assert without_secrets(resolve_uri(uri, Path("/"))) == shown


@pytest.mark.parametrize("password", ["se/cret", "%cret", "se#cret", "se?cret", "se@cret", "[cret"])
def test_nothing_of_a_password_is_shown_whatever_it_is_made_of(password):
    assert without_secrets(f"postgresql://ada:{password}@host/lab") == "postgresql://host/lab"


def test_an_address_that_is_refused_does_not_show_its_password():
    with pytest.raises(TrackingError) as caught:
        resolve_uri("mysql://ada:secret@host/db", Path("/"))
    assert "secret" not in str(caught.value)


def test_artifacts_of_postgres_lie_under_outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    location = artifact_location("postgresql+psycopg2://host/db")
    assert location == f"file://{tmp_path}/outputs/mlartifacts"
