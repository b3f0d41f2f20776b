-- When the daemon alerted the operator to a held set. `calscim plan` stores what it finds as well and alerts nobody,
-- so that being stored does not mean being announced. What earlier releases stored they also announced.
ALTER TABLE calscim.holds ADD COLUMN announced_at timestamptz;
UPDATE calscim.holds SET announced_at = first_seen;
