import assert from 'node:assert/strict'
import { readFileSync, rmdirSync } from 'node:fs'
import { test } from 'node:test'
import { asDiskFailed, isOfDisk } from '../../src/core/disk-failure.ts'
import { PluginError, StoreError } from '../../src/core/errors.ts'

const thrownBy = (work: () => unknown): unknown => {
  try {
    return work()
  } catch (error) {
    return error
  }
}

test('what Node says of a file becomes an error with a code, and keeps its cause', () => {
  const error = thrownBy(() => rmdirSync('/proc/self'))
  const failed = asDiskFailed('finish it', error)
  assert.ok(failed instanceof StoreError)
  assert.equal(failed.code, 'DISK_FAILED')
  assert.match(failed.message, /^cannot finish it: E[A-Z]+: .*'\/proc\/self'$/)
  assert.equal(failed.cause, error)
})

test('what Node has no code for is told without the place where one would stand', () => {
  const unknown = Object.assign(new Error(", Unknown error: Device or resource busy '/x'"), { code: '', syscall: 'rm' })
  assert.equal((asDiskFailed('remove it', unknown) as Error).message, "cannot remove it: Device or resource busy '/x'")
})

test('an error of ours, a bug, and what is no file stay as they are', () => {
  const spawned = Object.assign(new Error('spawn x ENOENT'), { code: 'ENOENT', syscall: 'spawn x', path: 'x' })
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
  const ours = new PluginError('DISK_FAILED', 'cannot do it', { cause: thrownBy(() => readFileSync('/nowhere')) })
  for (const error of [spawned, refused, ours, new TypeError('a bug'), null, 'text']) {
    assert.equal(asDiskFailed('finish it', error), error)
    assert.equal(isOfDisk(error), false)
  }
})
