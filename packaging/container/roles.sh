#!/bin/sh
# Postgres' image runs this once, when it creates the cluster: the two roles of calscim and the database.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
    --set=owner="$(cat /run/secrets/owner.password)" --set=daemon="$(cat /run/secrets/daemon.password)" <<'SQL'
CREATE ROLE calscim_owner LOGIN PASSWORD :'owner';
CREATE ROLE calscim LOGIN PASSWORD :'daemon';
CREATE DATABASE calscim OWNER calscim_owner;
SQL
