"""Fill a database with a large company, by SQL in seconds instead of by pushes in minutes.

The rows of the journal are no valid chain: they only make the table as large as that of a real one.
"""

from dataclasses import dataclass

import asyncpg

_USERS = """
INSERT INTO calscim.users (id, directory_id, user_name, user_name_key, external_id, email, active, managed,
    source, data, changed_seq, created_at, updated_at)
SELECT gen_random_uuid(), $1, n, n, 'ext' || i, n, true, true, 'provider',
    jsonb_build_object('userName', n, 'displayName', 'Person Number ' || i,
        'name', jsonb_build_object('givenName', 'Person', 'familyName', 'Number ' || i)), i, now(), now()
FROM generate_series(1, $2::integer) i, LATERAL (SELECT 'user' || i || '@acme.example' AS n) x
"""
_GROUPS = """
INSERT INTO calscim.groups (id, directory_id, display_name, display_name_key, data, changed_seq, created_at, updated_at)
SELECT gen_random_uuid(), $1, n, lower(n), jsonb_build_object('displayName', n), i, now(), now()
FROM generate_series(1, $2::integer) i, LATERAL (SELECT 'Group ' || i AS n) x
"""
# Person i is in the groups i, i + 1, ... (modulo the number of groups), as many as $2 says.
_MEMBERS = """
INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
SELECT g.id, u.id, 'User', $1, 1, now()
FROM (SELECT id, row_number() OVER (ORDER BY changed_seq) AS n FROM calscim.groups WHERE directory_id = $1) g
JOIN (SELECT id, s.step, row_number() OVER (PARTITION BY s.step ORDER BY changed_seq) AS n
      FROM calscim.users, generate_series(0, $2::integer - 1) s(step) WHERE directory_id = $1) u
    ON (u.n + u.step) % (SELECT count(*) FROM calscim.groups WHERE directory_id = $1) + 1 = g.n
"""
# The first groups are mapped, each to a team of its own; $2 has the ids of the teams.
_MAPPINGS = """
INSERT INTO calscim.mappings (directory_id, group_name, group_id, team_id, team_name, role, mode, seq)
SELECT $1, g.display_name, g.id, t.id, 'Team', 'MEMBER', 'managed', 1
FROM unnest($2::integer[]) WITH ORDINALITY AS t(id, n)
JOIN calscim.groups g ON g.directory_id = $1 AND g.display_name = 'Group ' || t.n
"""
_JOURNAL = """
INSERT INTO calscim.journal (stream, seq, at, kind, request_id, method, path, status, remote, resource_type,
    resource_id, body, effect, body_digest, effect_digest, prev_hash, hash)
SELECT $1, h.seq + i, now() - ($2::integer - i) * interval '1 ms', 'scim', 'r' || i, 'PUT', '/Users/x', 200,
    '192.0.2.1', 'User', 'u' || i, '{}', '{}', '', '', '', ''
FROM generate_series(1, $2::integer) i, (SELECT seq FROM calscim.journal_heads WHERE stream = $1) h
"""
_HEAD = "UPDATE calscim.journal_heads SET seq = seq + $2 WHERE stream = $1"


@dataclass(frozen=True, slots=True)
class Company:
    """The numbers of rows. ``teams`` of the ``groups`` are mapped, and each person is in ``each`` groups."""

    people: int
    groups: int
    teams: int
    rows: int  # of the journal
    each: int = 1


async def fill(
    owner: "asyncpg.Connection[asyncpg.Record]",
    directory: str,
    company: Company,
    teams: list[int],
) -> None:
    """Fill a directory. ``teams`` has the ids of the teams in Cal.com, one for each of the first groups."""
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(_USERS, directory, company.people)
    await owner.execute(_GROUPS, directory, company.groups)
    await owner.execute(_MEMBERS, directory, company.each)
    await owner.execute(_MAPPINGS, directory, teams)
    await owner.execute(_JOURNAL, directory, company.rows)
    await owner.execute(_HEAD, directory, company.rows)
    await owner.execute("SET session_replication_role = origin")
    await owner.execute("ANALYZE")
