"""The incidents in which Postgres does not answer or takes no change, and the split of two daemons."""

import socket

from tests.faults.incidents.incident import PATIENCE, Incident
from tests.support.server import database_of
from tests.support.waiting import until

# What Postgres says when the disk is full, from every statement that writes to a table of calscim.
FULL = """
CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION USING ERRCODE = '53100',
        MESSAGE = 'could not extend file "base/16401/16587": No space left on device';
END $$;
DO $$ DECLARE one regclass; BEGIN
    FOR one IN SELECT c.oid FROM pg_class c WHERE relnamespace = 'calscim'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition
    LOOP
        EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT ON %s EXECUTE FUNCTION public.full_disk()', one);
    END LOOP;
END $$;
"""
ROOM = "DROP FUNCTION public.full_disk CASCADE"


async def database_down(incident: Incident) -> None:
    """Postgres does not answer

    Postgres is restarted, or the network to it fails. The daemon sends this message by itself: the queue of all other
    messages is in Postgres.
    """
    await incident.start("ann")
    await incident.proxy.refuse()
    await incident.push_in_vain("bob")

    await incident.message("database.unreachable")
    await incident.alerts("CalscimDatabaseDown", "CalscimScimErrors", "CalscimNoReconciler")
    incident.say("Postgres is back:")
    await incident.proxy.heal()
    await incident.message("database.recovered")
    await incident.ends_with("bob")


async def full_disk(incident: Incident) -> None:
    """The disk of Postgres is full

    Postgres answers reads and refuses every write. calscim confirms no push that is not on disk.
    """
    await incident.start("ann")
    await incident.as_owner(FULL)
    await incident.push_in_vain("bob")

    await incident.message("database.unreachable")
    await incident.alerts("CalscimDatabaseDown", "CalscimScimErrors", "CalscimNoReconciler")
    incident.say("The operator makes room:")
    await incident.as_owner(ROOM)
    await incident.message("database.recovered")
    await incident.ends_with("bob")


async def read_only_standby(incident: Incident) -> None:
    """Postgres becomes a read-only standby

    After a failover `database.dsn` leads to a standby, or an administrator has made the database read-only.
    """
    await incident.start("ann")
    name = database_of(incident.site.direct)
    disconnect = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    await incident.as_owner(
        f"ALTER DATABASE {name} SET default_transaction_read_only = on", disconnect
    )
    await incident.push_in_vain("bob")

    await incident.message("database.unreachable")
    await incident.status("read-only")
    await incident.alerts("CalscimDatabaseDown", "CalscimScimErrors", "CalscimNoReconciler")
    incident.say("The database takes writes again:")
    await incident.as_owner(
        "SET default_transaction_read_only = off",
        f"ALTER DATABASE {name} RESET default_transaction_read_only",
        disconnect,
    )
    await incident.message("database.recovered")
    await incident.ends_with("bob")


async def two_daemons(incident: Incident) -> None:
    """Two daemons after a network split

    Two daemons share one database. The network between the first one and Postgres fails, and the second one takes over once
    the lease has run out, after 15 seconds. Postgres accepts changes of the newer lease only.
    """
    await incident.start("ann")
    await incident.proxy.refuse()
    await incident.as_owner("UPDATE calscim.leases SET expires_at = now()")
    incident.configure({incident.site.dsn: incident.site.direct})
    second = await incident.site.start()
    await until(lambda: second.events("lease.taken"), PATIENCE)

    await incident.message("database.unreachable")
    await incident.alerts("CalscimDatabaseDown")
    await incident.status(socket.gethostname())
    incident.say("The network works again. The first daemon stands by:")
    await incident.proxy.heal()
    await incident.message("database.recovered")
    await incident.status("standby")
    incident.okta.base_url = incident.site.base_url(second)
    await incident.ends_with("bob")
