import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Config, DEFAULT_CONFIG } from '../../../src/core/config.ts'
import { ETC_FILES } from '../../../src/core/etc-files.ts'
import { Layout } from '../../../src/core/layout.ts'
import type { Manifest } from '../../../src/core/manifest.ts'
import { parseManifest } from '../../../src/core/manifest-parser.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import {
  closeData,
  findLauncher,
  forgetSpool,
  Launcher,
  makeSpoolFolder,
  Planner,
  type Run,
  type RunRequest,
} from '../../../src/runtime/index.ts'

/** Files of a package: text, or the path of a file to copy. All are executable. */
export type Files = Readonly<Record<string, string | { readonly copy: string }>>

export interface Ran {
  readonly outcome: Outcome
  readonly stdout: string
  readonly stderr: string
}

export interface House {
  readonly layout: Layout
  readonly planner: Planner
  /** Lays a release out as an install would. */
  release(files: Files): string
  request(manifest: object, files: Files, rest?: Partial<RunRequest>): RunRequest
  start(request: RunRequest): Promise<Run>
  run(manifest: object, files: Files, rest?: Partial<RunRequest> & { input?: string }): Promise<Ran>
}

const isRoot = process.geteuid?.() === 0

/** Why real launches cannot be tried here, for `test`'s `skip`; `false` where they can. */
export const cannotLaunch: string | false = (() => {
  if (!isRoot) return 'not root: rootless launches are tried in the emulated machine'
  try {
    findLauncher()
    return false
  } catch (error) {
    return (error as Error).message
  }
})()

export const manifestOf = (rest: object): Manifest =>
  parseManifest(Buffer.from(JSON.stringify({ name: 'acme/tried', version: '1.2.3', ...rest })))

/** A Bulkhead home of this test alone, gone when it ends. */
export function makeHouse(context: TestContext, config: Partial<Config> = {}): House {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-runtime-'))
  const layout = new Layout(home)
  context.after(() => {
    closeData(layout.data(manifestOf({ entry: { runtime: 'exec', path: 'x' } }).name))
    rmSync(home, { recursive: true, force: true })
  })
  const { uid, gid, username } = userInfo()
  const planner = new Planner({
    layout,
    caller: { uid, gid, user: username },
    config: { ...DEFAULT_CONFIG, ...config },
  })
  let count = 0

  const house: House = {
    layout,
    planner,
    release(files) {
      const release = join(home, 'plugins', `release-${count++}`)
      const root = join(release, 'root')
      const folders = [
        'plugin',
        'tmp',
        'data',
        'proc',
        'dev',
        'usr',
        'etc',
        'opt',
        'srv',
        'var',
        'home',
        'mnt',
        'media',
      ]
      for (const folder of folders) mkdirSync(join(root, folder), { recursive: true })
      for (const folder of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${folder}`, join(root, folder))
      for (const [file, text] of Object.entries(ETC_FILES)) writeFileSync(join(root, 'etc', file), text)
      for (const [path, content] of Object.entries(files)) {
        const file = join(root, 'plugin', path)
        mkdirSync(dirname(file), { recursive: true })
        if (typeof content === 'string') writeFileSync(file, content)
        else cpSync(content.copy, file)
        chmodSync(file, 0o755)
      }
      return release
    },
    request(manifest, files, rest = {}) {
      const run = `test-${process.pid}-${count++}`
      return { run, manifest: manifestOf(manifest), release: house.release(files), uid: 1_900_000_000 + count, ...rest }
    },
    async start(request) {
      const plan = await planner.prepare(request)
      const folder = plan.engine.name === 'native' ? undefined : makeSpoolFolder(layout.spool, plan.run)
      const run = new Launcher({ binary: findLauncher() }).start(plan, {}, { folder })
      const forget = () => forgetSpool(layout.spool, plan.run)
      if (folder !== undefined) run.outcome.then(forget, forget)
      return run
    },
    async run(manifest, files, { input, ...rest } = {}) {
      const run = await house.start(house.request(manifest, files, rest))
      run.stdin?.end(input ?? '')
      const [stdout, stderr, outcome] = await Promise.all([textOf(run.stdout), textOf(run.stderr), run.outcome])
      return { outcome, stdout, stderr }
    },
  }
  return house
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += chunk
  return text
}
