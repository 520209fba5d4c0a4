import csv
import io
import re

from hypothesis import given
from hypothesis import strategies as st

from fairforget.report.tables import Blurred, Column, IntervalCell, Table
from fairforget.report.wording import format_count

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


def table(*cells: str) -> Table:
    columns = [Column("Name"), *(Column(f"Text {i}") for i in range(1, len(cells)))]
    return Table("A caption", columns, [list(cells)])


@given(TEXT, TEXT)
def test_csv_keeps_text_and_has_no_formula(first: str, second: str) -> None:
    rows = list(csv.reader(io.StringIO(table(first, second).csv())))
    for cell, text in zip(rows[1], (first, second), strict=True):
        shown = " ".join(text.split()).replace("−", "-")
        assert cell in (shown, "'" + shown)
        assert not cell.startswith(("=", "+", "@"))


def test_csv_headings_are_no_formulas() -> None:
    table = Table(caption="t", columns=[Column("=1+1", numeric=True, interval=True)], rows=[])
    assert table.csv() == '\'=1+1,"\'=1+1, low","\'=1+1, high"\n'


def test_csv_text_may_not_start_with_a_minus() -> None:
    cells = ["-2.5", "-1,000", "-3 %", "-2+3+cmd|' /C calc'!A0", "-x"]
    (_, row) = csv.reader(io.StringIO(table(*cells).csv()))
    assert row == [*cells[:3], *(f"'{cell}" for cell in cells[3:])]


@given(TEXT, TEXT)
def test_markdown_cells_cannot_leave_their_cell(first: str, second: str) -> None:
    lines = table(first, second).markdown().splitlines()
    assert len(lines) == 3
    for line in lines:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[`]", lines[2])


@given(TEXT, TEXT)
def test_latex_cells_contain_only_our_commands(first: str, second: str) -> None:
    latex = table(first, second).latex()
    row = latex.split("\\midrule\n")[1].split("\n\\bottomrule")[0].removesuffix(r" \\")
    row = re.sub(r"\\text(backslash|asciicircum|asciitilde|less|greater)\{\}", "", row)
    row = re.sub(r"\$(-|\\rightarrow|\\times|\\[gl]eq|\\alpha|\\infty|\\pm|\\div)\$", "", row)
    row = re.sub(r"\\[{}$&#%_,]", "", row)
    assert row.count("&") == 1
    assert not re.search(r"[\\{}$#%_^~]", row)


def test_symbols_of_our_tables_are_commands_in_latex() -> None:
    latex = table("p ≥ 0.05, α → ∞ ×", f"others ÷ own ± {format_count(1000)}").latex()
    assert latex.isascii()


def test_only_csv_has_separate_columns_for_intervals() -> None:
    made = Table(
        "Change",
        [Column("Domain"), Column("Change", numeric=True, interval=True)],
        [
            ["Gender", IntervalCell(-2.61, (-4.12, -0.84), change=True)],
            ["Age", IntervalCell(1.0, change=True)],
            ["Race", IntervalCell(2.0, (1.0, 3.0), mark="too few")],
        ],
    )
    assert made.csv().splitlines() == [
        'Domain,Change,"Change, low","Change, high"',
        "Gender,-2.6100,-4.1200,-0.8400",
        "Age,1.0000,,",
        "Race,2.0000,1.0000,3.0000",
    ]
    assert "| Gender | −2.6 [−4.1, −0.8] |" in made.markdown()
    assert "| Race | 2.0 [1.0, 3.0], too few |" in made.markdown()
    assert r"Gender & $-$2.6 [$-$4.1, $-$0.8] \\" in made.latex()
    assert "Change (95 % interval)" in made.markdown()


def test_blurred_text_is_copied_in_full() -> None:
    made = Table("Items", [Column("Term"), Column("Text")], [["a", Blurred("two\nlines")]])
    assert "two lines" in made.markdown()
    assert "two lines" in made.csv()
