// What a parent has and may: nothing of the plugin's or the host's, and no right beyond its own user namespace.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { launch, PLUGIN_UID, scratch } from '../../runtime/launcher/launch.ts'
import { mountsOf, postureOf } from '../../runtime/posture/sight.ts'
import { copyOf, needsParent, startParent } from '../../runtime/preload/parent.ts'

const options = { skip: needsParent, timeout: 60_000 }
const HOLDER = ['uid', 'gid'] as const

test('it is nobody on the host, and an administrator of its own namespace alone', options, async (t) => {
  const { pid } = await startParent(t, ['json'])
  const posture = postureOf(pid)
  for (const id of HOLDER) assert.equal(posture[id], Array(4).fill(PLUGIN_UID).join('\t'))
  assert.deepEqual([posture.groups, posture.noNewPrivs, posture.owner, posture.threads], ['', '1', 0, 1])
  assert.equal(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().replace(/\s+/g, ' '), `1000 ${PLUGIN_UID} 1`)
  const { cgroup, time, time_for_children, ...own } = posture.namespaces
  assert.deepEqual(new Set(Object.values(own)), new Set(['own']))
  assert.equal(posture.pids.at(-1), '32767', 'a number that no process of a run comes to')
  assert.equal(posture.limits['Max core file size'], '1')
})

test('it has no network, and none is left to it when a copy has one', options, async (t) => {
  const parent = await startParent(t, ['json'])
  const network = () => readlinkSync(`/proc/${parent.pid}/ns/net`)
  const before = network()
  const { stdout } = await launch(copyOf(parent, `import os\nprint(os.readlink('/proc/self/ns/net'))`))
  assert.equal(stdout.trim(), before, 'the copy has what was made ahead')
  assert.notEqual(network(), before, 'and nobody else')
  const devices = readFileSync(`/proc/${parent.pid}/net/dev`, 'utf8').split('\n').slice(2).filter(Boolean)
  assert.deepEqual(
    devices.map((line) => line.split(':')[0]?.trim()),
    ['lo'],
  )
  assert.equal(readFileSync(`/proc/${parent.pid}/net/route`, 'utf8').split('\n').length, 2, 'no route')
})

test('it has no file of the plugin, no folder to write in, and no descriptor of the host', options, async (t) => {
  const { pid } = await startParent(t, ['json'])
  const mounts = mountsOf(pid)
  assert.deepEqual(
    mounts.filter((mount) => !/^\S+ ro,/.test(mount)),
    [],
  )
  assert.deepEqual(readdirSync(`/proc/${pid}/root/plugin`), [], 'an empty mount point')
  const targets = mounts.map((mount) => mount.split(' ')[0])
  for (const target of ['/plugin', '/data', '/tmp', '/run', '/var', '/home', '/root'])
    assert.ok(!targets.includes(target))
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) =>
    readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/:\[\d+\]$/, ''),
  )
  assert.deepEqual(descriptors.sort(), ['/', 'anon_inode:[signalfd]', 'pid', 'pipe', 'pipe', 'pipe', 'socket'].sort())
})

test('it imports what it is told, and what that imports, and nothing else', options, async (t) => {
  const seen = async (modules: readonly string[]) => {
    const { stdout } = await launch(copyOf(await startParent(t, modules), `import sys\nprint(*sorted(sys.modules))`))
    return new Set(stdout.trim().split(' '))
  }
  const [none, one] = [await seen([]), await seen(['colorsys'])]
  assert.deepEqual(
    [...one].filter((module) => !none.has(module)),
    ['colorsys'],
  )
  for (const module of ['ctypes', 'socket', 'ssl', 'subprocess', 'pickle', 'json', 'bulkhead_parent'])
    assert.ok(!none.has(module), module)
})

/** A folder of packages of the host's, whose files say that they were read. */
function packages(files: Readonly<Record<string, string>>): string {
  const folder = scratch()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), content)
    chmodSync(join(folder, name), 0o644)
  }
  return folder
}
const shown = (folder: string) => ({ add: [['bind-exec', `${folder}\t/usr/lib/python3/dist-packages`] as const] })

const SHARED: Readonly<Record<string, [source: string, fault: RegExp]>> = {
  'a thread': [
    `import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()`,
    /^a module has started a thread, which no copy would have$/,
  ],
  'a descriptor': [`import os\nkept = os.open('/usr', os.O_RDONLY)`, /^a module keeps a descriptor open: \/usr$/],
  'a socket': [`import socket\nkept = socket.socket()`, /^a module keeps a descriptor open: socket:/],
  'memory that is shared': [
    `import mmap\nkept = mmap.mmap(-1, 4096)`,
    /^a module has memory that copies would share: /,
  ],
  'a process': [`import os, time\nif os.fork() == 0: time.sleep(60)`, /^a module has started a process$/],
  'an exception': [`raise RuntimeError('no')`, /^cannot import odd: RuntimeError: no$/],
  'an exit': [`import sys\nsys.exit(0)`, /^cannot import odd: SystemExit: 0$/],
}

for (const [what, [source, fault]] of Object.entries(SHARED))
  test(`a module that leaves ${what} makes no parent`, options, async (t) => {
    const parent = await startParent(t, ['odd'], shown(packages({ 'odd.py': source })))
    assert.match(String(parent.fault), fault)
  })

test("neither variables nor files of the plugin's are code of the parent", options, async (t) => {
  const folder = packages({ 'listed.py': `word = 'from the host'` })
  const parent = await startParent(t, ['listed'], shown(folder))
  assert.equal(parent.fault, null)
  const evil = `print('evil', flush=True)`
  const run = copyOf(parent, `import listed, sys\nprint(listed.word, sys.flags.hash_randomization, sys.path[0])`, {
    env: {
      PYTHONPATH: '/plugin/evil',
      PYTHONSTARTUP: '/plugin/sitecustomize.py',
      PYTHONHOME: '/plugin',
      PYTHONHASHSEED: '0',
      PYTHONINSPECT: '1',
      LD_PRELOAD: '/plugin/evil.so',
    },
  })
  for (const name of [
    'listed.py',
    'sitecustomize.py',
    'usercustomize.py',
    'evil.pth',
    'evil/listed.py',
    'json.py',
    'os.py',
  ])
    run.in.write(name, name.endsWith('.pth') ? `import sys; ${evil}` : evil)
  for (let runs = 0; runs < 2; runs++) {
    const { stdout, stderr } = await launch(run)
    assert.deepEqual([stdout, stderr], ['from the host 1 /plugin\n', ''])
  }
})

test('a list is names: what is none of a module reaches no file', options, async (t) => {
  for (const name of ['../../plugin/main', '/bulkhead/parent.py', '.', 'os;import socket', '--help'])
    assert.match(String((await startParent(t, [name])).fault), /^cannot import /, name)
})
