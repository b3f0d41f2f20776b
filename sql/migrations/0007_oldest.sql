-- Which releases work with a schema: every one whose last migration is at least the greatest "oldest". Migrations only
-- add, so that it stays; one that takes away what older releases use says so by ALTER COLUMN oldest SET DEFAULT,
-- which its own row then has.
ALTER TABLE calscim.schema_version ADD COLUMN oldest integer NOT NULL DEFAULT 1;
