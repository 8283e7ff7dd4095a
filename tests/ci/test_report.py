"""Reports: each form says the verdict, and nothing in a result can break out of it."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from typing_extensions import override

from ci.datasets.dataset import Budgets, Measure
from ci.gerrit.review import message
from ci.history import Point, Series
from ci.report import text
from ci.report.annotations import github, gitlab
from ci.report.files import FORMS
from ci.report.html import LIMIT, index_page, run_page
from ci.report.junit import junit
from ci.report.markdown import markdown
from ci.report.sarif import sarif
from ci.report.view import View, view
from ci.result import Colour, Failure, Finding, Result, Rule, Walked
from ci.settings import Gerrit
from ci.timing import Engine, Kind, Pace, Statement, Timing
from ci.verdict import Case, judge
from tests.ci.results import OLD, SEEN, result

HOSTILE = "<script>alert(1)</script>\"'`]]>::error::\n@everyone [x](javascript:1) \x1b[31m | \x00"


def hostile() -> Result:
    """Return a result in which everything that has a name has a hostile one."""
    step = replace(OLD, name=HOSTILE, version=HOSTILE, path=HOSTILE)
    seen = replace(
        SEEN,
        locks=tuple(replace(each, table=HOSTILE, mode=HOSTILE) for each in SEEN.locks or ()),
        stalls=tuple(replace(each, table=HOSTILE) for each in SEEN.stalls),
        statements=(Statement(sql=HOSTILE, seconds=1, plan=HOSTILE, scans=(HOSTILE,)),),
    )
    found = Finding(colour=Colour.RED, rule=Rule.BUDGET, step=step, said=HOSTILE)
    good = result()
    assert good.change
    return replace(
        good,
        project=HOSTILE,
        dataset=HOSTILE,
        again=HOSTILE,
        findings=(found, replace(found, step=None)),
        change=replace(good.change, timings=(Timing(step=step, seconds=1, observation=seen),)),
    )


class Tags(HTMLParser):
    """Collects the tags and the attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture
def good() -> View:
    other = replace(result(), engine=Engine.SQLITE, findings=())
    return view([result(), other], contact="dba@example.org", link="https://ci.example.org/r1")


def test_the_page_says_the_verdict_first_and_then_each_step(good: View) -> None:
    page = run_page(good)
    places = [
        page.index(each) for each in ("FAILURE", "small (postgresql)", "make_people", "500 ms")
    ]

    assert places == sorted(places)
    assert "target branch 200 ms" in page
    assert "budget 1.00 s" in page
    assert "python -m ci run --base origin/main" in page


def test_the_page_needs_nothing_but_itself(good: View) -> None:
    page = run_page(good)
    assert not re.search(r'(src|href)="(?!#|https://ci\.example\.org)', page)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_a_finding_leads_to_its_step(good: View) -> None:
    page = run_page(good)
    (target,) = re.findall(r'<a class="word red" href="#(\w+)"', page)
    assert page.count(f'id="{target}"') == 1


def test_a_run_without_commits_names_none() -> None:
    page = run_page(view([replace(result(), baseline=None, change=None)]))
    assert "onto" not in page


def test_the_slowest_statements_are_kept() -> None:
    told = tuple(Statement(sql=f"S{n};", seconds=n) for n in range(30))
    good = result()
    assert good.change
    seen = (Timing(step=OLD, seconds=1, observation=replace(SEEN, statements=told)),)
    page = run_page(view([replace(good, change=replace(good.change, timings=seen))]))
    assert "The slowest 20 of 30 statements" in page
    assert page.index("S29;") < page.index("S10;")
    assert "S9;" not in page


def test_nothing_hostile_becomes_a_tag() -> None:
    shown = view([hostile()])
    tags = Tags(run_page(shown))
    plain = Tags(run_page(view([result()])))

    assert "script" not in tags.tags
    assert tags.tags <= plain.tags
    assert tags.attributes <= plain.attributes
    assert "script" not in Tags(index_page([shown])).tags


