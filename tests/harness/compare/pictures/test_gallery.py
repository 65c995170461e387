import pytest

import comparisons
from harness.compare.pictures.forest import draw_differences
from harness.compare.pictures.gallery import Picture, gallery, save_pdf, save_svg


@pytest.mark.slow
def test_names_of_a_store_are_drawn_letter_for_letter(tmp_path):
    pictures = gallery(comparisons.hostile(), None)
    assert len(pictures) >= 8
    for picture in pictures:
        assert b"alert" not in picture.svg.split(b"<metadata>")[0]
        assert b"<script" not in picture.svg
    for save in (save_svg, save_pdf):
        assert save(pictures[0], tmp_path).stat().st_size > 1000


def test_the_same_comparison_gives_the_same_bytes(two, tmp_path):
    contents = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        figure = draw_differences(two.pairs, two.question, None)
        picture = Picture("differences", "Differences", "", figure)
        contents.append([save(picture, folder).read_bytes() for save in (save_svg, save_pdf)])
    assert contents[0] == contents[1]
    assert contents[0][1].startswith(b"%PDF")
    assert b"/FontFile2" in contents[0][1]  # TrueType, embedded


@pytest.mark.slow
def test_letters_are_of_the_size_that_a_column_needs(two):
    from matplotlib.text import Text

    for picture in gallery(two):
        picture.figure.draw_without_rendering()
        sizes = {
            text.get_fontsize()
            for text in picture.figure.findobj(Text)
            if text.get_text() and text.get_visible()
        }
        assert min(sizes) >= 5.5
        assert max(sizes) <= 8
        assert picture.figure.get_figwidth() <= 6.3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["empty", "single_run", "regression"])
def test_whatever_there_is_can_be_drawn(name):
    pictures = gallery(getattr(comparisons, name)())
    names = [picture.name for picture in pictures]
    assert len(set(names)) == len(names)
    assert (names == []) == (name == "empty")
