import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A shell script as an operator would install it: ours, executable, in a folder that nobody else can write. */
export function script(t: TestContext, body: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-script-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'scan')
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}
