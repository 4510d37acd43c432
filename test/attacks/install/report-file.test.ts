import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

test('the report of a refused run replaces a link that was put there, and not what it leads to', async (t) => {
  const attacked = await AttackedHome.make(t)
  const victim = join(attacked.base, 'victim')
  const reportFile = join(attacked.base, 'report.json')
  writeFileSync(victim, 'precious')
  symlinkSync(victim, reportFile)
  await attacked.with(async (manager) => {
    await assert.rejects(manager.execute('acme/hello', { reportFile }), { exitCode: 125 })
  })
  assert.equal(readFileSync(victim, 'utf8'), 'precious')
  assert.equal(lstatSync(reportFile).isFile(), true)
  assert.equal(JSON.parse(readFileSync(reportFile, 'utf8')).error, 'NOT_INSTALLED')
})

test('a report that cannot be written is said', async (t) => {
  const attacked = await AttackedHome.make(t)
  const reportFile = join(attacked.base, 'folder')
  mkdirSync(reportFile)
  await attacked.with(async (manager) => {
    await assert.rejects(manager.execute('acme/hello', { reportFile }), { code: 'FILE_UNWRITABLE' })
  })
})
