import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'

test('a file whose name is no UTF-8 does not hide behind a signed one that reads alike', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install({ files: { 'a\ufffd.js': '1' } })
  const { path } = await attacked.with((manager) => manager.info('acme/hello'))
  const raw = Buffer.concat([Buffer.from(join(path, 'root', 'plugin', 'a')), Buffer.from([0xff]), Buffer.from('.js')])
  writeFileSync(raw, 'steal()', { mode: 0o644 })
  const { error } = await attacked.with((manager) => manager.verify('acme/hello'))
  assert.equal(error?.code, 'MODIFIED')
})
