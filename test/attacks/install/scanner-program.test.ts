// Whoever can change a scanner decides what is installed, and acts as the owner of the home.

import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { script } from '../../helpers/script.ts'

const notRoot = process.geteuid?.() !== 0 && 'needs root, to give a file to another user'
if (notRoot !== false) console.log(`skipped in part: ${notRoot}`)

interface Danger {
  readonly what: string
  readonly skip?: string | false
  /** Makes the program unsafe; gives the path that config.json names. */
  readonly make: (program: string, attacked: AttackedHome) => string
}

const DANGERS: readonly Danger[] = [
  {
    what: 'that everybody can write',
    make: (program) => {
      chmodSync(program, 0o777)
      return program
    },
  },
  {
    what: 'in a folder that everybody can write',
    make: (program) => {
      chmodSync(dirname(program), 0o777)
      return program
    },
  },
  {
    what: 'that belongs to somebody else',
    skip: notRoot,
    make: (program) => {
      chownSync(program, 12_345, 12_345)
      return program
    },
  },
  {
    what: 'that is a link',
    make: (program) => {
      symlinkSync(program, `${program}.link`)
      return `${program}.link`
    },
  },
  {
    what: 'behind a folder that is a link',
    make: (program, { base }) => {
      symlinkSync(dirname(program), join(base, 'bin'))
      return join(base, 'bin', 'scan')
    },
  },
  {
    what: 'that is not there',
    make: (program) => {
      renameSync(program, `${program}.old`)
      return program
    },
  },
  {
    what: 'that is a folder',
    make: (program) => {
      mkdirSync(`${program}.d`)
      return `${program}.d`
    },
  },
  {
    what: 'that may not be executed',
    make: (program) => {
      chmodSync(program, 0o644)
      return program
    },
  },
]

async function installWith(t: TestContext, make: Danger['make']): Promise<{ ran: boolean; attacked: AttackedHome }> {
  const attacked = await AttackedHome.make(t)
  const mark = join(attacked.base, 'ran')
  const program = make(script(t, `touch ${mark}`), attacked)
  const scanners = [{ name: 'unsafe', command: [program] }]
  writeFileSync(join(attacked.home, 'config.json'), JSON.stringify({ scanners }), { mode: 0o600 })
  await assert.rejects(attacked.install(), { code: 'SCANNER_FAILED', message: /the scanner unsafe gave no verdict/ })
  return { ran: existsSync(mark), attacked }
}

for (const { what, make, skip = false } of DANGERS) {
  test(`a scanner ${what} is not started, and refuses`, { skip }, async (t) => {
    const { ran, attacked } = await installWith(t, make)
    assert.equal(ran, false)
    await attacked.with((manager) => {
      assert.deepEqual(manager.list(), [])
      const [told] = manager.audit('acme/hello', 100).filter(({ kind }) => kind === 'scanned')
      assert.equal(told?.details.verdict, 'failed')
    })
  })
}

test('what a scanner says reaches no terminal as it is, nor fills the trail', async (t) => {
  const attacked = await AttackedHome.make(t)
  const evil = '\\u001b[2J\\u202e'
  const findings = Array.from({ length: 500 }, () => `{"file":"${evil}${'x'.repeat(1_500)}"}`).join(',')
  const body = `cat <<'END'\n{"verdict":"refuse","reason":"${evil}${'y'.repeat(9_000)}","findings":[${findings}]}\nEND`
  const scanners = [{ name: 'loud', command: [script(t, body)] }]
  writeFileSync(join(attacked.home, 'config.json'), JSON.stringify({ scanners }), { mode: 0o600 })
  await assert.rejects(attacked.install(), (error: Error) => {
    assert.match(error.message, /refused it \(\\u\{1b\}\[2J\\u\{202e\}y+…\)/)
    return true
  })
  await attacked.with((manager) => {
    const [told] = manager.audit('acme/hello', 100).filter(({ kind }) => kind === 'scanned')
    assert.equal(told?.details.findingsCount, 500)
    assert.ok(JSON.stringify(told?.details).length < 40_000)
    assert.doesNotMatch(JSON.stringify(told), /\u001b|\u202e/)
  })
})
