// A mode under attack, as tests: one for each attack. What came of it is also written down for the table of `npm run attacks`.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext, TestOptions } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import type { Mode } from './attack.ts'
import type { Finding } from './campaign.ts'
import { besiege, whyNotMode } from './modes.ts'

/** Where the findings of this command are to be written, if anywhere. */
export const FOLDER = 'BULKHEAD_ATTACKS_FOLDER'

/** What one mode has to tell: its findings, or why there are none. */
export type Account = { readonly mode: Mode } & (
  | { readonly reason: string }
  | { readonly findings: readonly Finding[] }
)

/** What `test` takes. It is called in the file of the mode, so that whoever looks for what failed finds that. */
export function siege(mode: Mode): [title: string, options: TestOptions, work: (t: TestContext) => Promise<void>] {
  const reason = whyNotMode(mode)
  if (reason !== null) record({ mode, reason })
  const options = { skip: reason ?? false, timeout: 240_000 * SLOW }
  return [
    `${mode}: every attack fails, and succeeds without the layers that it tests`,
    options,
    async (t) => {
      const findings = await besiege(mode)
      record({ mode, findings })
      for (const { attack, contained, loose } of findings)
        await t.test(`${mode}: ${attack}`, { skip: contained.as === null && contained.words }, () => {
          assert.equal(contained.as, true, `with every layer it says: ${contained.words}`)
          assert.notEqual(loose.as, false, `without the layer it says: ${loose.words}`)
        })
    },
  ]
}

function record(account: Account): void {
  const folder = process.env[FOLDER]
  if (folder !== undefined) writeFileSync(join(folder, `${account.mode}.json`), JSON.stringify(account))
}
