"""ToxiGen (Hartvigsen et al. 2022): generated texts about 13 groups, with human judgements."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import parquet_rows

TARGETS = {
    "asian": "asian",
    "asian folks": "asian",
    "black": "black",
    "black folks": "black",
    "black folks / african-americans": "black",
    "black/african-american folks": "black",
    "chinese": "chinese",
    "chinese folks": "chinese",
    "jewish": "jewish",
    "jewish folks": "jewish",
    "latino": "hispanic",
    "latino/hispanic folks": "hispanic",
    "lgbtq": "queer",
    "lgbtq+ folks": "queer",
    "bisexual": "bisexual",
    "trans": "trans",
    "immigrant": "migrants",
    "mental_disability": "mental",
    "mental_dis": "mental",
    "folks with mental disabilities": "mental",
    "mexican": "mexican",
    "mexican folks": "mexican",
    "middle_east": "middle_eastern",
    "middle eastern folks": "middle_eastern",
    "muslim": "muslim",
    "muslim folks": "muslim",
    "native_american": "indigenous",
    "native american folks": "indigenous",
    "native american/indigenous folks": "indigenous",
    "physical_disability": "physical",
    "physical_dis": "physical",
    "folks with physical disabilities": "physical",
    "women": "women",
}
TOXIC = 3.0
"""Mean judgement, from 1 (harmless) to 5, above which a text is toxic; the authors' threshold."""
COLUMNS = ("text", "target_group", "toxicity_human")


def toxigen_texts() -> Iterator[Text]:
    """Yield all texts with human judgements, in file order."""
    labels = Labels("toxigen", TARGETS)
    path = find_file(*CATALOGUE["toxigen"].files)
    for number, (where, row) in enumerate(parquet_rows(path), 1):
        if missing := [column for column in COLUMNS if row.get(column) is None]:
            raise InputError(f"{where}: no {missing[0]!r}; is it the annotated part of ToxiGen?")
        domain, group = labels([str(row["target_group"])])
        text = str(row["text"]).strip()
        toxic = float(row["toxicity_human"]) > TOXIC
        yield Text(f"toxigen:{number}", text, domain, group, split="train", hateful=toxic)
    labels.report()
