"""The preconditions of a request, without a server."""

import pytest
from multidict import CIMultiDict

from calscim.errors import ScimError
from calscim.scim.etags import check_preconditions, is_not_modified


def test_several_lines_of_a_precondition_are_one_list():
    none_match = CIMultiDict([("If-None-Match", 'W/"2"'), ("If-None-Match", 'W/"7"')])
    match = CIMultiDict([("If-Match", 'W/"2"'), ("If-Match", 'W/"7"')])

    assert is_not_modified(none_match, 7)
    with pytest.raises(ScimError, match="now has version"):
        check_preconditions(none_match, 7)
    assert check_preconditions(match, 7)


def test_a_read_that_expects_another_version_is_refused():
    expecting = CIMultiDict([("If-Match", 'W/"2"')])

    assert not is_not_modified(expecting, 2)
    with pytest.raises(ScimError) as refused:
        is_not_modified(expecting, 7)
    assert refused.value.status == 412
