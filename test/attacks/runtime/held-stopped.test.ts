// Whoever is to read what a held run is told reads nothing: the launcher goes on to listen to its host.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { waiting, words } from '../../runtime/launcher/held.ts'
import { compartment, compile, needsRoot, sleep, start } from '../../runtime/launcher/launch.ts'

const quick = compile('int main(void) { return 0; }')
const childOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])

/** The one pipe that the launcher writes to and waits for: as small as a pipe can be. */
const SHRINK = `
import fcntl, os, sys
for fd in os.listdir(sys.argv[1] + '/fd'):
    path = sys.argv[1] + '/fd/' + fd
    flags = int(open(sys.argv[1] + '/fdinfo/' + fd).read().split('flags:')[1].split()[0], 8)
    if os.readlink(path).startswith('pipe:') and flags & os.O_ACCMODE == os.O_WRONLY and not flags & os.O_NONBLOCK:
        print(fcntl.fcntl(os.open(path, os.O_WRONLY | os.O_NONBLOCK), fcntl.F_SETPIPE_SZ, 4096))
`

test('a reader that is stopped, at a pipe it has made small, does not keep the launcher', {
  skip: needsRoot,
}, async () => {
  const run = start({ in: compartment(quick), control: true, set: { held: 1 } })
  await waiting(run)
  const launcher = run.process.pid ?? assert.fail('it has no pid')
  const program = childOf(childOf(launcher))
  assert.match(execFileSync('python3', ['-c', SHRINK, `/proc/${launcher}`], { encoding: 'utf8' }), /^4096$/m)
  process.kill(program, 'SIGSTOP')
  run.control?.write(words(['x'.repeat(60_000)]))
  const ended = await Promise.race([run.result.then(() => true), sleep(6_000).then(() => false)])
  if (!ended) process.kill(program, 'SIGKILL')
  assert.ok(ended, 'the launcher has ended what does not listen')
})
