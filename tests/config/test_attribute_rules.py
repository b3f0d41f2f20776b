"""The table [[organization.attributes]]."""

import pytest

from tests.support.configuration import ACME, MINIMAL

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def table(*rows: str) -> str:
    return MINIMAL + ACME + "".join(f"[[organization.attributes]]\n{row}\n" for row in rows)


def test_attributes_are_a_table_of_an_organization(read):
    (acme,) = read(
        table(
            f'from = "{ENTERPRISE}:department"\nto = "department"\ncreate_options = true',
            'from = "title"\nto = "job-title"',
        )
    ).organizations

    assert [(one.source.text, one.to, one.create_options) for one in acme.attributes] == [
        (f"{ENTERPRISE}:department", "department", True),
        ("title", "job-title", False),
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("title", (None, "title", None, None, None)),
        ("name.familyName", (None, "name", None, None, "familyName")),
        ('emails[type eq "work"].value', (None, "emails", "type", "work", "value")),
        (f"{ENTERPRISE}:manager.displayName", (ENTERPRISE, "manager", None, None, "displayName")),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", (None, "title", None, None, None)),
        ("urn:acme:hr:1.0:costCenter", ("urn:acme:hr:1.0", "costCenter", None, None, None)),
    ],
)
def test_from_is_the_path_of_one_attribute(read, written, expected):
    (acme,) = read(table(f"from = '{written}'\nto = \"x\"")).organizations

    found = acme.attributes[0].source
    assert (found.schema, found.attribute, found.where, found.equals, found.sub) == expected


def test_all_problems_with_attributes_are_reported(wrong):
    problems = wrong(
        table(
            'from = "name.family.x"\nto = "a"',
            'from = "groups"\nto = "b"',
            'form = "title"\nto = ""',
            'from = "title"\nto = "Same"\ncreate_options = "yes"',
            'from = "title"\nto = "d"',
            'from = "locale"\nto = "D"',
        )
    )

    assert [problem.split(": ")[0] for problem in problems] == [
        "organization.acme.attributes",
        "organization.acme.attributes[1].from",
        "organization.acme.attributes[2].from",
        "organization.acme.attributes[3].form",
        "organization.acme.attributes[3].from",
        "organization.acme.attributes[3].to",
        "organization.acme.attributes[4].create_options",
    ]
    assert "did you mean from?" in problems[3]
    assert problems[0].endswith("has 2 rows to d: leave one of them")


def test_attributes_cannot_be_a_variable(wrong):
    (problem,) = wrong(MINIMAL + ACME, CALSCIM_ORGANIZATION_ACME_ATTRIBUTES="title")

    assert "write tables into the file" in problem


def test_attributes_in_single_brackets_are_refused(wrong):
    (problem,) = wrong(MINIMAL + ACME + '[organization.attributes]\nfrom = "title"\nto = "x"')

    assert "[[organization.attributes]] in double brackets" in problem
