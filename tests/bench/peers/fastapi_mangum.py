"""Peer 4: FastAPI through Mangum, and a boto3 client.

Source: FastAPI, "Tutorial"; Mangum, "AWS Lambda and API Gateway".
"""

import logging
from decimal import Decimal
from typing import Annotated, Any

import records_table
from fastapi import FastAPI, HTTPException, Query, Request
from mangum import Mangum
from pydantic import BaseModel, Field

logger = logging.getLogger(__name__)
app = FastAPI(title="Records")


class NewRecord(BaseModel):
    """What a caller sends."""

    type: str = Field(min_length=1, max_length=128)
    status: str = Field(min_length=1, max_length=128)
    message: str | None = Field(default=None, max_length=8192)
    attributes: dict[str, Any] = {}


@app.get("/records")
def list_records(
    limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: str | None = None
) -> dict[str, Any]:
    """Return a page."""
    records, following = records_table.page(limit, cursor)
    logger.info("list")
    return {"records": records, "next": following}


@app.get("/records/{record_id}")
def get_record(record_id: str) -> dict[str, Any]:
    """Return one record."""
    record = records_table.get(record_id)
    if record is None:
        raise HTTPException(status_code=404, detail="No record has this ID.")
    logger.info("get")
    return record


@app.post("/records", status_code=201)
def create_record(body: NewRecord, request: Request) -> dict[str, Any]:
    """Store a record."""
    identity = request.scope["aws.event"]["requestContext"]["authorizer"]["iam"]["userArn"]
    logger.info("create")
    return records_table.create(storable(body.model_dump()), identity)


def storable(value):
    """Return a value whose floats are Decimal, which boto3 requires."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: storable(member) for name, member in value.items()}
    return [storable(element) for element in value] if isinstance(value, list) else value


handler = Mangum(app, lifespan="off")
