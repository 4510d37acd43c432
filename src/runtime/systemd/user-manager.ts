// The systemd of an ordinary user, asked for what only it can do: keep a delegated cgroup (a service of its own) and
// move a process into it from a login session, whose cgroup belongs to root.

import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { IsolationError } from '../../core/errors.ts'
import { converse } from './conversation.ts'
import { array, type Call, flag, HELLO, struct, text, u32, u64, type Value, variant } from './dbus.ts'

/** The unit whose cgroup holds all sandboxes of a user; `systemctl --user stop bulkhead` ends them all. */
export const UNIT = 'bulkhead.service'
/** Below it, what watches over sandboxes: the unit's own process, and launchers that came from a login session. */
export const SUPERVISORS = 'supervisors'

const WAIT_MS = 30_000
const UNLIMITED = 2n ** 64n - 1n

/** Not from `$XDG_RUNTIME_DIR`: whoever sets variables must not choose whom we talk to. */
const socketsOf = (uid: number) => ({
  bus: `/run/user/${uid}/bus`,
  own: `/run/user/${uid}/systemd/private`,
})

/** Looked up on disk only: who is asked is asked when something is needed. */
export function surveySystemd(uid: number): {
  readonly booted: boolean
  readonly bus: boolean
  readonly user: boolean
} {
  const { bus, own } = socketsOf(uid)
  return {
    // sd_booted(3)
    booted: existsSync('/run/systemd/system'),
    bus: existsSync('/run/dbus/system_bus_socket'),
    user: existsSync(own) || existsSync(bus),
  }
}

/** Starts the unit that keeps the cgroup `directory`, if it does not run yet; `binary` is the launcher. */
export async function startUnit(uid: number, directory: string, binary: string): Promise<void> {
  const property = (name: string, value: Value): Value => struct(text(name), variant(value))
  const properties = [
    property('Description', text('Sandboxes of Bulkhead')),
    property('Type', text('exec')),
    property(
      'ExecStart',
      array('(sasb)', [struct(text(binary), array('s', [text(binary), text('--hold')]), flag(false))]),
    ),
    property('Delegate', flag(true)),
    // A sandbox that meets its memory limit is no reason to end the others.
    property('OOMPolicy', text('continue')),
    property('TasksMax', u64(UNLIMITED)),
    property('TimeoutStopUSec', u64(5_000_000n)),
    property('CollectMode', text('inactive-or-failed')),
  ]
  const body = [text(UNIT), text('fail'), array('(sv)', properties), array('(sa(sv))', [])]
  const purpose = `start ${UNIT}`
  await ask(uid, purpose, 'StartTransientUnit', body, ['org.freedesktop.systemd1.UnitExists'])
  await until(purpose, () => isUp(directory, binary))
}

/** Has its process come so far that nobody will put it there again? Or has another run moved it on already? */
function isUp(directory: string, binary: string): boolean {
  if (existsSync(`${directory}/${SUPERVISORS}`)) return true
  try {
    const [pid = ''] = readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n')
    // TASK_COMM_LEN cuts a name to 15 bytes.
    return pid !== '' && readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() === basename(binary).slice(0, 15)
  } catch {
    return false
  }
}

/** Moves a process of the caller into the unit's cgroup. The user's manager has the system's do it where it may not. */
export async function adopt(uid: number, pid: number): Promise<void> {
  const body = [text(UNIT), text(`/${SUPERVISORS}`), array('u', [u32(pid)])]
  await ask(uid, `move the run into ${UNIT}`, 'AttachProcessesToUnit', body)
}

async function ask(
  uid: number,
  purpose: string,
  member: string,
  body: readonly Value[],
  fine: readonly string[] = [],
): Promise<void> {
  const { bus, own } = socketsOf(uid)
  // systemd's own socket needs no bus to be running, and no introduction.
  const direct = existsSync(own)
  const call: Call = {
    serial: 2,
    destination: 'org.freedesktop.systemd1',
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member,
    body,
  }
  try {
    const error = await converse({
      socket: direct ? own : bus,
      uid,
      calls: direct ? [call] : [HELLO, call],
      waitMs: WAIT_MS,
    })
    if (error !== null && !fine.includes(error.name)) throw new Error(error.sentence || error.name)
  } catch (error) {
    throw refused(purpose, error as Error)
  }
}

const refused = (purpose: string, cause: Error): IsolationError =>
  new IsolationError('SANDBOX_UNAVAILABLE', `cannot ${purpose} of this user's systemd: ${cause.message}`, {
    cause,
    hint: 'systemctl --user status; journalctl --user -n 20; plugins doctor',
    details: { layer: 'memory' },
  })

async function until(purpose: string, done: () => boolean): Promise<void> {
  const { setTimeout: sleep } = process.getBuiltinModule('node:timers/promises')
  for (const deadline = Date.now() + WAIT_MS; !done(); await sleep(2)) {
    if (Date.now() > deadline) throw refused(purpose, new Error(`it is not up after ${WAIT_MS / 1000} s`))
  }
}
