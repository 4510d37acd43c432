// Compiled code that somebody else could have written is not run, though it is well made: it would be run by whoever starts a plugin.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { evilCode, KeptCode } from '../../helpers/kept-code.ts'

const isRoot = process.geteuid?.() === 0

/** What keeps it from being run, and how it is then. */
const FOREIGN: Readonly<Record<string, (file: string) => void>> = {
  'others may write': (file) => chmodSync(file, 0o646),
  'its group may write': (file) => chmodSync(file, 0o664),
  ...(isRoot ? { 'belongs to another user': (file: string) => chownSync(file, 12345, 0) } : {}),
  'is a link': (file) => {
    renameSync(file, `${file}.real`)
    symlinkSync(`${file}.real`, file)
  },
  'is a FIFO': (file) => {
    rmSync(file)
    execFileSync('mkfifo', [file])
  },
  'is a folder': (file) => {
    rmSync(file)
    mkdirSync(file)
  },
}

for (const [what, become] of Object.entries(FOREIGN)) {
  test(`compiled code that ${what} is not run`, { timeout: 10_000 }, () => {
    using code = new KeptCode()
    code.handOver()
    const { file } = code
    code.plant(evilCode())
    chmodSync(file, 0o644)
    assert.equal(code.says(), 'evil', 'the attack as such')
    become(file)
    assert.equal(code.says(), 'good')
  })
}
