"""Do the pages say what was computed, and can they be read without a network, on a phone and on a desk?"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest

from ig_props.claims.registry import claims
from proofs.derivation import Derivation, run

for module in ("sphinx", "myst_parser", "sphinx_proof", "furo", "latex2mathml", "matplotlib"):
    pytest.importorskip(module, reason=f'the pages need {module}, which is not installed: pip install "ig-props[docs]"')

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
build_main = import_module("sphinx.cmd.build").build_main
graph, pages, status = (import_module(name) for name in ("graph", "pages", "status"))


pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated. Check CHANGES for Sphinx API")
OPENED = (
    "index.html",
    "graph.html",
    "promises.html",
    "trust.html",
    "findings.html",
    "gallery.html",
    "claims/completeness/PATH.completeness.html",
    "claims/uniqueness/UNIQ.monotone_canonical.html",
    "claims/stieltjes/RS.trapezoid_error.html",
    "claims/cam/CAM.plus_plus_bound.html",
    "claims/softmax/SOFTMAX.gradient.html",
)
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built once with warnings as errors."""
    source = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "docs", source / "docs", ignore=shutil.ignore_patterns("_build"))
    for name in ("proofs", "property_tests", "ig_props"):
        (source / name).symlink_to(ROOT / name)
    out, said = source / "html", source / "warnings.txt"
    with contextlib.redirect_stdout(None):
        code = build_main(["-W", "--keep-going", "-q", "-w", str(said), "-b", "html", str(source / "docs"), str(out)])
    assert code == 0, said.read_text(encoding="utf-8")[-3000:]
    return out


class Links(HTMLParser):
    """Where a page's links lead, the names it has, and whether it loads anything from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.formulas = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names |= {v for k in ("id", "name") if (v := given.get(k))}
        self.formulas += tag == "math"
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        source = given.get("src") or (given.get("href") if tag == "link" else None)
        if source:
            self.loads.append(source)


def parsed(page: Path) -> Links:
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def elsewhere(target: str) -> bool:
    return target.startswith(("http:", "https:", "//", "mailto:", "data:"))


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    found = {page: parsed(page) for page in site.rglob("*.html")}
    for page, links in found.items():
        assert not [x for x in links.loads if elsewhere(x) and not x.startswith("data:")], page
        for target in [x for x in links.links + links.loads if not elsewhere(x)]:
            path, fragment = urldefrag(target.split("?")[0] if "?" in target else target)
            there = (page.parent / unquote(path)).resolve() if path else page
            assert there.exists(), f"{page.relative_to(site)} leads to {target}"
            if fragment and there in found:
                assert unquote(fragment) in found[there].names | {""}, f"{page.relative_to(site)} leads to {target}"


def test_every_claim_has_a_page_with_its_formulas(site: Path) -> None:
    for known in status.known().values():
        page = site / "claims" / known.family / f"{known.id}.html"
        links = parsed(page)
        assert links.formulas >= 2 or not known.derived, known.id
        assert not [x for x in links.loads if "mathjax" in x.lower()]


def shortened(derivation: Derivation) -> Derivation:
    """The derivation without its last theorem's first step, as if a line had been deleted."""

    def build() -> list[Any]:
        raise NameError("name 'flow' is not defined")

    return replace(derivation, build=build)


def test_a_deleted_step_changes_the_page_and_the_graph() -> None:
    everything = dict(status.known())
    known = everything["PATH.dummy"]
    assert known.proved is not None
    whole = pages.page(known, everything)
    assert "monotonicity of the integral" in whole
    broken = replace(known, proved=run(shortened(known.proved.derivation)), coq=())
    assert ("derived", "derived") in known.statuses
    assert ("failed", "derivation fails") in broken.statuses
    page = pages.page(broken, everything)
    assert "does not go through" in page
    assert "monotonicity of the integral" not in page
    assert graph.svg(everything) != graph.svg({**everything, "PATH.dummy": broken})


def test_a_claim_without_its_step_proves_less(monkeypatch: pytest.MonkeyPatch) -> None:
    known = status.known()["PATH.completeness.smooth"]
    assert known.proved is not None
    fewer = replace(known, proved=replace(known.proved, parts=known.proved.parts[:2]))
    assert "4 coordinates" in pages.page(known, status.known())
    assert "4 coordinates" not in pages.page(fewer, status.known()).split("## What was checked")[0]


def test_statuses_come_from_what_was_run() -> None:
    everything = status.known()
    for known in everything.values():
        assert (("attacked", "attacked") in known.statuses) == (known.claim is not None and known.claim.attackable)
        assert (("derived", "derived") in known.statuses) == known.derived
    assert set(claims()) <= set(everything)
    assert "PATH.completeness.cantor" in everything["PATH.completeness"].against


def test_coq_results_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tmp_path / "result.json"
    result.write_text(
        '{"claims": {"PATH.dummy": [{"theorem": "dummy", "file": "A.v", "reads": "So it is.",'
        ' "statement": "forall x, x = x", "axioms": ["Classical_Prop.classic"]}]}}'
    )
    monkeypatch.setattr(status, "COQ", result)
    (entry,) = status._coq()["PATH.dummy"]
    known = replace(status.known()["PATH.dummy"], coq=(entry,))
    assert known.statuses[0] == ("kernel-checked", "kernel-checked")
    page = pages.page(known, status.known())
    assert "forall x, x = x" in page
    assert "`classic`" in page
    monkeypatch.setattr(status, "COQ", tmp_path / "none.json")
    assert status._coq() == {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium that resolves no name."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="the browser test needs selenium, which is not installed"
    )
    chromium = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("the browser test needs Chromium and chromedriver, which are not on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield opened
    opened.quit()


def wide(browser: Any, width: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )


def errors(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_can_be_read_in_a_browser(site: Path, browser: Any, width: int) -> None:
    wide(browser, width)
    for name in OPENED:
        browser.get((site / name).as_uri())
        assert errors(browser) == [], name
        inside = browser.execute_script("return document.documentElement.scrollWidth")
        assert inside <= width, f"{name} is {inside} px wide at {width} px"
        sizes = browser.execute_script(
            "return [...document.querySelectorAll('math')].map(m => m.getBoundingClientRect()).map(r => [r.width, r.height])"
        )
        assert all(w > 2 and h > 2 for w, h in sizes), name
        assert sizes or name.partition(".")[0] in ("index", "graph", "trust", "findings", "gallery"), name


def test_a_node_of_the_graph_opens_its_page(site: Path, browser: Any) -> None:
    wide(browser, 1280)
    browser.get((site / "graph.html").as_uri())
    browser.execute_script("document.querySelector('.graph a[href$=\"IG.symmetry.html\"] rect').parentNode.dispatchEvent("
                           "new MouseEvent('click', {bubbles: true}))")  # fmt: skip
    assert browser.current_url.endswith("claims/axioms/IG.symmetry.html")


def test_search_works_offline(site: Path, browser: Any) -> None:
    wide(browser, 1280)
    browser.get((site / "search.html").as_uri() + "?q=winding")
    from selenium.webdriver.support.ui import WebDriverWait

    found = WebDriverWait(browser, 20).until(
        lambda b: b.execute_script(
            "return [...document.querySelectorAll('#search-results li a')].map(a => a.textContent)"
        )
    )
    assert any("UNIQ.winding" in text for text in found)
    assert errors(browser) == []
