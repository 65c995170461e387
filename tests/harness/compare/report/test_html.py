"""The page in a real browser, opened from a file as a reader would."""

from functools import cache
from urllib.parse import unquote

import pytest

import comparisons
from browser import MARKS, chromium, keep
from harness.compare.pictures.gallery import gallery
from harness.compare.report.html import page as page_of
from harness.compare.report.standings import pairings

pytestmark = MARKS


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Writes the page of a comparison, once: its path, and how many pictures it has."""
    folder = tmp_path_factory.mktemp("pages")

    @cache
    def write(name):
        comparison = getattr(comparisons, name)()
        pictures = gallery(comparison, None)
        path = folder / f"{name}.html"
        path.write_text(page_of(comparison, pictures), encoding="utf-8")
        return path, len(pictures)

    return write


@pytest.fixture
def open_page(browser, written):
    """Opens a page; afterwards it must have asked for nothing and complained of nothing."""
    contexts, requests, complaints = [], [], []

    def opened(name, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(unquote(request.url)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(written(name)[0].as_uri())
        keep(page, f"{name}-{width}-{options.get('color_scheme', 'light')}", whole=True)
        return page

    opened.complaints = complaints
    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:image/"))] == []
    assert len([url for url in requests if url.startswith("file:")]) == len(contexts)


def column(table, number):
    cells = "(rows, number) => rows.map(row => row.cells[number].innerText.trim())"
    return table.locator("tbody tr").evaluate_all(cells, number)


@pytest.mark.parametrize(
    ("width", "name"),
    [
        *((390, name) for name in ("three_on_two", "hostile", "empty", "single_run")),
        (1280, "three_on_two"),
        # What fits a telephone is fuller there than here
        *(
            pytest.param(1280, name, marks=pytest.mark.full)
            for name in ("hostile", "empty", "single_run")
        ),
    ],
)
def test_a_page_fits_its_screen_and_shows_all_its_pictures(open_page, written, name, width):
    page = open_page(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    pictures = page.locator("figure img").all()
    assert len(pictures) == written(name)[1]
    for picture in pictures:
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
        box = picture.bounding_box()
        assert box["width"] > 100
        assert box["height"] > 50
        assert picture.get_attribute("alt")


@pytest.mark.parametrize("name", ["two_optimizers", "factors"])
def test_on_a_small_desktop_screen_the_standings_are_whole(open_page, name):
    box = open_page(name, 1100).locator("#standings > .scroll")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")


@pytest.mark.parametrize("width", [390, 1100, 1280])
def test_wider_tables_scroll_within_their_boxes(open_page, width):
    """To their last column, on a page that does not scroll itself."""
    page = open_page("hostile", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = 0
    for box in page.locator("#standings > .scroll, #pairs > .scroll").all():
        wide += box.evaluate("box => box.scrollWidth > box.clientWidth")
        box.evaluate("box => { box.scrollLeft = box.scrollWidth }")
        end = "box => box.getBoundingClientRect().right"
        last = box.locator("thead th").last.evaluate(end)
        assert last <= box.evaluate(end) + 1 <= width + 1
    assert wide


def test_a_click_sorts_by_number_and_the_next_one_the_other_way(open_page):
    page = open_page("three_on_two")
    table = page.locator("#pairs table").first
    values = [pair.difference.value for pair in pairings(comparisons.three_on_two(), "all")]
    assert values != sorted(values)
    head = table.locator("thead th").nth(3)
    keys = "rows => rows.map(row => Number(row.cells[3].dataset.key))"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert table.locator("tbody tr").evaluate_all(keys) == sorted(values)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert table.locator("tbody tr").evaluate_all(keys) == sorted(values, reverse=True)


def test_nine_comes_before_ten_and_what_is_missing_last(open_page):
    page = open_page("three_on_two")
    page.locator("#tuning summary").click()
    table = page.locator("#tuning details table")
    score = table.locator("thead th").nth(5).get_by_role("button")
    for _ in range(2):
        score.click()
        shown = column(table, 5)
        missing = shown.index("–")
        assert missing > 0
        assert set(shown[missing:]) == {"–"}
    steps = page.locator("#diverged details table")
    page.locator("#diverged summary").click()
    steps.locator("thead th").nth(7).get_by_role("button").click()
    reached = [int(text) for text in column(steps, 7) if text != "missed"]
    assert reached == sorted(reached)
    assert reached != sorted(reached, key=str)
    assert column(steps, 7)[-1] == "missed"


def test_a_column_is_sorted_from_the_keyboard(open_page):
    page = open_page("three_on_two")
    table = page.locator("#standings table").first
    button = table.locator("thead th").first.get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert column(table, 0) == ["sgd", "heavy_ball", "adam"]
    assert table.locator("thead th").first.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "runs"


def test_hostile_names_are_text(open_page):
    page = open_page("hostile")
    names = column(page.locator("#standings table").first, 0)
    assert names == [name.strip() for name in comparisons.HOSTILE]
    assert page.locator("script").count() == 1
    assert page.locator("main b, main img[src=x]").count() == 0
    assert page.get_by_text("<script>alert(3)</script> & more").is_visible()
    assert page.locator("pre").first.inner_text() == (
        "harness train '</pre><script>alert(4)</script>'"
    )


def test_the_policy_of_the_page_lets_no_other_script_run(open_page):
    page = open_page("three_on_two")
    ran = page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            return window.ran === true;
        }"""
    )
    assert not ran
    (refused,) = open_page.complaints
    assert "Content Security Policy" in refused
    open_page.complaints.clear()


def test_a_command_is_copied(open_page):
    page = open_page("three_on_two", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy this command").first.click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == comparisons.three_on_two().provenance["commands"][0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_page, scheme):
    page = open_page("three_on_two", 1280, color_scheme=scheme)
    colours = """selector => {
        const style = getComputedStyle(document.querySelector(selector));
        const ground = getComputedStyle(document.body).backgroundColor;
        return [style.color, ground].map(text => text.match(/\\d+/g).map(Number));
    }"""
    for selector in ("main", ".hint", "nav a", "summary"):
        ink, paper = (luminance(colour) for colour in page.evaluate(colours, selector))
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 4.5, selector


def luminance(colour):
    """WCAG 2.2, relative luminance of sRGB."""
    parts = [value / 255 for value in colour[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_contents_lead_somewhere(open_page):
    page = open_page("three_on_two")
    targets = page.locator("nav a").evaluate_all("links => links.map(a => a.hash.slice(1))")
    assert len(targets) > 10
    for target in targets:
        assert page.locator(f"[id='{target}']").count() == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(set(ids)) == len(ids)
