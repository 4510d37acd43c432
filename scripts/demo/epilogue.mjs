import { readdirSync } from 'node:fs'
import { inMegabytes } from './outcome.mjs'

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

export function printSummary({ screen, summary }) {
  screen.chapter('Summary')
  const seconds = (command) => (command === null ? '-' : `${command.seconds.toFixed(2)} s`)
  screen.table(
    ['plugin', 'files', 'size', 'pack', 'sign', 'verify', 'install', 'run'],
    summary.plugins.map(({ name, files, bytes, seconds: took }) => [
      name,
      files,
      inMegabytes(bytes),
      ...['pack', 'sign', 'verify', 'install', 'run'].map((step) => seconds(took[step])),
    ]),
    [1, 2, 3, 4, 5, 6, 7],
  )
  screen.gap()
  screen.table(['refused', 'verdict', 'exit code'], summary.refusals, [2])
  screen.gap()
  screen.table(['limit met', 'outcome', 'exit code'], summary.limits, [2])
}
