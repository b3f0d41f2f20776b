-- name: record_intent
-- Record that calscim is about to set an attribute for the first time.
INSERT INTO calscim.applied_attributes (organization, cal_user_id, attribute_id, value) VALUES ($1, $2, $3, '[]')
ON CONFLICT (organization, cal_user_id, attribute_id) DO NOTHING;

-- name: record_applied
-- Record attribute values that the directory asks for and Cal.com shows.
INSERT INTO calscim.applied_attributes AS t (organization, cal_user_id, attribute_id, value)
SELECT $1, cal_user_id, attribute_id, value
FROM unnest($2::bigint[], $3::text[], $4::text[]) AS given (cal_user_id, attribute_id, value)
ON CONFLICT (organization, cal_user_id, attribute_id) DO UPDATE
    SET value = excluded.value, applied_at = now()
    WHERE t.value IS DISTINCT FROM excluded.value;

-- name: delete
-- Delete attributes that the directory no longer gives and Cal.com no longer shows.
DELETE FROM calscim.applied_attributes t
USING unnest($2::bigint[], $3::text[]) AS gone (cal_user_id, attribute_id)
WHERE t.organization = $1 AND t.cal_user_id = gone.cal_user_id AND t.attribute_id = gone.attribute_id;

-- name: delete_orphans
-- Delete the attributes of accounts that no user is linked to.
DELETE FROM calscim.applied_attributes t
WHERE t.organization = $1 AND NOT EXISTS (
    SELECT FROM calscim.account_links l WHERE l.organization = $1 AND l.cal_user_id = t.cal_user_id);

-- name: delete_of_account
-- Delete the attributes of an account that left the organization.
DELETE FROM calscim.applied_attributes WHERE organization = $1 AND cal_user_id = $2;
