-- ---------------------------------------------------------------- console

-- Sessions of signed-in operators. The browser has the session's secret, and the database only its SHA-256.
CREATE TABLE calscim.console_sessions (
    digest       bytea PRIMARY KEY,
    id           bigint GENERATED ALWAYS AS IDENTITY,  -- names the session for people; no secret
    person       text NOT NULL,            -- the address or name that journal rows get
    role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    method       text NOT NULL CHECK (method IN ('oidc', 'link')),  -- how the person signed in
    form_token   text NOT NULL,            -- every form that changes something sends it
    id_token     text,                     -- of the OpenID provider, to sign out there
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX console_sessions_expiry ON calscim.console_sessions (expires_at);

-- Sign-ins that have begun: links of `calscim console link`, and requests to the OpenID provider. Each works once.
CREATE TABLE calscim.console_sign_ins (
    digest       bytea PRIMARY KEY,        -- SHA-256 of the link's secret, or of the request's state
    person       text,                     -- of a link
    role         text,                     -- of a link
    nonce        text,                     -- of a request to the provider
    verifier     text,                     -- of a request: the secret of PKCE
    target       text NOT NULL DEFAULT '/',  -- the page that the person asked for
    expires_at   timestamptz NOT NULL
);
CREATE INDEX console_sign_ins_expiry ON calscim.console_sign_ins (expires_at);
