"""What all Parquet files of vmprof's have in common."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.columnwise import number
from vmprof.values import Row, Samples


def pyarrow(what: str = "Parquet") -> Any:
    """The module; :class:`VmprofError`, which says ``what`` needs it, where it is not installed."""
    try:
        import pyarrow.parquet  # takes time to load, and few need it
    except ImportError as error:
        raise VmprofError(
            f"{what} needs the package pyarrow; run: pip install 'tvm-vmprof[parquet]'"
        ) from error
    return pyarrow


def written(table: Any, more: Mapping[bytes, Mapping[str, Any]]) -> bytes:
    """``table`` as a file, whose metadata have ``more``, as JSON, besides those of the schema.

    Of the schema's, pyarrow writes a second copy.
    """
    pa = pyarrow()
    file = io.BytesIO()
    with pa.parquet.ParquetWriter(file, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(as_json(more))
    return file.getvalue()


def as_json(parts: Mapping[bytes, Mapping[str, Any]]) -> dict[bytes, bytes]:
    """Metadata: each part as JSON."""
    return {name: json_text.dumps(part, compact=True).encode() for name, part in parts.items()}


def plain(row: Row) -> dict[str, Any]:
    """The numbers and texts of ``row``, for JSON."""
    return {
        name: metric if isinstance(metric, str) else number(metric)
        for name, metric in row.items()
        if not isinstance(metric, Samples)
    }
