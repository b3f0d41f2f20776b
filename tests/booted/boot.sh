#!/bin/sh
# Boots systemd in an overlay of this machine's file system, in namespaces of its own: nothing that happens in there stays.
# Called by machine.py, under unshare. The machine ends when its only service, /out/SCENARIO, ends.
# $BOOT_LAYER: a folder with files that replace this machine's, such as another release of systemd.
# boot.sh WORK SCENARIO PACKAGES   (WORK/out is /out, WORK/calscim is /opt/calscim, PACKAGES is /opt/packages)
set -eu
WORK=$1 SCENARIO=$2 PACKAGES=$3
mount --make-rprivate /
mkdir -p "$WORK/memory"
mount -t tmpfs none "$WORK/memory"
mkdir "$WORK/memory/upper" "$WORK/memory/work" "$WORK/memory/root"
ROOT=$WORK/memory/root
if [ -n "${BOOT_LAYER:-}" ]; then
  cp -a "$BOOT_LAYER/." "$WORK/memory/upper/"
fi
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/memory/upper,workdir=$WORK/memory/work" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -o bind,ro "$ROOT/proc/sys" "$ROOT/proc/sys"
mount -t tmpfs -o mode=755 none "$ROOT/run"
mount -t tmpfs -o mode=1777 none "$ROOT/tmp"
# Devices without hardware.
mount -t tmpfs -o mode=755 none "$ROOT/dev"
for DEVICE in null zero full random urandom tty; do
  touch "$ROOT/dev/$DEVICE"
  mount --bind "/dev/$DEVICE" "$ROOT/dev/$DEVICE"
done
mkdir "$ROOT/dev/shm" "$ROOT/dev/pts"
mount -t tmpfs -o mode=1777 none "$ROOT/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$ROOT/dev/pts"
ln -s pts/ptmx "$ROOT/dev/ptmx"
ln -s /proc/self/fd "$ROOT/dev/fd"
mount -t sysfs -o ro sysfs "$ROOT/sys"
mount -t cgroup2 cgroup2 "$ROOT/sys/fs/cgroup"
mkdir -p "$ROOT/out" "$ROOT/opt/calscim" "$ROOT/opt/packages"
mount --bind "$WORK/out" "$ROOT/out"
mount --bind "$WORK/calscim" "$ROOT/opt/calscim"
mount --bind "$PACKAGES" "$ROOT/opt/packages"
mount -o remount,bind,ro "$ROOT/opt/packages"
# Only what systemd needs, and the scenario: not the services of this machine.
rm -rf "$ROOT/etc/systemd/system" "$ROOT/etc/calscim" "$ROOT/usr/local/bin/calscim" "$ROOT/usr/local/share/calscim"
mkdir -p "$ROOT/etc/systemd/system/scenario.target.wants"
# Nothing that touches the kernel or the files of this machine.
for UNIT in systemd-udevd systemd-udev-trigger systemd-sysctl systemd-modules-load systemd-tmpfiles-setup \
  systemd-tmpfiles-setup-dev systemd-tmpfiles-clean systemd-remount-fs systemd-random-seed systemd-update-utmp \
  systemd-binfmt systemd-machine-id-commit kmod-static-nodes systemd-journal-flush; do
  ln -s /dev/null "$ROOT/etc/systemd/system/$UNIT.service"
done
cat > "$ROOT/etc/systemd/system/scenario.target" <<UNIT
[Unit]
Requires=sysinit.target sockets.target
After=sysinit.target sockets.target
AllowIsolate=yes
UNIT
cat > "$ROOT/etc/systemd/system/scenario.service" <<UNIT
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
After=sysinit.target
[Service]
Type=exec
ExecStart=/usr/bin/python3 /out/$SCENARIO
StandardOutput=file:/out/output.txt
StandardError=inherit
UNIT
ln -s ../scenario.service "$ROOT/etc/systemd/system/scenario.target.wants/"
ln -s scenario.target "$ROOT/etc/systemd/system/default.target"
ip link set lo up
cd "$ROOT"
mkdir -p old
pivot_root . old
umount -l /old
mount --make-rshared /  # systemd hands over credentials by a mount
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --log-target=null
