-- What a token may do, which token replaces it, and when it was last used. Uses have a table of their own: the serving
-- role records them and needs no right to change a token.
ALTER TABLE calscim.tokens
    ADD COLUMN scope text NOT NULL DEFAULT 'write' CHECK (scope IN ('read', 'write')),
    ADD COLUMN replaced_by bigint REFERENCES calscim.tokens;

CREATE TABLE calscim.token_uses (
    token_id  bigint PRIMARY KEY REFERENCES calscim.tokens,
    used_at   timestamptz NOT NULL
);
