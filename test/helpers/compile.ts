import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { access, chmod, constants, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Compiles a C program for a test and gives the path of the binary.
 *
 * Each is compiled once and kept by its digest, in BULKHEAD_TEST_FIXTURES or below node_modules/.cache. The emulated
 * machine of `npm run test:vm`, where a compiler is slow, takes that folder along.
 */
export async function compile(source: string, options: { static?: boolean } = {}): Promise<string> {
  const flags = ['-std=gnu17', '-O1', '-pthread', ...(options.static ? ['-static'] : [])]
  const digest = createHash('sha256')
    .update(JSON.stringify([process.arch, flags, source]))
    .digest('hex')
  const folder = (await isWritable(FIXTURES)) ? FIXTURES : await ownFolder()
  for (const kept of [join(FIXTURES, digest), join(folder, digest)]) {
    if (await isExecutable(kept)) return kept
  }

  const scratch = await mkdtemp(join(folder, '.compiling-'))
  try {
    await writeFile(join(scratch, 'payload.c'), source)
    await run(process.env.CC ?? 'cc', [...flags, '-o', 'payload', 'payload.c'], { cwd: scratch })
    // Two test files may want the same payload at once: the last rename wins, and both are whole.
    await rename(join(scratch, 'payload'), join(folder, digest))
    return join(folder, digest)
  } catch (error) {
    throw new Error(sentence(error, digest), { cause: error })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const FIXTURES = resolve(
  process.env.BULKHEAD_TEST_FIXTURES ?? join(import.meta.dirname, '../../node_modules/.cache/bulkhead-fixtures'),
)

// An ordinary user may be testing in root's checkout. The folder is per process: a shared name in /tmp could be anyone's.
let own: Promise<string> | undefined
function ownFolder(): Promise<string> {
  own ??= mkdtemp(join(tmpdir(), 'bulkhead-fixtures-')).then(async (folder) => {
    await chmod(folder, 0o755) // a payload is often run as somebody else
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    return folder
  })
  return own
}

async function isWritable(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

function sentence(error: unknown, digest: string): string {
  const { code, stderr } = error as { code?: unknown; stderr?: string }
  if (code !== 'ENOENT') return `cannot compile a test's payload: ${stderr || String(error)}`
  return (
    `cannot compile a test's payload: there is no C compiler, and no ${digest} in ${FIXTURES}; ` +
    'run the same tests once where there is one (npm test), which keeps their payloads there'
  )
}
