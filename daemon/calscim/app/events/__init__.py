"""GET /v1/events on the operators' listener: the change feed over HTTP."""
