import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Disks, findDisks } from '../../src/runtime/disks.ts'
import { parseMountinfo } from '../../src/runtime/mountinfo.ts'

const MOUNTS = parseMountinfo(
  [
    '20 1 8:2 / / rw - ext4 /dev/sda2 rw',
    '21 20 0:40 /@srv /srv rw - btrfs /dev/mapper/pool rw',
    '22 20 0:41 / /tmp rw - tmpfs tmpfs rw',
    '23 20 0:42 / /net rw - nfs4 server:/export rw',
    '24 20 0:43 / /var/lib/docker rw - overlay overlay rw',
    '25 20 7:3 / /home/data rw - ext4 /dev/loop3 rw',
    '26 20 259:70000 / /fast rw - xfs /dev/nvme9n9p9 rw',
  ].join('\n'),
)
const makedev = (major: number, minor: number): number =>
  (minor & 0xff) + (major & 0xfff) * 2 ** 8 + Math.floor(minor / 256) * 2 ** 20

const DEVICES: Record<string, number> = {
  '/srv/x': makedev(0, 55),
  '/tmp/x': makedev(0, 41),
  '/net/x': makedev(0, 42),
  '/var/lib/docker/x': makedev(0, 43),
  '/home/data': makedev(7, 3),
  '/home/x': makedev(8, 2),
  '/opt/x': makedev(8, 2),
  '/fast/x': makedev(259, 70_000),
}
const WHOLE: Record<string, string> = { '8:2': '8:0', '7:3': '7:3', '253:1': '253:1', '259:70000': '259:69696' }

const disksOf = (...paths: string[]): Disks =>
  findDisks(paths, {
    mounts: () => MOUNTS,
    stat: (path) => {
      if (path === '/dev/mapper/pool') return { dev: 5, rdev: makedev(253, 1) }
      return DEVICES[path] === undefined ? undefined : { dev: DEVICES[path], rdev: 0 }
    },
    wholeOf: (device) => WHOLE[device] ?? null,
  })

const rows: [what: string, paths: string[], devices: string[], reason: RegExp | null][] = [
  ['a partition counts as its disk', ['/home/x'], ['8:0'], null],
  ['two paths on one disk are one', ['/home/x', '/opt/x'], ['8:0'], null],
  ['an image has the loop device it is mounted from', ['/home/x', '/home/data'], ['8:0', '7:3'], null],
  ['large numbers are split as the kernel does', ['/fast/x'], ['259:69696'], null],
  ['btrfs has numbers of its own, so its source is asked', ['/srv/x'], ['253:1'], null],
  ['what is in memory only needs no limit', ['/tmp/x'], [], null],
  ['what is not there yet is left out', ['/home/none'], [], null],
  ['a network share is on no block device', ['/net/x', '/home/x'], ['8:0'], /^\/net\/x lies on nfs4/],
  ['an overlay is on no block device', ['/var/lib/docker/x'], [], /lies on overlay, which is no block device$/],
]
for (const [what, paths, devices, reason] of rows) {
  test(what, () => {
    const found = disksOf(...paths)
    assert.deepEqual(found.devices, devices)
    if (reason === null) assert.equal(found.reason, null)
    else assert.match(found.reason ?? '', reason)
  })
}
