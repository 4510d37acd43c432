// npm run attacks: every test of test/attacks, and then a table of what the attack suite found in this very command.
// `--json` puts the table on stdout as one JSON document; patterns run those tests alone. Fails when anything escapes, and
// when an attack does not succeed without the layers that the table names.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const args = process.argv.slice(2)
const json = args.includes('--json')
const patterns = args.filter((arg) => arg !== '--json')
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-attacks-'))

function run(script, given, stdout) {
  const env = { ...process.env, BULKHEAD_ATTACKS_FOLDER: folder }
  const { status, error } = spawnSync(process.execPath, [join(root, script), ...given], {
    cwd: root,
    stdio: ['inherit', stdout, 'inherit'],
    env,
  })
  if (error) throw error
  return status ?? 1
}

try {
  const tests = run(
    'scripts/test.mjs',
    patterns.length > 0 ? patterns : ['test/attacks/**/*.test.ts'],
    json ? 2 : 'inherit',
  )
  const table = run('test/attacks/suite/report.ts', [folder, ...(json ? ['--json'] : [])], 'inherit')
  process.exitCode = tests || table
} finally {
  rmSync(folder, { recursive: true, force: true })
}
