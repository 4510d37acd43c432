// The mounts of a run pass through the hands of its parent. What they do not allow, a bad module cannot make them allow.

import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { launch, scratch } from '../../runtime/launcher/launch.ts'
import { copyOf, needsParent } from '../../runtime/preload/parent.ts'
import { startHostile } from './hostile.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }

/** "Read-only", "nosuid", "nodev", "noexec" have the same bits as attributes and in statvfs. */
const LOOSEN = `
EMPTY_PATH, AT, TREES = 0x1000, -100, 6
def loosened(tree):
    """The bits that it could take from a mount."""
    before = os.fstatvfs(tree).f_flag & 15
    for bit in (1, 2, 4, 8):
        attributes = struct.pack('QQQQ', 0, bit, 0, 0)
        libc.syscall(442, tree, b'', EMPTY_PATH, attributes, len(attributes))
    return before & ~os.fstatvfs(tree).f_flag

def created(tree):
    try: os.close(os.open('planted', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=tree))
    except OSError as error: return error.strerror
    return 'planted'
`

/** What a parent makes of the trees of a run that may read `folder`, in words. `said` is what `words` leave. */
async function told(t: TestContext, folder: string, words: string): Promise<string> {
  const parent = await startHostile(
    t,
    `${LOOSEN}
for caller, [leaf] in callers():
    pid, work = member_and_work(caller, leaf)
    trees = work[TREES:]
    bound = next(tree for tree in trees if os.path.exists(f'/proc/self/fd/{tree}/mark'))
    ${words.trim()}
    os.write(work[STATUS], message(REFUSED, error=4, reason=said.encode()))`,
  )
  const copy = copyOf(parent, '')
  mkdirSync(join(copy.in.root, 'shared'))
  const { ended } = await launch({ ...copy, add: [...(copy.add ?? []), ['bind', `${folder}\t/shared`]] })
  return String(ended?.reason)
}

/** A folder of the host that the run may read, and that its own rights let everybody write. */
function openToAll(): string {
  const folder = scratch()
  chmodSync(folder, 0o777)
  writeFileSync(join(folder, 'mark'), '')
  return folder
}

const READ_ONLY = 'Read-only file system'
const WAYS: Readonly<Record<string, string>> = {
  'as it was handed over': `said = f'{loosened(bound)} {created(bound)}'`,
  'as a copy': `
    libc.syscall(429, bound, b'', AT, b'/proc', 4)
    copy = libc.syscall(428, AT, b'/proc', 1 | os.O_CLOEXEC)
    said = f'{loosened(copy)} {created(copy)}'`,
  'mounted, and mounted again without it': `
    moved = libc.syscall(429, bound, b'', AT, b'/proc', 4)
    remounted = libc.mount(None, b'/proc', None, 0x20 | 0x1000, None)
    said = f'{moved if moved else 0 if remounted else 1} {created(bound)}'`,
}

for (const [how, words] of Object.entries(WAYS))
  test(`a folder that a run may only read stays so in the hands of its parent: ${how}`, options, async (t) => {
    const folder = openToAll()
    assert.equal(await told(t, folder, words), `0 ${READ_ONLY}`)
    assert.equal(existsSync(join(folder, 'planted')), false)
  })

test('nor is anything else that a tree of the run forbids to be had', options, async (t) => {
  assert.match(await told(t, openToAll(), `said = repr([loosened(tree) for tree in trees])`), /^\[0(, 0){2,}\]$/)
})

test('what a parent has mounted itself it has as it was given it', options, async (t) => {
  const parent = await startHostile(
    t,
    `${LOOSEN}
mounts = [line.split()[4] for line in open('/proc/self/mountinfo')]
fixed = [mount for mount in mounts if mount.startswith(('/usr', '/bulkhead')) or mount == '/']
print(len(fixed) > 3, [mount for mount in fixed if loosened(os.open(mount, os.O_PATH))], flush=True)
time.sleep(600)`,
  )
  assert.equal(parent.fault, 'True []')
})
