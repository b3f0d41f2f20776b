-- name: create_session
-- Begin a session. $5: seconds that it may last in any case.
INSERT INTO calscim.console_sessions (digest, person, role, form_token, id_token, method, expires_at)
VALUES ($1, $2, $3, $4, $6, $7, clock_timestamp() + make_interval(secs => $5));

-- name: use_session
-- The session, if it has neither been idle for $2 seconds nor expired. Its use is recorded at most once in ten
-- seconds. $3: a person asked, not an open page by itself.
WITH live AS (
    SELECT id, digest, person, role, form_token, id_token, last_seen_at FROM calscim.console_sessions
    WHERE digest = $1 AND expires_at > clock_timestamp()
        AND last_seen_at > clock_timestamp() - make_interval(secs => $2)
), used AS (
    UPDATE calscim.console_sessions s SET last_seen_at = clock_timestamp()
    FROM live WHERE s.digest = live.digest AND $3 AND live.last_seen_at < clock_timestamp() - interval '10 seconds'
)
SELECT id, person, role, form_token, id_token FROM live;

-- name: end_session
-- End a session.
DELETE FROM calscim.console_sessions WHERE digest = $1;

-- name: list_sessions
-- The open sessions by person: neither expired nor idle for $1 seconds.
SELECT id, person, role, method, created_at, last_seen_at, expires_at FROM calscim.console_sessions
WHERE expires_at > clock_timestamp() AND last_seen_at > clock_timestamp() - make_interval(secs => $1)
ORDER BY lower(person), id;

-- name: delete_session
-- End the session with id $1, if it is open: $2 as in list_sessions.
DELETE FROM calscim.console_sessions
WHERE id = $1 AND expires_at > clock_timestamp() AND last_seen_at > clock_timestamp() - make_interval(secs => $2)
RETURNING id, person, role, method, created_at, last_seen_at, expires_at;

-- name: delete_sessions_of
-- End all sessions of a person, and return the open ones: $2 as in list_sessions.
WITH ended AS (
    DELETE FROM calscim.console_sessions WHERE lower(person) = lower($1)
    RETURNING id, person, role, method, created_at, last_seen_at, expires_at
)
SELECT * FROM ended
WHERE expires_at > clock_timestamp() AND last_seen_at > clock_timestamp() - make_interval(secs => $2)
ORDER BY id;

-- name: delete_links_of
-- Delete all links of a person, and return how many had not been used and were valid.
WITH deleted AS (
    DELETE FROM calscim.console_sign_ins WHERE lower(person) = lower($1) RETURNING expires_at
)
SELECT count(*) FROM deleted WHERE expires_at > clock_timestamp();

-- name: delete_expired
-- Delete expired sign-ins, and sessions that expired or were idle for $1 seconds.
WITH sign_ins AS (
    DELETE FROM calscim.console_sign_ins WHERE expires_at < clock_timestamp()
)
DELETE FROM calscim.console_sessions
WHERE expires_at < clock_timestamp() OR last_seen_at < clock_timestamp() - make_interval(secs => $1);

-- name: create_link
-- A link that signs in as the person with the role. $4: seconds that it is valid.
INSERT INTO calscim.console_sign_ins (digest, person, role, expires_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4));

-- name: use_link
-- Delete the link, and return its person and role if it is valid.
DELETE FROM calscim.console_sign_ins
WHERE digest = $1 AND person IS NOT NULL
RETURNING person, role, expires_at > clock_timestamp() AS valid;

-- name: create_request
-- A request to the OpenID provider. $5: seconds that it is valid.
INSERT INTO calscim.console_sign_ins (digest, nonce, verifier, target, expires_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5));

-- name: use_request
-- Delete the request, and return what the answer has to match if it is valid.
DELETE FROM calscim.console_sign_ins
WHERE digest = $1 AND nonce IS NOT NULL
RETURNING nonce, verifier, target, expires_at > clock_timestamp() AS valid;

-- name: get_fingerprint
-- A text that changes with every journal row, pass, hold and use of a token.
SELECT concat_ws('/', (SELECT sum(seq) FROM calscim.journal_heads),
    (SELECT concat(id, finished_at) FROM calscim.reconcile_passes ORDER BY id DESC LIMIT 1),
    (SELECT max(last_seen) FROM calscim.holds), (SELECT count(*) FROM calscim.parked_actions),
    (SELECT max(used_at) FROM calscim.token_uses));
