"""Peer 3: Powertools for AWS Lambda (Logger, Metrics, HTTP resolver) and a boto3 client.

Source: Powertools for AWS Lambda (Python), "REST API", "Logger" and "Metrics".
"""

import json
from decimal import Decimal

import records_table
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()
app = APIGatewayHttpResolver(
    serializer=lambda content: json.dumps(content, default=records_table.plain)
)


@app.get("/records")
def list_records():
    """Return a page."""
    limit = min(int(app.current_event.get_query_string_value("limit", "100")), 1000)
    cursor = app.current_event.get_query_string_value("cursor")
    records, following = records_table.page(limit, cursor)
    logger.info("request", extra={"operation": "list", "status": 200})
    metrics.add_metric(name="RecordsListed", unit=MetricUnit.Count, value=len(records))
    return {"records": records, "next": following}


@app.get("/records/<record_id>")
def get_record(record_id: str):
    """Return one record."""
    record = records_table.get(record_id)
    if record is None:
        raise NotFoundError("No record has this ID.")
    logger.info("request", extra={"operation": "get", "status": 200})
    metrics.add_metric(name="RecordsRead", unit=MetricUnit.Count, value=1)
    return record


@app.post("/records")
def create_record():
    """Store a record."""
    caller = app.current_event.request_context.authorizer.iam.user_arn
    body = json.loads(app.current_event.body, parse_float=Decimal)
    record = records_table.create(body, caller)
    logger.info("request", extra={"operation": "create", "status": 201})
    metrics.add_metric(name="RecordsCreated", unit=MetricUnit.Count, value=1)
    return Response(
        status_code=201,
        content_type=content_types.APPLICATION_JSON,
        body=json.dumps(record, default=records_table.plain),
    )


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    """Handle an event of API Gateway's payload format 2.0."""
    return app.resolve(event, context)
