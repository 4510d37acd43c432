import { PluginError } from '../core/errors.ts'
import { findTool, packageOfTool, spawn } from './host-tools.ts'

/**
 * Sends one line to this host's syslog, as `auth.notice` of `bulkhead`: where such lines are sent on to another host,
 * they are beyond the reach of whoever owns this one. `socket`: another than the host's own.
 *
 * @throws PluginError `SYSLOG_FAILED`
 */
export function sendToSyslog(line: string, socket?: string): void {
  const path = findTool('logger')
  if (path === null) {
    throw failed('there is no logger on this host', { hint: `apt-get install ${packageOfTool('logger')}` })
  }
  const to = socket === undefined ? [] : ['--socket', socket]
  // Left to itself, logger says nothing and succeeds where no syslog listens.
  const { status, signal, error, stderr } = spawn(path, [
    '--socket-errors=on',
    ...to,
    '--priority',
    'auth.notice',
    '--tag',
    'bulkhead',
    '--',
    line,
  ])
  // It goes on after some failures to send, and says them only.
  if (status === 0 && stderr.trim() === '') return
  const why = error?.message ?? (stderr.trim().split('\n').at(-1) || (signal ?? `exit ${status}`))
  throw failed(why, {
    hint: 'is a syslog service running here? without one, keep the printed head elsewhere',
    cause: error,
  })
}

const failed = (why: string, extras: { readonly hint: string; readonly cause?: unknown }): PluginError =>
  new PluginError('SYSLOG_FAILED', `cannot send the head of the audit trail to syslog: ${why}`, extras)
