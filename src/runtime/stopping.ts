import { PluginError } from '../core/errors.ts'
import { parseStrictJson } from '../core/json.ts'
import { Fields, ReportFault } from './fields.ts'

/** `ended`: within its grace; `killed`: when that was over; `gone`: before anybody asked. */
export type Stopped = 'ended' | 'killed' | 'gone'

export interface Launched {
  readonly pid: number
  /** Field 22 of /proc/PID/stat: with the pid it names one process. */
  readonly start: string
}

/** What the launcher may need to take down a tree, deliver its last output and sweep, beyond the grace. */
const AFTERWARDS_MS = 10_000

/** Ends a run through its launcher, and waits until it is gone. @throws PluginError `STOP_FAILED` */
export async function stopLauncher(
  binary: string,
  { pid, start }: Launched,
  graceMs: number,
): Promise<{ readonly how: Stopped; readonly ms: number }> {
  const { execFile } = process.getBuiltinModule('node:child_process')
  const { promise, resolve, reject } = Promise.withResolvers<{ stdout: string; stderr: string }>()
  const timeout = graceMs + AFTERWARDS_MS
  execFile(binary, ['--stop', `${pid}`, start, `${graceMs}`], { env: {}, timeout }, (error, stdout, stderr) => {
    if (error === null) return resolve({ stdout, stderr })
    const said = stderr.trim().replace(/^plugins: cannot stop: /, '')
    reject(failed(said === '' ? error.message : said, error))
  })
  const { stdout } = await promise
  const json = parseStrictJson(Buffer.from(stdout), { maxBytes: 1024, maxDepth: 2 })
  if (!json.ok) throw failed(`the launcher's answer ${json.reason}`)
  try {
    const answer = new Fields(json.value, 'answer')
    const stopped = answer.oneOf('stopped', ['asked', 'killed', 'gone', 'stuck'])
    const ms = answer.count('ms')
    if (stopped === 'stuck') throw failed('the kernel has not let go of it')
    if (stopped === 'gone') return { how: 'gone', ms }
    return { how: stopped === 'killed' || ms >= graceMs ? 'killed' : 'ended', ms }
  } catch (error) {
    if (!(error instanceof ReportFault)) throw error
    throw failed(`the launcher's answer ${error.message}`, error)
  }

  function failed(why: string, cause?: unknown): PluginError {
    return new PluginError('STOP_FAILED', `cannot stop the run of process ${pid}: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      hint: `is it a run of another user? ps -o user,stat,args -p ${pid}`,
    })
  }
}
