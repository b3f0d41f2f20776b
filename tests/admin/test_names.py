"""Similar names: a misspelled one is found among thousands, without a comparison with each of them."""

import pytest

from calscim.admin import names

GROUPS = [f"{where} {what} {number}" for number in range(500) for where in ("EMEA", "APAC") for what in ("Sales", "Support")]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("emea sales 417", "EMEA Sales 417"),
        ("EMEA Sale 417", "EMEA Sales 417"),
        ("APAC Suport 33", "APAC Support 33"),
        ("AAPC Sales 250", "APAC Sales 250"),
    ],
)
def test_a_misspelled_name_is_found_among_thousands(wanted, meant):
    assert names.near(wanted, GROUPS)[0] == meant


def test_a_part_of_a_name_is_found():
    assert names.near("sup", ["Sales", "Customer Support and Success"]) == [
        "Customer Support and Success"
    ]


def test_only_few_names_are_compared(monkeypatch):
    compared = []

    def counting(wanted, candidates, n):
        compared.append(len(list(candidates)))
        return []

    monkeypatch.setattr(names, "get_close_matches", counting)

    names.near("EMEA Sale 417", GROUPS)
    names.near("Sale", ["Sales", "Support"])

    assert compared == [32, 2]
