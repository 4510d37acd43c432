import { accessSync, closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { CallError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import { childrenOf } from '../proc.ts'

/** open(2); Node has no name for it. What is opened so can be looked at and passed through, and nothing else. */
const O_PATH = 0o10000000
const { O_DIRECTORY, O_NOFOLLOW } = constants

/** Where a plugin makes its sockets, as it sees it: its TMPDIR. */
export const SOCKET_FOLDER = '/tmp'
/** unix(7): a path of 108 bytes with its NUL; go-plugin's own names are far shorter. */
const ADDRESS = /^\/tmp\/([A-Za-z0-9_][A-Za-z0-9._-]{0,99})$/

/** A socket that is held by what it is, not by its name: whatever the plugin puts there next is not what is connected to. */
export interface HeldSocket {
  /** For connect(2), while it is held. */
  readonly path: string
  close(): void
}

/**
 * The private /tmp of one run, reached through /proc. It is opened once, when the run is known to go on, and names in it are
 * looked up in what was opened: no number of a process that has ended, and is given again, leads anywhere else.
 */
export class PluginFolder {
  readonly #name: string
  readonly #fd: number
  readonly #held = new Set<number>()
  #isClosed = false

  private constructor(name: string, fd: number) {
    this.#name = name
    this.#fd = fd
  }

  /** `initPid`: the host's number of the sandbox's pid 1. @throws CallError `GRPC_SOCKET_UNAVAILABLE` */
  static open(name: string, initPid: number): { readonly folder: PluginFolder; readonly pid: number } {
    let fd = -1
    let pid = -1
    try {
      pid = payloadOf(initPid)
      fd = openTmp(pid, initPid)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const isForbidden = code === 'EACCES' || code === 'EPERM'
      const why = isForbidden ? 'this process may not look into it, which takes CAP_SYS_PTRACE' : message
      throw unavailable(name, `its /tmp cannot be reached: ${why}`, error)
    }
    try {
      assertPrivate(name, fd)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    return { folder: new PluginFolder(name, fd), pid }
  }

  /** @throws CallError `GRPC_ADDRESS_REFUSED`: it is not a socket in the plugin's own folder */
  hold(address: string): HeldSocket {
    const refuse = (why: string, cause?: unknown) =>
      new CallError(
        'GRPC_ADDRESS_REFUSED',
        `cannot connect to ${this.#name}: its address "${printable(address, 120)}" ${why}`,
        {
          hint: `a plugin has its sockets in ${SOCKET_FOLDER}, which is TMPDIR`,
          ...(cause === undefined ? {} : { cause }),
        },
      )
    const [, base] = ADDRESS.exec(address) ?? []
    if (base === undefined) throw refuse(`is not ${SOCKET_FOLDER}/ and one plain name`)
    this.#assertOpen()
    let fd: number
    try {
      fd = openSync(`/proc/self/fd/${this.#fd}/${base}`, O_PATH | O_NOFOLLOW)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EACCES') throw unavailable(this.#name, 'this user may not look into its /tmp', error)
      throw refuse(code === 'ENOENT' ? 'is not there' : `cannot be opened (${code})`, error)
    }
    if (!fstatSync(fd).isSocket()) {
      closeSync(fd)
      throw refuse('is no socket')
    }
    try {
      accessSync(`/proc/self/fd/${fd}`, constants.W_OK)
    } catch (error) {
      closeSync(fd)
      throw unavailable(this.#name, 'its socket is closed to this user', error)
    }
    this.#held.add(fd)
    return { path: `/proc/self/fd/${fd}`, close: () => this.#release(fd) }
  }

  /** What was held is let go of, too: by then nothing may connect any more. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const fd of this.#held) closeSync(fd)
    this.#held.clear()
    closeSync(this.#fd)
  }

  #release(fd: number): void {
    if (this.#held.delete(fd)) closeSync(fd)
  }

  #assertOpen(): void {
    if (!this.#isClosed) return
    throw new CallError('PLUGIN_ENDED', `cannot connect to ${this.#name}: it was closed`)
  }
}

/** Pid 1 of a sandbox is ours and not to be looked into; its first child is the plugin. */
function payloadOf(initPid: number): number {
  const [first] = childrenOf(initPid)
  if (first === undefined) throw new Error('the plugin has no process')
  return first
}

function openTmp(pid: number, initPid: number): number {
  // A number can be given again; what is opened is one process, and fails when that one has gone.
  const process = openSync(`/proc/${pid}`, O_PATH | O_DIRECTORY)
  try {
    const stat = readFileSync(`/proc/self/fd/${process}/stat`, 'latin1')
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(parent) !== initPid) throw new Error('the plugin has gone')
    return openSync(`/proc/self/fd/${process}/root${SOCKET_FOLDER}`, O_PATH | O_DIRECTORY | O_NOFOLLOW)
  } finally {
    closeSync(process)
  }
}

/** Without a mount namespace (`--weaker`) /tmp is everybody's, and a name in it may be anybody's socket. */
function assertPrivate(name: string, fd: number): void {
  const [found, ours] = [fstatSync(fd), statSync(SOCKET_FOLDER, { throwIfNoEntry: false })]
  if (found.dev !== ours?.dev || found.ino !== ours.ino) return
  throw unavailable(name, 'its /tmp is that of this host; it runs without the layer mount-namespace')
}

function unavailable(name: string, why: string, cause?: unknown): CallError {
  return new CallError('GRPC_SOCKET_UNAVAILABLE', `cannot connect to ${name}: ${why}`, {
    hint: 'docs/go-plugin.md says on which hosts plugins of protocol grpc can be spoken with',
    ...(cause === undefined ? {} : { cause }),
  })
}
