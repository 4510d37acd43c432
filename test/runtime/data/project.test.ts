// /data by project quota: the kernel ends writing, in bytes and in files, and nothing has to be mounted.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Layout } from '../../../src/core/layout.ts'
import { dataFinding } from '../../../src/runtime/data/finding.ts'
import { limitsFor } from '../../../src/runtime/data/project.ts'
import type { DataRequest } from '../../../src/runtime/data/request.ts'
import { dataPlace, kindOf, openData, removeData } from '../../../src/runtime/data.ts'
import { compartment, compile, launch, launcherPath, needsRoot } from '../launcher/launch.ts'
import { runAs, subordinateUser } from '../launcher/user.ts'
import { fileSystem, KIND_NAMES, type Kind } from './file-systems.ts'

const M = 2 ** 20
let uids = 1_900_000_000

/** `main bytes|files`: fills /data with one file, or with empty ones, and prints how far it came and why no further. */
const filler = needsRoot
  ? ''
  : compile(`
    #include <errno.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <string.h>
    #include <unistd.h>
    int main(int c, char **v) {
      static char chunk[65536]; long n = 0, got = 0; char name[64];
      int fd = v[1][0] == 'b' ? open("/data/big", O_CREAT | O_WRONLY, 0600) : -1;
      for (;;) {
        if (fd >= 0) got = write(fd, chunk, sizeof chunk);
        else { sprintf(name, "/data/%ld", n); int f = open(name, O_CREAT | O_WRONLY, 0600); got = f < 0 ? -1 : 1; if (f >= 0) close(f); }
        if (got < 0) break;
        n += got;
      }
      printf("%ld %s", n, errno == EDQUOT ? "EDQUOT" : errno == ENOSPC ? "ENOSPC" : strerror(errno));
      return 0; }`)

interface Filled {
  readonly count: number
  readonly why: string
}

const read = (stdout: string): Filled => {
  const [count = '', why = ''] = stdout.split(' ')
  return { count: Number(count), why }
}

/** What the launcher says about a project: the kernel's own count. */
const state = (folder: string, project: number) =>
  JSON.parse(execFileSync(launcherPath(), ['--project', folder, String(project)], { encoding: 'utf8' })) as Record<
    string,
    number
  >

const freeOf = (top: string): number => {
  const text = execFileSync('df', ['--output=avail', '-B1', top], { encoding: 'utf8' })
  return Number(text.trim().split('\n').at(-1))
}

let homes = 0
function plugin(t: TestContext, kind: Kind, uid = ++uids) {
  const folder = join(fileSystem(kind).top, `home-${++homes}`, 'data', 'acme', 'kept')
  t.after(() => removeData(folder))
  const ids = { mode: 'root', uid, gid: uid, idmap: 'direct' } as const
  const request: DataRequest = { name: 'acme/kept', folder, bytes: 8 * M, ids, weaker: [] }
  const open = (bytes = 8 * M, rest = {}) => openData({ ...request, bytes, ...rest })
  const run = (how: 'bytes' | 'files', bytes: number, data: string) =>
    launch({ in: compartment(filler), args: [how], set: { uid, gid: uid, data, 'data-bytes': bytes } })
  return { folder, request, open, run, uid }
}

