from tests.support.journaled import acme, age, left, okta, owning

__all__ = ["acme", "age", "left", "okta", "owning"]
