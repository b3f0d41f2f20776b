"""docs/reference/configuration.md is written from the declarations of the keys."""

from tools.configuration import PAGE, page


def test_the_reference_is_what_the_declarations_say():
    assert PAGE.read_text() == page(), "run `make reference`"
