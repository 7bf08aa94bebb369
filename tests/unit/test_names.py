"""Long names in little room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from vmprof.report.render.names import shortened

# Of few characters, so that they have much in common; some take two cells, or none.
WORDS = st.lists(
    st.sampled_from(["conv2d", "add", "relu", "1", "12", "_", "/", ".", "…", "名", "e\u0301"]),
    max_size=20,
).map("".join)
ANY = st.one_of(WORDS, st.text(alphabet="ab", max_size=30), st.text(max_size=30))
NAMES = st.lists(ANY, max_size=30)


@given(NAMES, st.integers(0, 40))
def test_names_fit_and_stay_apart(names: list[str], width: int) -> None:
    texts = shortened(names, width)
    assert len(texts) == len(names)
    assert all(cell_len(text) <= width for text in texts)
    shown = dict(zip(names, texts, strict=True))
    assert [shown[name] for name in names] == texts
    if len(shown) < 10**width:
        assert len(set(texts)) == len(shown)


@given(NAMES, st.integers(0, 40))
def test_what_fits_stays(names: list[str], width: int) -> None:
    for name, text in zip(names, shortened(names, width), strict=True):
        if cell_len(name) <= width:
            assert text == name


@given(st.text(alphabet="ab_", min_size=21, max_size=60))
def test_a_name_alone_is_cut_in_its_middle(name: str) -> None:
    (text,) = shortened([name], 20)
    head, _, tail = text.partition("…")
    assert len(text) == 20
    assert name.startswith(head)
    assert name.endswith(tail)
    assert len(tail) == 6


CONV = "fused_nn_contrib_conv2d_NCHWc"


@pytest.mark.parametrize(
    ("names", "width", "expected"),
    [
        (
            [f"{CONV}_add_nn_relu", f"{CONV}_add_add_nn_relu", f"{CONV}_multiply_nn_relu"],
            24,
            ["fused_nn_con…add_nn_relu", "fused_nn…add_add_nn_relu", "fused_n…multiply_nn_relu"],
        ),
        (  # In two places, and in the middle, which is where names are cut.
            [f"/layers.{n}/attention/{what}/MatMul" for n in (0, 10) for what in "qk"],
            24,
            [
                "/layers.0/atten…q/MatMul",
                "/layers.0/atten…k/MatMul",
                "/layers.10/atte…q/MatMul",
                "/layers.10/atte…k/MatMul",
            ],
        ),
        (  # No number shows without its first digits.
            [f"{CONV}{n}_add{n}_relu" for n in ("", "1", "12")],
            20,
            ["fused_nn_cont…d_relu", "fused_nn_cont…1_relu", "fused_nn_con…12_relu"],
        ),
        ([f"{CONV}_{n}" for n in (1, 2, 12)], 4, ["fu…1", "fu…2", "f…12"]),
        (  # No word has room, nor a part of one.
            ["aaaaaaaaaaaaaaaa" + "ab" * n + "aaaaaaaaaa" for n in range(3)],
            4,
            ["…a…a", "aa…1", "aa…2"],
        ),
        (["conv2d_" + "2" * 9, "conv2d_" + "2" * 8 + "3"], 8, ["conv2d…1", "conv2d…2"]),
        (["abc", "abd", "1"], 1, ["2", "3", "1"]),
        (["abc", "abc", "a…"], 2, ["1", "1", "a…"]),
    ],
)
def test_what_differs_is_shown(names: list[str], width: int, expected: list[str]) -> None:
    assert shortened(names, width) == expected