for (const kind of KIND_NAMES) {
  const { skip, top } = fileSystem(kind)

  test(`${kind}: a plugin that fills /data is ended at its limit, and the host keeps its space`, {
    skip,
  }, async (t) => {
    const { open, run, request } = plugin(t, kind)
    const data = open()
    assert.equal(kindOf(request), 'project')
    const free = freeOf(top)
    const { ended, stdout } = await run('bytes', 8 * M, data)
    const { count, why } = read(stdout)
    assert.match(why, /^(EDQUOT|ENOSPC)$/, stdout)
    assert.ok(count >= 8 * M && count <= 8 * M * 1.06, `${count / M} MiB`)
    assert.ok(free - freeOf(top) < 9 * M, 'the rest of the file system is as free as before')
    assert.deepEqual(ended?.limitsMet.includes('data'), true, JSON.stringify(ended))
    const used = ended?.usage.dataBytes ?? 0
    assert.ok(used >= 8 * M && used <= limitsFor(8 * M).bytes, `${used}`)
  })

  test(`${kind}: and at so many files`, { skip }, async (t) => {
    const { open, run } = plugin(t, kind)
    const { ended, stdout } = await run('files', M, open(M))
    const { count, why } = read(stdout)
    assert.match(why, /^(EDQUOT|ENOSPC)$/, stdout)
    assert.equal(count, 128)
    assert.equal(ended?.limitsMet.includes('data'), true, JSON.stringify(ended))
  })

  test(`${kind}: a limit grows and shrinks in its place, but not below what is kept`, { skip }, (t) => {
    const { open } = plugin(t, kind)
    const data = open(16 * M)
    writeFileSync(join(data, 'kept'), Buffer.alloc(4 * M, 1))
    assert.equal(open(32 * M), data)
    assert.equal(open(8 * M), data)
    assert.throws(() => open(M), { code: 'DATA_SHRINK_REFUSED', hint: /--purge/ })
    assert.equal(readFileSync(join(data, 'kept')).length, 4 * M)
  })

  test(`${kind}: another home whose plugin has the same number is another project`, { skip }, (t) => {
    const one = plugin(t, kind)
    const other = plugin(t, kind, one.uid)
    writeFileSync(join(one.open(), 'a'), 'x')
    writeFileSync(join(other.open(), 'a'), 'x')
    for (const project of [one.uid, one.uid + 2 ** 20]) assert.equal(state(top, project).usedInodes, 2, `${project}`)
  })

  test(`${kind}: a purge lifts it, and leaves nothing`, { skip }, (t) => {
    const { open, folder, uid } = plugin(t, kind)
    writeFileSync(join(open(), 'a'), 'x')
    assert.notEqual(state(top, uid).bytes, 0)
    removeData(folder)
    assert.equal(existsSync(folder), false)
    const { bytes, inodes, usedBytes, usedInodes } = state(top, uid)
    assert.deepEqual({ bytes, inodes, usedBytes, usedInodes }, { bytes: 0, inodes: 0, usedBytes: 0, usedInodes: 0 })
  })

  test(`${kind}: weakened by name nothing ends it, in a folder of its own`, { skip }, async (t) => {
    const { open, request } = plugin(t, kind)
    const held = open()
    const loose = open(8 * M, { weaker: ['data-quota'] })
    assert.notEqual(loose, held)
    assert.equal(dataPlace({ ...request, weaker: ['data-quota'] }), loose)
    const { stdout } = await launch({
      in: compartment(filler),
      args: ['bytes'],
      set: { uid: request.ids.uid, gid: request.ids.uid, data: loose, 'file-size-bytes': 20 * M },
    })
    // The limit of one file is what ends it then, by SIGXFSZ: beyond twice what the quota would have let pass.
    assert.equal(stdout, '')
    assert.equal(statSync(join(loose, 'big')).size, 20 * M)
  })

  test(`${kind}: an ordinary user is held by the project an administrator prepared`, { skip }, (t) => {
    const user = subordinateUser()
    if (typeof user === 'string') return t.skip(user)
    const home = join(top, `user-${++homes}`)
    const folder = join(home, 'data', 'acme', 'kept')
    mkdirSync(folder, { recursive: true })
    execFileSync('chown', ['-R', `${user.uid}:${user.uid}`, home])
    const ids = { mode: 'user', uid: user.sub + 5, gid: user.sub + 5, idmap: 'helper' } as const
    const caller = { uid: user.uid, noNewPrivileges: true }
    const request: DataRequest = { name: 'acme/kept', folder, bytes: 8 * M, ids, weaker: [], caller }
    assert.throws(() => openData(request), {
      code: 'DATA_QUOTA_UNAVAILABLE',
      hint: /rootless\.md.*--weaker data-quota/,
    })

    // What chattr -p +P and setquota -P do.
    const project = 700_000 + homes
    const prepare = (bytes: number) => {
      const limits = limitsFor(bytes)
      execFileSync(launcherPath(), ['--project', folder, `${project}`, `${limits.bytes}`, `${limits.inodes}`])
    }
    prepare(64 * M)
    assert.throws(() => openData(request), { code: 'DATA_QUOTA_UNAVAILABLE', hint: /setquota -P PROJECT 0 8/ })
    prepare(8 * M)
    assert.equal(kindOf(request), 'prepared')
    const data = openData(request)
    assert.equal(openData(request), data)
    // Made by root here, by the user in life.
    chownSync(data, user.uid, user.uid)
    const set = { uid: ids.uid, gid: ids.gid, idmap: 'helper', data, 'data-bytes': 8 * M }
    const { stdout, ended, stderr } = runAs(user.uid, set, ['memory', 'processes'], filler, { args: ['bytes'] })
    const { count, why } = read(stdout)
    assert.match(why, /^(EDQUOT|ENOSPC)$/, stdout + stderr)
    assert.ok(count >= 8 * M && count <= 8 * M * 1.06, `${count / M} MiB`)
    assert.equal(ended?.limitsMet.includes('data'), true, JSON.stringify(ended))
    assert.deepEqual(readdirSync(data), ['big'])
  })

  test(`${kind}: the doctor tells which quota there is`, { skip }, () => {
    const layout = new Layout(join(top, 'home-of-doctor'))
    const root = dataFinding(layout, { uid: 0, gid: 0, user: 'root' })
    assert.deepEqual([root.available, root.better], [true, undefined])
    assert.match(root.detail, /project quotas/)
    const user = dataFinding(layout, { uid: 1000, gid: 1000, user: 'ada', noNewPrivileges: true })
    assert.match(`${user.detail}${user.better}`, /an administrator can prepare a project quota/)
  })
}

