import { readdirSync } from 'node:fs'
import { inBytes } from './outcome.mjs'

const STEPS = ['pack', 'sign', 'verify', 'install', 'run']

/** What is left when all is done, and the table of it. */
export async function farewell({ shell, stage, screen, score }) {
  screen.chapter('What the host remembers')
  await shell.plugins(['history'], { says: ['acme/mischief', 'acme/everything'] })
  await shell.plugins(['audit', '--verify'], { says: 'none changed' })
  await shell.plugins(['remove', 'acme/mischief'], { says: 'removed acme/mischief 1.0.0' })
  const left = readdirSync(stage.path('home', 'staging'))
  score.expect(left.length === 0, `staging still holds ${left.join(', ')}`)
  screen.passed('the refused tarballs left nothing behind')
}

/** Also of a demo that ended early: then of what it came to. */
export function printSummary({ screen, summary: { plugins, refusals, limits } }) {
  if (plugins.length === 0) return
  screen.chapter('Summary')
  screen.table(
    ['plugin', 'files', 'size', ...STEPS],
    plugins.map(({ name, files, bytes, took }) => [name, files, inBytes(bytes), ...STEPS.map((step) => took[step])]),
    [1, 2, 3, 4, 5, 6, 7],
  )
  if (refusals.length > 0) {
    screen.gap()
    screen.table(['refused', 'verdict', 'exit code'], refusals, [2])
  }
  if (limits.length > 0) {
    screen.gap()
    screen.table(['limit met', 'outcome', 'exit code'], limits, [2])
  }
}
