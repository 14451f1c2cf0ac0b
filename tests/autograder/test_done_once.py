"""What the kit does once in nbgrader's place has the same outcome as what nbgrader does each time."""

import jsonschema
import nbgrader.nbgraderformat.common
import pytest
from jsonschema import SchemaError, ValidationError
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator
from sqlalchemy import create_engine, inspect, text
from traitlets.config import Config

from autograder.nbgrader_plugin import configure
from autograder.nbgrader_plugin.done_once import validate

SCHEMA = {"type": "object", "properties": {"points": {"type": "number"}}, "required": ["grade_id"]}
CELL = {"schema_version": 3, "grade_id": "a", "grade": False, "solution": False, "locked": True, "task": False}


def test_a_gradebooks_tables_are_there_in_a_new_one_and_where_one_is_missing(tmp_path):
    configure(Config())
    address = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with Gradebook(address) as gradebook:
        tables = {*inspect(gradebook.engine).get_table_names()}
    assert {"grade", "comment", "alembic_version"} < tables
    with create_engine(address).begin() as connection:
        connection.execute(text("DROP TABLE comment"))
    with Gradebook(address) as gradebook:
        assert {*inspect(gradebook.engine).get_table_names()} == tables


@pytest.mark.parametrize("instance", [{"grade_id": "a", "points": 1}, {"grade_id": "a", "points": "1"}, {}, []])
def test_an_instance_is_valid_or_not_as_jsonschema_has_it(instance):
    assert _said_of(validate, instance, SCHEMA) == _said_of(jsonschema.validate, instance, SCHEMA)
    assert _said_of(validate, instance, {"type": "nothing"}) == _said_of(
        jsonschema.validate, instance, {"type": "nothing"}
    )


def _said_of(check, instance, schema) -> str:
    try:
        check(instance, schema)
    except (ValidationError, SchemaError) as error:
        return f"{type(error).__name__}: {error.message}"
    return ""


def test_nbgrader_checks_a_cells_metadata_by_it():
    configure(Config())
    MetadataValidator().validate_cell(NotebookNode(cell_type="code", metadata={"nbgrader": CELL}))
    with pytest.raises(ValidationError, match="'yes' is not of type 'boolean'"):
        MetadataValidator().validate_cell(
            NotebookNode(cell_type="code", metadata={"nbgrader": CELL | {"locked": "yes"}})
        )
    assert nbgrader.nbgraderformat.common.jsonschema.validate is validate
