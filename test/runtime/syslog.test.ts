import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findTool } from '../../src/runtime/host-tools.ts'
import { sendToSyslog } from '../../src/runtime/syslog.ts'

const skip = findTool('logger') === null && 'there is no logger (bsdutils)'
if (skip !== false) console.log(`skipped: ${skip}`)

/** What a syslog service listens with; Node has no datagram sockets of that kind. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
print(s.recv(65536).decode(), flush=True)`

test('a line reaches the syslog service as auth.notice of bulkhead', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-syslog-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const socket = join(folder, 'log')
  const service = spawn('python3', ['-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => service.kill())
  let heard = ''
  service.stdout.setEncoding('utf8').on('data', (text: string) => {
    heard += text
  })
  await once(service.stdout, 'data')
  sendToSyslog('-audit head 3:abc of /home', socket)
  await once(service, 'exit')
  // auth is facility 4, notice is 5: 4 * 8 + 5.
  assert.match(heard, /<37>.*bulkhead\b.*: -audit head 3:abc of \/home/)
})

test('where nothing listens, that is an error and not a silent success', { skip }, () => {
  assert.throws(() => sendToSyslog('audit head', '/nonexistent/log'), {
    code: 'SYSLOG_FAILED',
    exitCode: 1,
    message: /^cannot send the head of the audit trail to syslog: logger: .*\/nonexistent\/log/,
  })
})
