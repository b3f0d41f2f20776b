-- External ids are looked up and ordered by one index, as names are.
DROP INDEX calscim.users_external_id;
CREATE INDEX users_external_id ON calscim.users (external_id text_pattern_ops, directory_id);
DROP INDEX calscim.groups_external_id;
CREATE INDEX groups_external_id ON calscim.groups (external_id text_pattern_ops, directory_id);
