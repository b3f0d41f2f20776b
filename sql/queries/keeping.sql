-- name: partitions, the months from now on, made where they are not
SELECT partition, state FROM calscim.journal_partitions($1);
