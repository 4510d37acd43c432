import type { Stage } from './stage.ts'
import { type Row, rowOf } from './table.ts'

/** What each command costs before it does anything worth waiting for. */
export async function startup(stage: Stage): Promise<Row[]> {
  const { home, name, tarball, folder } = await stage.wordCount()
  const commands = [
    ['--version'],
    ['--help'],
    ['schema'],
    ['validate', folder],
    ['list'],
    ['info', name],
    ['history'],
    ['trust', 'list'],
    ['trust', 'root', 'list'],
    ['ps'],
    ['audit'],
    ['audit', '--verify'],
    ['verify', tarball],
    ['verify', name],
    ['verify', '--all'],
    ...(stage.noRoot === null ? [['run', name, '--dry-run'], ['doctor']] : []),
  ]
  const contenders = [stage.node, ...commands.map((command) => stage.plugins(home, ...command))]
  const timings = await stage.driver.time(
    contenders.map((argv) => ({ argv })),
    stage.rounds(20, 3),
    1,
  )
  const theirs = timings[0]?.ms ?? []
  return commands.map((command, at) => {
    const shown = command.map((word) =>
      word === tarball ? 'X.tgz' : word === folder ? 'DIR' : word === name ? 'NAME' : word,
    )
    const work = `plugins ${shown.join(' ')}`
    return rowOf({ work, against: 'node -e 0', unit: 'ms', ours: timings[at + 1]?.ms ?? [], theirs })
  })
}
