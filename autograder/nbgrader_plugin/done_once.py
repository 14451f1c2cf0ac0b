"""What nbgrader does for each cell, or each of the dozen times that it opens the gradebook for a submission, and need do once."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from nbgrader.api import Base
from sqlalchemy import Engine, create_engine, inspect

one_engine = cache(create_engine)
"""An engine keeps the statements that it has compiled; nbgrader makes a new one each time."""

_create_all = Base.metadata.create_all


def create_missing_tables(bind: Engine) -> None:
    """Make the gradebook's tables where one is missing. All are asked for at once, and not one after the other."""
    if not Base.metadata.tables.keys() <= set(inspect(bind).get_table_names()):
        _create_all(bind=bind)


def validate(instance: object, schema: dict[str, Any]) -> None:
    """`jsonschema.validate`, which looks each time whether the schema is one.

    Raises:
        jsonschema.ValidationError: the instance is not as the schema has it.
    """
    if error := best_match(_validator(json.dumps(schema)).iter_errors(instance)):
        raise error


@cache
def _validator(schema: str) -> Validator:
    read = json.loads(schema)
    kind = validator_for(read)
    kind.check_schema(read)
    return kind(read)