def test_a_page_stays_below_a_megabyte() -> None:
    statements = tuple(Statement(sql="x" * 5000, seconds=1) for _ in range(50))
    seen = replace(SEEN, statements=statements)
    steps = [replace(OLD, version=str(n), name=f"step_{n}") for n in range(120)]
    huge = result()
    assert huge.change
    change = replace(
        huge.change, timings=tuple(Timing(step=s, seconds=1, observation=seen) for s in steps)
    )
    page = run_page(view([replace(huge, change=change)]))

    assert 0 < len(page.encode()) <= LIMIT
    assert "step_119" in page


@pytest.mark.parametrize("parts", [1, 3])
def test_a_page_with_too_many_steps_shows_those_that_matter(parts: int) -> None:
    steps = [replace(OLD, version=str(n), name=f"step_{n}") for n in range(3000)]
    many = result()
    assert many.change
    change = replace(
        many.change, timings=tuple(Timing(step=s, seconds=1, observation=SEEN) for s in steps)
    )
    found = replace(many.findings[0], step=steps[7], said="step_7 is slow")
    page = run_page(view([replace(many, change=change, findings=(found,))] * parts))

    assert len(page.encode()) <= LIMIT
    assert "step_7 is slow" in page
    assert page.count('class="step') == parts


def test_a_trend_has_one_figure_of_each_run() -> None:
    points = tuple(
        Point(run=run, began="", sha="", tree=tree, value=value)
        for run, tree, value in (
            ("r1", "baseline", 1.0), ("r1", "change", 9.0), ("r2", "change", 2.0),
        )
    )  # fmt: skip
    series = Series(
        dataset="small", engine="postgresql", kind=OLD.kind.value, name=OLD.name,
        measure=Measure.SECONDS, points=points,
    )  # fmt: skip
    (row, *_) = view([result()], series=[series]).parts[0].rows

    assert row.trend == (0.5, 1.0)


def moving() -> Result:
    """Return a result with a movement of data, as it is judged."""
    move = replace(OLD, kind=Kind.MOVE)
    pace = Pace(
        moved=1000, batches=10, rows_per_second=500, low=400, high=625,
        production_rows=1_000_000,
    )  # fmt: skip
    good = result()
    assert good.change
    change = replace(good.change, timings=(Timing(step=move, seconds=2, pace=pace),))
    case = Case(baseline=Walked(sha="a" * 40), change=change, budgets=Budgets())
    return replace(good, change=change, findings=judge(case))


@pytest.mark.parametrize("form", [*FORMS, "text", "review"])
def test_each_form_tells_how_fast_data_moves_and_what_production_takes(form: str) -> None:
    shown = view([moving()])
    assert shown.colour is Colour.GREEN
    gerrit = Gerrit(url="https://r", host="r", user="ci")
    lines = {"text": text.lines(shown), "review": message(shown, gerrit)}
    found = "\n".join(lines[form]) if form in lines else FORMS[form](shown)
    plain = " ".join(found.replace("\\", "").replace("%25", "%").split())

    assert "500 (95 %: 400 to 625)" in plain
    assert "33m 20s for 1,000,000 rows (95 %: 26m 40s to 41m 40s)" in plain


def test_what_has_no_timing_is_told_as_well() -> None:
    refused = Finding(
        colour=Colour.RED,
        rule=Rule.GUARD,
        step=replace(OLD, name="drop_people"),
        said="the guard refuses it",
    )
    shown = view([replace(result(), change=None, findings=(refused,))])

    assert "the guard refuses it" in run_page(shown)
    assert "drop_people" in junit(shown)


@pytest.mark.parametrize("form", ["html", "markdown", "junit", "json"])
def test_what_was_measured_is_shown_beside_what_has_cut_it_short(form: str) -> None:
    trouble = Failure(rule=Rule.SETUP, said="no space left", phase="baseline")
    good = result()
    change = replace(good.change or Walked(sha=""), timings=(Timing(step=OLD, seconds=2),))
    case = Case(baseline=Walked(sha="a" * 40), change=change, budgets=Budgets(), trouble=trouble)
    cut = replace(
        good, baseline=case.baseline, change=change, failures=(trouble,), findings=judge(case)
    )
    found = FORMS[form](view([cut])).replace("\\", "")

    assert "set-up failed in baseline (no space left)" in found
    assert "make_people" in found


