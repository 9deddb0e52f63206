"""Spans of Parquet files into examples.

Rule: what a file holds goes on unchanged, zeros, empty texts and missing columns too: judging it is the work
of the stages that follow.
"""

from collections.abc import Mapping
from typing import Any

import apache_beam as beam
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.types.standard_component_specs import INPUT_BASE_KEY

from models.stages.records import encode_row


@beam.ptransform_fn  # type: ignore[untyped-decorator]  # Beam's are
@beam.typehints.with_input_types(beam.Pipeline)  # type: ignore[untyped-decorator]
@beam.typehints.with_output_types(bytes)  # type: ignore[untyped-decorator]
def _rows_to_examples(pipeline: Any, exec_properties: Mapping[str, Any], split_pattern: str) -> Any:
    pattern = f"{exec_properties[INPUT_BASE_KEY]}/{split_pattern}"
    return (
        pipeline
        | "ReadRows" >> beam.io.ReadFromParquet(pattern)
        | "Encode" >> beam.Map(encode_row).with_output_types(bytes)
    )


class RowExampleExecutor(BaseExampleGenExecutor):  # type: ignore[misc]  # TFX is untyped
    """Reads the Parquet files of a span; TFX's own would drop every zero and every empty text."""

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802  # TFX's name
        """What turns a pattern of files into serialised examples."""
        return _rows_to_examples
