-- name: claim, that an attribute is about to be told for the first time
INSERT INTO calscim.applied_attributes (organization, cal_user_id, attribute_id, value) VALUES ($1, $2, $3, '[]')
ON CONFLICT (organization, cal_user_id, attribute_id) DO NOTHING;

-- name: told, attributes as they are wanted and were seen
INSERT INTO calscim.applied_attributes AS t (organization, cal_user_id, attribute_id, value)
SELECT $1, cal_user_id, attribute_id, value
FROM unnest($2::bigint[], $3::text[], $4::text[]) AS given (cal_user_id, attribute_id, value)
ON CONFLICT (organization, cal_user_id, attribute_id) DO UPDATE
    SET value = excluded.value, told_at = now()
    WHERE t.value IS DISTINCT FROM excluded.value;

-- name: forget, attributes that the directory gives no more and nobody has any more
DELETE FROM calscim.applied_attributes t
USING unnest($2::bigint[], $3::text[]) AS gone (cal_user_id, attribute_id)
WHERE t.organization = $1 AND t.cal_user_id = gone.cal_user_id AND t.attribute_id = gone.attribute_id;

-- name: orphans, of accounts that no user is any more
DELETE FROM calscim.applied_attributes t
WHERE t.organization = $1 AND NOT EXISTS (
    SELECT FROM calscim.account_links l WHERE l.organization = $1 AND l.cal_user_id = t.cal_user_id);

-- name: forget_person, who has left the organization, and the attributes with it
DELETE FROM calscim.applied_attributes WHERE organization = $1 AND cal_user_id = $2;
