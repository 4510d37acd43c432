// What the guest finds in /etc besides what its packages bring: what a Debian's installer would have written.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const FILES = {
  fstab: '',
  // What docs/rootless.md tells an administrator to do for /data.
  'fuse.conf': 'user_allow_other\n',
  group:
    'root:x:0:\ntty:x:5:\nshadow:x:42:\ntester:x:1000:\nmessagebus:x:105:\nsystemd-journal:x:999:\nnogroup:x:65534:\n',
  hostname: 'bulkhead-vm\n',
  hosts: '127.0.0.1 localhost bulkhead-vm\n::1 localhost\n',
  // Any fixed one: without it systemd takes the machine for one that boots for the first time.
  'machine-id': '62756c6b686561640000000000000001\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  passwd:
    'root:x:0:0:root:/root:/bin/bash\n' +
    'tester:x:1000:1000::/home/tester:/bin/bash\n' +
    'messagebus:x:105:105::/nonexistent:/usr/sbin/nologin\n' +
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  // Nobody answers there; tests mount files of their own on it.
  'resolv.conf': 'nameserver 127.0.0.1\n',
  subgid: 'tester:100000:65536\n',
  subuid: 'tester:100000:65536\n',

  // A login is a session of logind's, as `pam-auth-update` would have settled it.
  'pam.d/common-account': 'account required pam_permit.so\n',
  'pam.d/common-auth': 'auth required pam_permit.so\n',
  'pam.d/common-password': 'password required pam_deny.so\n',
  'pam.d/common-session': 'session required pam_unix.so\nsession optional pam_systemd.so\n',
  'pam.d/common-session-noninteractive': 'session required pam_unix.so\n',

  // Emulated processors make every start slow, and a unit that waits for a device makes it slower.
  'systemd/system.conf.d/slow.conf':
    '[Manager]\nDefaultTimeoutStartSec=300s\nDefaultTimeoutStopSec=60s\nDefaultDeviceTimeoutSec=300s\nStatusUnitFormat=name\n',
  'systemd/journald.conf.d/small.conf': '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\nForwardToConsole=no\n',
}

/** Units that do nothing for a machine without network, devices, terminals or a second boot. */
const MASKED = [
  'e2scrub_reap.service',
  'getty.target',
  'ldconfig.service',
  'modprobe@.service',
  'serial-getty@ttyS0.service',
  'serial-getty@ttyS1.service',
  'systemd-binfmt.service',
  'systemd-hwdb-update.service',
  'systemd-journal-flush.service',
  'systemd-modules-load.service',
  'systemd-pcrphase.service',
  'systemd-pcrphase-sysinit.service',
  'systemd-random-seed.service',
  'systemd-remount-fs.service',
  'systemd-sysctl.service',
  'systemd-sysusers.service',
  'systemd-timesyncd.service',
  'systemd-udev-trigger.service',
  'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket',
  'systemd-udevd.service',
  'systemd-update-utmp.service',
  'timers.target',
]

/** The tests, as a service: what the kernel line of a machine with systemd names as its goal. */
const TESTS = (project) => `[Unit]
Description=The tests of Bulkhead
Wants=dbus.service systemd-logind.service systemd-user-sessions.service user@1000.service
After=basic.target dbus.service systemd-logind.service systemd-user-sessions.service user@1000.service

[Service]
Type=oneshot
ExecStart=${project}/scripts/vm/guest-systemd.sh
TimeoutStartSec=infinity
TasksMax=infinity
LimitNOFILE=65536
OOMPolicy=continue
`

/** Writes them below `tree`. */
export function writeEtc(tree, project) {
  const files = { ...FILES, 'systemd/system/tests.service': TESTS(project) }
  for (const [name, text] of Object.entries(files)) {
    const path = join(tree, 'etc', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  for (const unit of MASKED) symlinkSync('/dev/null', join(tree, 'etc/systemd/system', unit))
  symlinkSync('../proc/self/mounts', join(tree, 'etc/mtab'))
  // loginctl enable-linger: the user's manager runs without anybody being logged in.
  mkdirSync(join(tree, 'var/lib/systemd/linger'), { recursive: true })
  writeFileSync(join(tree, 'var/lib/systemd/linger/tester'), '')
}
