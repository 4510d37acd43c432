import type { HookRun, Manifest } from '../core/manifest.ts'
import type { Interpreter } from './interpreter.ts'
import { COMPILE_CACHE_INSIDE, SETTINGS_INSIDE } from './plan-binds.ts'

/** A run that is of a hook: which, and the version whose place is taken. */
export interface HookCall {
  readonly name: HookRun
  readonly from: string | null
}

/**
 * DESIGN §5: the environment is built from nothing. HOME is /tmp, which ends with the run, and never /data: interpreters
 * load code from a home, and what one run writes there would be the next one's code.
 */
export function buildEnvironment(
  manifest: Manifest,
  kind: Interpreter['kind'],
  given: {
    readonly data: boolean
    readonly grants: Readonly<Record<string, string>>
    readonly hook?: HookCall | null
    readonly settings?: boolean
    readonly compileCache?: boolean
    readonly handshake?: Readonly<Record<string, string>>
  },
): Record<string, string> {
  const granted = manifest.permissions.env.filter((name) => Object.hasOwn(given.grants, name))
  return {
    ...Object.fromEntries(granted.map((name) => [name, given.grants[name] ?? ''])),
    ...given.handshake,
    PATH: '/usr/bin:/bin',
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    PLUGIN_NAME: manifest.name,
    PLUGIN_VERSION: manifest.version,
    ...(given.data ? { PLUGIN_DATA: '/data' } : {}),
    ...(given.settings ? { PLUGIN_CONFIG: SETTINGS_INSIDE } : {}),
    ...(given.compileCache ? { NODE_COMPILE_CACHE: COMPILE_CACHE_INSIDE } : {}),
    ...(given.hook ? { PLUGIN_HOOK: given.hook.name } : {}),
    ...(given.hook?.from ? { PLUGIN_FROM_VERSION: given.hook.from } : {}),
    ...(kind === 'python' ? { PYTHONDONTWRITEBYTECODE: '1' } : {}),
  }
}

/**
 * Flags between the interpreter and the entry.
 *
 * Node sees no cgroup inside and would size its heap by the machine. A heap just below the memory limit, growing by 15 %
 * a step, and a young generation in proportion make it collect in time: programs whose live data is 66 % of the limit
 * keep running, where 40 % was killed without (measured from 96 to 512 MiB). The heap is no smaller than that on purpose:
 * a program that keeps everything must meet the cgroup, and end as `limited: memory`, not as an abort of V8.
 * `--no-global-search-paths`: no code from $HOME.
 *
 * Python: no user site (-s), no PYTHON* variables (-E), no .pyc (-B). Not -I or -P: the plugin's own modules lie beside
 * its entry and must be importable.
 */
export function interpreterFlags(kind: Interpreter['kind'], memoryBytes: number): readonly string[] {
  switch (kind) {
    case 'node': {
      const memoryMiB = Math.floor(memoryBytes / 2 ** 20)
      const youngMiB = memoryMiB < 256 ? 2 : memoryMiB < 512 ? 4 : memoryMiB < 1024 ? 8 : 16
      const heap = [`--max-old-space-size=${memoryMiB - 12}`, `--max-semi-space-size=${youngMiB}`]
      return [...heap, '--heap-growing-percent=15', '--no-global-search-paths']
    }
    case 'python':
      return ['-s', '-E', '-B']
    case 'package':
    case 'script':
      return []
  }
}
