"""What systemd wants to be told and to hand over: readiness, the watchdog, sockets (sd_notify(3))."""
