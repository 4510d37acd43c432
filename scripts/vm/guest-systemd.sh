#!/bin/bash
# The tests of a machine that systemd has booted: this is their service. What guest.sh has to make by hand is there.

set -u
. /opt/bulkhead/scripts/vm/verdict.sh
chmod 666 /dev/fuse # as udev would, which does not run here
install -d -o tester -g tester /home/tester
chown -R tester:tester /home/tester
install -D -m 755 $project/scripts/vm/as-tester /usr/local/bin/as-tester
say_up
run_task "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
systemctl poweroff --force --force
sleep 60
