// A plugin that keeps a disk busy: what it moves in a second is its limit, in the kernel's own count.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readMountinfo } from '../../../src/runtime/cgroup-parents.ts'
import { closeData, missingDataTools, openData } from '../../../src/runtime/data.ts'
import { diskFacts, findDisks } from '../../../src/runtime/disks.ts'
import { parseMountinfo } from '../../../src/runtime/mountinfo.ts'
import { SLOW } from '../../helpers/patience.ts'
import {
  cgroups,
  compartment,
  compile,
  launch,
  needsRoot,
  PLUGIN_UID,
  type Result,
  scratch,
} from '../../runtime/launcher/launch.ts'

const MIB = 2 ** 20
const hasController = cgroups().fields.some(
  ([key, value]) => key === 'cgroup1-blkio' || (key === 'cgroup2-controllers' && /\bio\b/.test(String(value))),
)
const lack =
  needsRoot ||
  missingDataTools()[0] ||
  (existsSync('/dev/loop-control') ? false : 'no loop devices') ||
  (hasController ? false : 'no cgroup with an io controller')
const skip = lack === false ? false : String(lack)

/** `main direct|synced|read`: moves 4 MiB past the page cache, or through it and out, and prints how many ms it took. */
const mover =
  skip === false &&
  compile(`
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <time.h>
    #include <unistd.h>
    static long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000 + t.tv_nsec / 1000000; }
    int main(int c, char **v) {
      char *page; int direct = strcmp(v[1], "synced") ? O_DIRECT : 0, reads = !strcmp(v[1], "read");
      if (posix_memalign((void **)&page, 4096, 1 << 18)) return 1;
      memset(page, 7, 1 << 18);
      /* With v2 a file is its cgroup's that first wrote it, also when another run writes it again. */
      if (!reads) unlink("/data/x");
      int fd = open("/data/x", (reads ? O_RDONLY : O_CREAT | O_WRONLY) | direct, 0600);
      if (fd < 0) { perror("open"); return 2; }
      long began = now();
      for (int i = 0; i < 16; i++)
        if ((reads ? read(fd, page, 1 << 18) : write(fd, page, 1 << 18)) != 1 << 18) { perror("move"); return 3; }
      if (!direct && fsync(fd)) return 4;
      printf("%ld", now() - began);
      return 0; }`)

function disk(t: TestContext) {
  const folder = join(scratch(), 'data')
  t.after(() => closeData(folder))
  const ids = { mode: 'root', uid: PLUGIN_UID, gid: PLUGIN_UID, idmap: 'direct' } as const
  const data = openData({ name: 'acme/busy', folder, ids, weaker: [], bytes: 32 * MIB })
  const { devices, reason } = findDisks(
    [data],
    diskFacts(() => parseMountinfo(readMountinfo())),
  )
  assert.deepEqual([devices.length, reason], [1, null])
  return { data, device: devices[0] ?? '' }
}

const took = ({ ended, stdout, stderr, report }: Result): number => {
  assert.equal(ended?.code, 0, stderr + report)
  return Number(stdout)
}

for (const how of ['direct', 'synced', 'read']) {
  test(`4 MiB at 4 MiB a second take a second, ${how}, and less without the limit`, { skip }, async (t) => {
    const { data, device } = disk(t)
    const own = compartment(String(mover))
    const run = (set: Record<string, string | number>, add: readonly (readonly [string, string])[], what = how) =>
      launch({ in: own, args: [what], set: { data, ...set }, add })
    if (how === 'read') await run({}, [], 'direct')
    const free = took(await run({}, []))
    const limited = await run({ 'io-bytes-per-second': 4 * MIB }, [['io-device', device]])
    // A first slice of the period is given at once; in the emulated machine the disk itself may be slow.
    assert.ok(took(limited) >= 700, `${limited.stdout} ms with the limit, ${free} without`)
    assert.ok(took(limited) < 2500 * SLOW, `${limited.stdout} ms`)
    if (SLOW === 1) assert.ok(took(limited) > 3 * free, `${free} ms without`)
    const { ioReadBytes, ioWriteBytes } = limited.ended?.usage ?? {}
    assert.ok(((how === 'read' ? ioReadBytes : ioWriteBytes) ?? 0) >= 4 * MIB, JSON.stringify(limited.ended?.usage))
  })
}

test('a disk that cannot be limited is a refusal of the launcher, not a limit that is not there', {
  skip,
}, async () => {
  for (const device of ['4095:1', '1:3']) {
    const set = { 'io-bytes-per-second': MIB }
    const refused = await launch({ in: compartment(String(mover)), args: ['read'], set, add: [['io-device', device]] })
    assert.equal(refused.ended?.error, 'LAYER_UNAVAILABLE', device)
    assert.match(refused.ended.reason ?? '', /^cannot set (?:io\.max|blkio\.throttle)/)
  }
})