test('where the file system enforces none an image holds it, and stays when one does', {
  skip: fileSystem('ext4', { enforced: false }).skip,
}, (t) => {
  const { top } = fileSystem('ext4', { enforced: false })
  const ids = { mode: 'root', uid: ++uids, gid: uids, idmap: 'direct' } as const
  const request = { name: 'acme/kept', folder: join(top, 'home', 'acme', 'kept'), bytes: M, ids, weaker: [] }
  t.after(() => removeData(request.folder))
  assert.equal(kindOf(request), 'image')
  const place = openData(request)
  assert.equal(spawnSync('mountpoint', ['-q', place]).status, 0)
  const enabled = spawnSync('mount', ['-o', 'remount,prjquota', top])
  if (enabled.status === 0) assert.equal(kindOf(request), 'image')
  const [found] = [launcherPath()].map((path) => spawnSync(path, ['--project', top], { encoding: 'utf8' }))
  assert.equal(found?.status, 0)
  assert.match(found?.stdout ?? '', /^\{"project":0,"inherited":false,"enforced":(?:true|false)/)
})

test('the launcher refuses what makes no sense, with a sentence', { skip: needsRoot }, () => {
  const form = (...args: string[]) => spawnSync(launcherPath(), ['--project', ...args], { encoding: 'utf8' })
  const refused = (...args: string[]) => {
    const { status, stderr, stdout } = form(...args)
    assert.deepEqual([status, stdout], [125, ''], args.join(' '))
    return stderr
  }
  assert.match(refused('/nowhere'), /cannot open the folder \/nowhere: No such file/)
  assert.match(refused('/etc/passwd'), /cannot open the folder/)
  assert.match(refused('/proc/self/cwd'), /cannot open the folder/, 'a link is not followed')
  assert.match(refused('/', '-1'), /not a number/)
  assert.match(refused('/', '4294967295'), /more than 4294967294/)
  assert.match(refused('/', '0', '1', '1'), /project 0/)
  assert.match(refused('/proc', '7', '1', '1'), /enforces no project quota/)
  assert.match(refused('/', '1', '1'), /cannot understand the arguments/)
})
