// The C payloads of the tests. There is no compiler inside the machine, so they are compiled here, by the tests
// themselves: whoever runs them on this host fills the folder that test/helpers/compile.ts keeps them in.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Runs the tests here once if their payloads cannot all be in `folder` yet. What they find here is not the question. */
export function fillFixtures({ root, node, files, folder, say }) {
  const helpers = join(root, 'test', 'helpers')
  const sources = [...files, ...(existsSync(helpers) ? readdirSync(helpers).map((name) => `test/helpers/${name}`) : [])]
  const compiling = sources.some((file) => readFileSync(join(root, file), 'utf8').includes('/compile.ts'))
  if (!compiling || newestIn(folder) > Math.max(...sources.map((file) => changedAt(join(root, file))))) return

  say('running the tests here first, for their compiled payloads')
  spawnSync(node, ['--test', '--test-reporter=dot', ...files], {
    cwd: root,
    stdio: 'ignore',
    timeout: 300_000,
    env: { ...process.env, BULKHEAD_TEST_FIXTURES: folder },
  })
}

// compile.ts touches what it hands out, so the newest file tells when the tests ran last.
function newestIn(folder) {
  return existsSync(folder) ? Math.max(0, ...readdirSync(folder).map((name) => changedAt(join(folder, name)))) : 0
}

const changedAt = (path) => statSync(path).mtimeMs
