#!/bin/bash
# Process 1 of the plain emulated machine. It makes what an ordinary Debian would have made by now, on cgroup v2 alone,
# and runs the tests. In the other one systemd does it: guest-systemd.sh.

set -u
. /opt/bulkhead/scripts/vm/verdict.sh

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t securityfs -o nosuid,nodev,noexec securityfs /sys/kernel/security
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /tmp
mkdir -p /dev/pts /dev/shm /dev/mqueue /run/lock /run/user/1000
mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /dev/shm
mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue
chmod 666 /dev/fuse # as udev would
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
mount --make-rshared /
ip link set lo up
busybox hostname bulkhead-vm
ulimit -n 65536 # systemd's hard limit is higher still; the kernel's own default of 4096 is nobody's
chown -R tester:tester /home/tester /run/user/1000
install -D -m 755 $project/scripts/vm/as-tester /usr/local/bin/as-tester

# The tree that systemd would have made: the tests in a service of their own, so that the rule against processes in
# inner groups holds for them as it does for users, and a subtree delegated to the ordinary user.
groups=/sys/fs/cgroup
delegated=$groups/user.slice/user-1000.slice/user@1000.service
mkdir -p $groups/system.slice/tests.service $delegated/session.scope
for inner in "" /system.slice /user.slice /user.slice/user-1000.slice /user.slice/user-1000.slice/user@1000.service; do
	echo "+cpu +memory +pids" > "$groups$inner/cgroup.subtree_control"
done
chown tester:tester $delegated $delegated/cgroup.{procs,threads,subtree_control} \
	$delegated/session.scope $delegated/session.scope/cgroup.{procs,threads,subtree_control}

say_up
run_task $groups/system.slice/tests.service
busybox poweroff -f
sleep 60
