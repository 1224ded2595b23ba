"""What the API says about itself: /docs from files of this machine, and each model's own rows in /openapi.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from farero.core.example import example_row, example_value
from farero.core.label import LabelSpec
from farero.core.schema import Field, Schema

if TYPE_CHECKING:
    from farero.app import App

Json = dict[str, Any]

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Farero API</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/swagger/swagger-ui.css"></head>
<body><main id="docs"></main><script src="/docs/swagger/swagger-ui-bundle.js"></script>
<script src="/docs/static/docs.js"></script></body></html>
"""

ABOUT = "Predictions, late labels, versions, monitoring and incidents of this installation. Errors are `application/problem+json`."


def add_docs(api: FastAPI) -> None:
    """Serve /docs without asking any other server."""

    @api.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(PAGE)

    api.mount("/docs/swagger", StaticFiles(directory=swagger_ui_path))
    api.mount("/docs/static", StaticFiles(directory=Path(__file__).parent / "static"))


def describe(api: FastAPI, app: App) -> None:
    """Add the prediction routes, which FastAPI does not know, with the declared rows of each model."""

    def openapi() -> Json:
        if api.openapi_schema is None:
            document = get_openapi(title=api.title, version=api.version, description=ABOUT, routes=api.routes)
            paths: Json = {}
            for model in app.models:
                project = app.project(model)
                path = f"/v1/models/{model}/predict"
                paths[path] = {"post": predict_operation(model, project.schema, project.label_spec)}
                if len(app.models) == 1:
                    paths["/predict"] = {"post": predict_operation(model, project.schema, project.label_spec, short=True)}
            document["paths"] = {**paths, **document["paths"]}
            api.openapi_schema = document
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]


def predict_operation(model: str, schema: Schema, label: LabelSpec, *, short: bool = False) -> Json:
    """The OpenAPI operation of one model's predictions."""
    row, example = row_schema(schema), example_row(schema)
    rows = {"type": "array", "minItems": 1, "items": row}
    many = {"type": "object", "required": ["rows"], "additionalProperties": False, "properties": {"rows": rows}}
    answer = answer_schema(label)
    head = {name: {"type": "string"} for name in ("request_id", "model", "version")}
    one = {"type": "object", "properties": head | answer["properties"]}
    several = {"type": "object", "properties": head | {"predictions": {"type": "array", "items": answer}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    return {
        "tags": ["predict"],
        "summary": f"Predict {label.name} with {model}",
        "description": 'One bare row, or `{"rows": [...]}`. Every answer is recorded before it leaves.',
        "operationId": f"predict_{model}" + ("_short" if short else ""),
        "parameters": [{"name": "X-Request-Id", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 128}}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [many, row]},
                    "examples": {
                        "rows": {"summary": "Rows", "value": {"rows": [example]}},
                        "row": {"summary": "One bare row", "value": example},
                    },
                }
            },
        },
        "responses": {
            "200": {"description": "The predictions", "content": {"application/json": {"schema": {"oneOf": [several, one]}}}},
            "413": {"description": "The body is too large", "content": problem},
            "422": {"description": "Bad input; lists every fault and its path; nothing was stored", "content": problem},
            "503": {"description": "No production version, or it could not be recorded; try again", "content": problem},
        },
    }


def row_schema(schema: Schema) -> Json:
    """The JSON Schema of a row."""
    properties = {field.name: field_schema(field) for field in schema.fields}
    if schema.key is not None:
        properties.setdefault(schema.key, {"type": ["string", "null"], "description": "The entity's key; recorded, not a feature"})
    required = [field.name for field in schema.features if not field.missing]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def field_schema(field: Field) -> Json:
    """The JSON Schema of one field."""
    kind = {"number": "number", "flag": "boolean"}.get(field.kind, "string")
    found: Json = {"type": [kind, "null"] if field.missing else kind}
    if field.kind == "choice" and not field.new_levels:
        found["enum"] = [*field.levels, None] if field.missing else list(field.levels)
    if field.kind == "date":
        found["format"] = "date-time"
    if field.kind == "personal":
        found = {"type": ["string", "null"], "description": f"Personal data: {field.privacy}; never stored in clear"}
    if field.unit:
        found["description"] = f"[{field.unit}]"
    bounds = {"minimum": field.min, "maximum": field.max}
    found |= {name: value for name, value in bounds.items() if value is not None}
    if field.kind != "personal":
        found["example"] = example_value(field)
    return found


def answer_schema(label: LabelSpec) -> Json:
    """The JSON Schema of one prediction."""
    value: Json = {"type": "string", "enum": list(label.classes)} if label.kind == "classes" else {"type": "number"}
    if label.kind == "binary":
        value = {"type": "integer", "enum": [0, 1]}
    probability: Json = {"type": "null"} if label.kind == "number" else {"type": "number", "minimum": 0, "maximum": 1}
    risk: Json = {"type": "string", "enum": ["low", "medium", "high"]} if label.kind == "binary" else {"type": "null"}
    properties = {"prediction": value, "probability": probability, "risk_level": risk}
    if label.kind == "classes":
        properties["probabilities"] = {"type": "object", "additionalProperties": {"type": "number"}}
    return {"type": "object", "properties": properties}
