// A scanner works as the owner of the home, and so does whatever a hostile file makes of its parser: what it leaves behind
// is not believed to be the signed tree.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { script } from '../../helpers/script.ts'

const CHANGES: Readonly<Record<string, string>> = {
  'a changed file': 'echo evil > "$BULKHEAD_PLUGIN_PATH/main.js"',
  'a file of the same size': 'printf "console.log(\\"HELLO\\")\\n" > "$BULKHEAD_PLUGIN_PATH/main.js"',
  'an additional file': 'echo evil > "$BULKHEAD_PLUGIN_PATH/preload.js"',
  'a missing file': 'rm "$BULKHEAD_PLUGIN_PATH/main.js"',
  'another mode': 'chmod 4755 "$BULKHEAD_PLUGIN_PATH/main.js"',
  'a link in a place of a file': 'cd "$BULKHEAD_PLUGIN_PATH" && mv main.js "$0.js" && ln -s "$0.js" main.js',
  'a changed chroot directory': 'echo evil > "$BULKHEAD_PLUGIN_PATH/../etc/hosts"',
  'a changed bundle': 'echo evil > "$BULKHEAD_PLUGIN_PATH/../../bundle.sigstore.jsonl"',
  'a file beside the chroot directory': 'echo evil > "$BULKHEAD_PLUGIN_PATH/../../files.json"',
  'a tree put aside': 'mv "$BULKHEAD_PLUGIN_PATH" "$BULKHEAD_PLUGIN_PATH.old" && mkdir "$BULKHEAD_PLUGIN_PATH"',
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`a scanner that passes and leaves ${what} ends the install`, async (t) => {
    const attacked = await AttackedHome.make(t)
    const scanners = [{ name: 'taken-over', command: [script(t, change)] }]
    writeFileSync(join(attacked.home, 'config.json'), JSON.stringify({ scanners }), { mode: 0o600 })
    await assert.rejects(attacked.install(), {
      code: 'MODIFIED',
      message: /^cannot install acme\/hello 1\.0\.0: after/,
    })
    await attacked.with((manager) => assert.deepEqual(manager.list(), []))
    assert.deepEqual(attacked.staged(), [])
  })
}
