"""Connections, named queries, migrations, the roles' rights, and the bundled Postgres."""
