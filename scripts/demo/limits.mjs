import { connect, createServer } from 'node:net'
import { describe, readOutcome } from './outcome.mjs'

/** Three limits that a plugin runs into, and what its host is told. */
export async function limits(demo) {
  const { shell, screen } = demo
  screen.chapter('acme/mischief: a plugin that does what none should')
  const tarball = 'dist/acme-mischief-1.0.0.tgz'
  await shell.plugins(['pack', 'demo/plugins/mischief', '--out', 'dist'])
  await shell.plugins(['sign', tarball, '--key', 'acme.key'])
  await shell.plugins(['install', tarball, '--yes'], { says: 'installed acme/mischief 1.0.0' })

  await memory(demo)
  await timeout(demo)
  await network(demo)
}

async function memory(demo) {
  demo.screen.chapter('A limit met: memory')
  await mischief(demo, 'memory', { args: ['hoard'], exit: 137, outcome: 'limited', limit: 'memory' })
}

async function timeout(demo) {
  demo.screen.chapter('A limit met: time')
  const flags = ['--timeout', '1s']
  await mischief(demo, 'time', { flags, args: ['linger'], exit: 124, outcome: 'limited', limit: 'wall-time' })
}

async function network(demo) {
  const { screen, score } = demo
  screen.chapter('A limit met: network')
  // A listener of this host, so that "cannot connect" is the sandbox's doing and not that of a machine without network.
  const listener = createServer((socket) => socket.end())
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address()
  try {
    screen.say(`This demo listens on 127.0.0.1:${port}, and anybody on this machine can connect:`)
    const reached = await answers(port)
    score.expect(reached, `the demo cannot connect to its own listener on port ${port}`)
    screen.show(`127.0.0.1:${port}: connected, outside of the sandbox`)
    const targets = [`127.0.0.1:${port}`, '1.1.1.1:443', 'example.com:443', '169.254.169.254:80']
    const says = targets.map((target) => new RegExp(`^${target.replaceAll('.', '\\.')}: \\[Errno`, 'm'))
    await mischief(demo, 'network', { args: ['phone', ...targets], exit: 0, outcome: 'exited', limit: null, says })
  } finally {
    listener.close()
  }
}

async function mischief(
  { shell, stage, screen, score, summary },
  what,
  { flags = [], args, exit, outcome, limit, says = [] },
) {
  const report = `${what}.json`
  await shell.plugins(['run', 'acme/mischief', ...flags, '--report', report, '--', ...args], { exit, says })
  const met = readOutcome(stage.path(report))
  const { code, signal } = met
  const most = JSON.stringify({ outcome: met.outcome, limit: met.limit, code, signal }).slice(0, -1)
  screen.show(`${report}: ${most}, …}`)
  score.expect(
    met.outcome === outcome && met.limit === limit,
    `${report} says ${met.outcome} (limit: ${met.limit}), expected ${outcome} (limit: ${limit})`,
  )
  const shown = what === 'network' ? 'contained: nothing answered' : describe(met)
  screen.passed(shown)
  summary.limits.push([what, shown, exit])
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
