-- name: create
-- Create the partitions of the coming months.
SELECT partition, state FROM calscim.journal_create_partitions($1);

-- name: move_default_rows
-- Move rows from journal_default to the partitions of their months.
SELECT calscim.journal_move_default_rows();
