"""Path patterns: what they match, and that they match it fast."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger import HEALTH_CHECKS, ConfigurationError
from integration_logger.adapters.paths import PathFilter

patterns = st.lists(st.text(alphabet="/ab*?", max_size=6), max_size=3)
paths = st.text(alphabet="/ab\n", max_size=8)


@given(patterns, patterns, paths)
def test_a_path_is_recorded_if_included_and_not_excluded(include: list[str], exclude: list[str], path: str) -> None:
    """The rule is that of shell patterns on the whole path; an empty list includes all and excludes nothing."""
    included = not include or any(fnmatchcase(path, pattern) for pattern in include)
    excluded = any(fnmatchcase(path, pattern) for pattern in exclude)
    assert PathFilter(include, exclude)(path) is (included and not excluded)


@pytest.mark.parametrize(
    "path", ["/health", "/healthz", "/health/db", "/api/healthcheck", "/ping", "/livez", "/status/ready"]
)
def test_health_checks_are_ready_to_be_excluded(path: str) -> None:
    """What orchestrators ask for is in the list."""
    assert not PathFilter((), HEALTH_CHECKS)(path)


@pytest.mark.parametrize("path", ["/", "/healthy-food", "/api/health-insurance", "/shipping", "/alive", "/users/ready"])
def test_health_checks_leave_ordinary_paths_alone(path: str) -> None:
    """A word that only looks like a health check is recorded."""
    assert PathFilter((), HEALTH_CHECKS)(path)


@given(st.text(max_size=40))
def test_any_text_is_a_path(path: str) -> None:
    """Whatever a client asks for, the answer is yes or no."""
    assert PathFilter(["/a*"], ["*b"])(path) in (True, False)


def test_a_long_path_is_decided_in_a_moment() -> None:
    """Many stars and a path of a hundred thousand characters do not go together badly."""
    assert PathFilter(["/*a*a*a*a*a*a*a*b"], ())("/" + "a" * 100_000) is False


@pytest.mark.parametrize("wrong", ["/a", b"/a", 5, [5], [b"/a"], ["/a", None], object()])
def test_what_is_no_list_of_patterns_is_refused(wrong: Any) -> None:
    """ConfigurationError names the option and shows a right value."""
    with pytest.raises(ConfigurationError, match=r"include takes a list.*/health"):
        PathFilter(wrong, ())
    with pytest.raises(ConfigurationError, match="exclude"):
        PathFilter((), wrong)


@pytest.mark.parametrize("nothing", [(), [], set(), None, iter([])])
def test_no_patterns_are_no_filter(nothing: Any) -> None:
    """Every kind of nothing records everything."""
    assert PathFilter(nothing, nothing)("/a")
