// A plugin that wants out of its project, and so out of the quota of /data: two layers forbid it, and each alone suffices.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openData, removeData } from '../../../src/runtime/data.ts'
import { fileSystem, KIND_NAMES, type Kind } from '../../runtime/data/file-systems.ts'
import { compartment, compile, type Layer, launch, needsRoot } from '../../runtime/launcher/launch.ts'

/** Tries each way out of the project and prints how it was answered. */
const leaver = needsRoot
  ? ''
  : compile(`
    #include <errno.h>
    #include <fcntl.h>
    #include <linux/fs.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/ioctl.h>
    #include <unistd.h>
    static const char *said(int result) {
      return result == 0 ? "done" : errno == EPERM ? "EPERM" : errno == EINVAL ? "EINVAL" : strerror(errno); }
    int main(void) {
      struct fsxattr a = {0}; long flags = 0;
      int fd = open("/data/out", O_CREAT | O_RDWR, 0600), folder = open("/data", O_RDONLY | O_DIRECTORY);
      if (fd < 0 || folder < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &a)) { perror("scene"); return 1; }
      a.fsx_projid = 0; a.fsx_xflags = 0;
      printf("file:%s ", said(ioctl(fd, FS_IOC_FSSETXATTR, &a)));
      ioctl(folder, FS_IOC_FSGETXATTR, &a); a.fsx_xflags = 0;
      printf("folder:%s ", said(ioctl(folder, FS_IOC_FSSETXATTR, &a)));
      ioctl(folder, FS_IOC_GETFLAGS, &flags); flags &= ~0x20000000 /* FS_PROJINHERIT_FL */;
      printf("flags:%s", said(ioctl(folder, FS_IOC_SETFLAGS, &flags)));
      return 0; }`)

let uid = 1_900_100_000
async function tried(t: TestContext, kind: Kind, weaker: readonly Layer[]): Promise<string> {
  const folder = join(fileSystem(kind).top, `home-${++uid}`, 'acme', 'escaping')
  t.after(() => removeData(folder))
  const ids = { mode: 'root', uid, gid: uid, idmap: 'direct' } as const
  const data = openData({ name: 'acme/escaping', folder, bytes: 2 ** 20, ids, weaker: [] })
  const { stdout, stderr, report } = await launch({ in: compartment(leaver), set: { uid, gid: uid, data }, weaker })
  assert.notEqual(stdout, '', stderr + report)
  return stdout
}

for (const kind of KIND_NAMES) {
  const { skip } = fileSystem(kind)

  test(`${kind}: the filter does not let a plugin leave its project`, { skip }, async (t) => {
    assert.equal(await tried(t, kind, []), 'file:EPERM folder:EPERM flags:EPERM')
    assert.equal(await tried(t, kind, ['user-namespace']), 'file:EPERM folder:EPERM flags:EPERM')
  })

  test(`${kind}: nor does the kernel, in a user namespace`, { skip }, async (t) => {
    assert.equal(await tried(t, kind, ['seccomp']), 'file:EINVAL folder:EINVAL flags:EINVAL')
  })

  test(`${kind}: without both it is out`, { skip }, async (t) => {
    assert.match(await tried(t, kind, ['seccomp', 'user-namespace']), /^file:done folder:done/)
  })
}
