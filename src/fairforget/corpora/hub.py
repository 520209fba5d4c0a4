"""Any data set of the Hugging Face hub with a column of texts, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fairforget.corpora.table import row_texts
from fairforget.corpora.text import Text
from fairforget.errors import InputError, first_line
from fairforget.extras import require_extra
from fairforget.files.rows import TableRow

HUB = "hub:"


def hub_texts(name: str, options: Mapping[str, str]) -> Iterator[Text]:
    """The rows of a data set as texts, in constant memory.

    Args:
        name: its id, OWNER/NAME.
        options: `config` and `split` (train by default) of the data set; every other option says
            which column holds what, as in `table_texts`.

    Raises:
        InputError: `datasets` is not installed, the data set cannot be had, or a row is wrong.
    """
    columns = {key: value for key, value in options.items() if key not in ("config", "split")}
    rows = _rows(name, options.get("config"), options.get("split", "train"))
    yield from row_texts(rows, f"{HUB}{name}", name, columns)


def _rows(name: str, config: str | None, split: str) -> Iterator[TableRow]:
    datasets = require_extra("datasets", "data", f"{HUB}{name}")
    try:
        rows = datasets.load_dataset(name, config, split=split, streaming=True)
        for number, row in enumerate(rows, 1):
            yield f"{HUB}{name}, row {number} of {split}", row
    except InputError:
        raise
    except Exception as error:  # a data set's files can be wrong in any way
        raise InputError(f"{HUB}{name} cannot be read: {first_line(error)}") from error
