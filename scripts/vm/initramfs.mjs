// The initramfs: just enough to reach the disks. It inserts modules, mounts, and switches to the real root,
// because pivot_root, which every sandbox needs, is refused while the root is the initial ramfs.

import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Fault } from './fault.mjs'
import { inInsertionOrder } from './kernel.mjs'

const DISKS = ['virtio_pci', 'virtio_blk']
/** What the runtime and its tests may use once the machine is up, and Debian's kernel has as modules. */
const LATER = ['loop', 'overlay', 'fuse', 'veth', 'tun', 'nf_tables', 'vsock_loopback', 'xfs', 'quota_v2']

/** Writes `<folder>/initramfs.gz` and gives its path. It takes less than a second, so it is never reused. */
export function makeInitramfs(kernel, folder, { project, init }) {
  const tree = join(folder, 'initramfs')
  rmSync(tree, { recursive: true, force: true })
  for (const folder of ['bin', 'dev', 'modules', 'root']) mkdirSync(join(tree, folder), { recursive: true })
  copyFileSync('/bin/busybox', join(tree, 'bin', 'busybox'))
  chmodSync(join(tree, 'bin', 'busybox'), 0o755)

  const modules = inInsertionOrder(kernel, [...DISKS, ...LATER])
  for (const path of modules) copyFileSync(path, join(tree, 'modules', basename(path)))
  writeFileSync(
    join(tree, 'init'),
    script(
      modules.map((path) => basename(path)),
      project,
      init,
    ),
    { mode: 0o755 },
  )

  const archive = join(folder, 'initramfs.gz')
  const packed = spawnSync('sh', ['-c', 'find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > "$0"', archive], {
    cwd: tree,
  })
  if (packed.status !== 0) throw new Fault(`cannot pack the initramfs: ${packed.stderr}`)
  rmSync(tree, { recursive: true })
  return archive
}

function script(modules, project, init) {
  return `#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
for module in ${modules.join(' ')}; do $b insmod /modules/$module || echo "cannot insert $module"; done
tries=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
	tries=$((tries + 1))
	[ $tries -gt 100 ] && echo 'cannot find the disks' && $b poweroff -f
	$b sleep 0.1
done
$b mount -t ext4 -o noatime /dev/vda /root
$b mount -t ext4 -o noatime /dev/vdb /root${project}
$b mount --move /dev /root/dev
exec $b switch_root /root ${init}
`
}