def test_text_fits_a_terminal(good: View) -> None:
    lines = list(text.lines(good))
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "FAILURE"
    assert any("make_people" in each and "500 ms" in each and "200 ms" in each for each in lines)


def test_a_long_name_is_seen_to_be_cut(good: View) -> None:
    (row, *_) = good.parts[0].rows
    long = replace(good.parts[0], rows=(replace(row, step=replace(row.step, name="x" * 99)),))
    said = list(text.lines(replace(good, parts=(long,))))
    assert max(map(len, said)) <= 80
    assert any("xxx… " in each for each in said)


def test_markdown_links_each_dataset_and_shows_each_step(good: View) -> None:
    found = markdown(good)
    assert "- [small \\(postgresql\\)](https://ci.example.org/r1): FAILURE in 12.50 s" in found
    assert "| ❌ | 1 make\\_people | 500 ms | 200 ms | 1.00 s | 400 ms |" in found


def test_markdown_reads_as_it_was_meant(good: View) -> None:
    shown = MarkdownIt("commonmark").render(markdown(good))
    assert "<summary>small (postgresql)</summary>" in html.unescape(shown)
    assert ">small (postgresql)</a>: FAILURE in 12.50 s" in shown
    assert "\\" not in shown


def test_markdown_says_nothing_hostile() -> None:
    found = markdown(view([hostile()]))
    said = "\n".join(line for line in found.splitlines() if not line.startswith("    "))
    assert "<script" not in said
    assert "](javascript" not in said
    assert not re.search(r"(?<!\\)@", said)
    assert "\x1b" not in found


def test_junit_is_read_by_a_parser(good: View) -> None:
    root = ET.fromstring(junit(good))  # noqa: S314 - we wrote it
    (suite, other) = root.iter("testsuite")
    assert (suite.get("tests"), suite.get("failures"), other.get("failures")) == ("2", "1", "0")
    assert ET.fromstring(junit(view([hostile()]))) is not None  # noqa: S314


def test_sarif_places_findings_at_files(good: View) -> None:
    (run,) = json.loads(sarif(good))["runs"]
    (found,) = run["results"]

    assert found["level"] == "error"
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "versions/make_people.py"
    assert (
        "<"
        not in json.loads(sarif(view([hostile()])))["runs"][0]["results"][0]["locations"][0][
            "physicalLocation"
        ]["artifactLocation"]["uri"]
    )


def test_sarif_is_as_code_scanning_wants_it() -> None:
    """With a place for each result, and words for each rule."""
    refused = Finding(colour=Colour.RED, rule=Rule.SETUP, said="install: no wheel")
    (run,) = json.loads(sarif(view([replace(result(), findings=(refused,))])))["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]

    assert place["artifactLocation"]["uri"] == "pyproject.toml"
    assert {each["id"] for each in run["tool"]["driver"]["rules"]} == set(Rule)
    assert all(each["shortDescription"]["text"] for each in run["tool"]["driver"]["rules"])


def test_github_shows_findings_beside_files(good: View) -> None:
    assert list(github(good)) == [
        "::error file=versions/make_people.py,line=1,title=small (postgresql)%3A slower::"
        "make_people: time 500 ms, 2.5 × the 200 ms of the target branch"
    ]


def test_nothing_hostile_is_a_command_of_github() -> None:
    for line in github(view([hostile()])):
        assert "\n" not in line
        assert line.startswith("::error ")


def test_gitlab_tells_findings_apart(good: View) -> None:
    (found,) = json.loads(gitlab(good))
    assert found["location"] == {"path": "versions/make_people.py", "lines": {"begin": 1}}
    both = json.loads(gitlab(view([hostile()])))
    assert [each["location"]["path"] for each in both] == [HOSTILE, "pyproject.toml"]
    finding = result().findings[0]
    contract = replace(finding, step=replace(OLD, kind=Kind.CONTRACT))
    same_file = json.loads(gitlab(view([replace(result(), findings=(finding, contract))])))
    assert len({each["fingerprint"] for each in (*both, *same_file)}) == 4


def test_the_index_lists_runs(good: View) -> None:
    page = index_page([good])
    assert 'href="r1.html"' in page
    assert "small (postgresql), small (sqlite)" in page
