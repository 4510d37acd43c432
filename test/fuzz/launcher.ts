import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, CLANG_PACKAGES, clang, FUZZED, type Fuzzed, LIBFUZZER } from '../runtime/launcher/fuzz/build.ts'
import { CORPUS } from './corpus.ts'

export interface LauncherPlan {
  /** Of all parts together. */
  readonly seconds: number
  readonly seed: number
  readonly findings: string
  readonly log: (line: string) => void
}

const INPUT_MAX = 16_384

/** The launcher's C code under libFuzzer, with the address and undefined-behaviour sanitizers. Gives an exit code. */
export function fuzzLauncher(plan: LauncherPlan): number {
  if (clang === undefined) {
    plan.log(`cannot fuzz the launcher: there is no clang (Debian: apt-get install ${CLANG_PACKAGES})`)
    return 1
  }
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-libfuzzer-'))
  try {
    const parts = Object.keys(FUZZED) as Fuzzed[]
    const seconds = Math.max(1, Math.floor(plan.seconds / parts.length))
    const statuses = parts.map((part) => fuzzPart(part, clang as string, folder, { ...plan, seconds }))
    return statuses.some((status) => status !== 0) ? 1 : 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function fuzzPart(part: Fuzzed, compiler: string, folder: string, plan: LauncherPlan): number {
  const program = join(folder, part)
  const complaint = build(part, compiler, program, LIBFUZZER)
  if (complaint !== null) {
    plan.log(`cannot build ${part} for libFuzzer (Debian: apt-get install ${CLANG_PACKAGES}): ${complaint}`)
    return 1
  }
  const findings = join(plan.findings, `launcher-${part}`)
  const grown = join(folder, `${part}-corpus`)
  for (const made of [findings, grown]) mkdirSync(made, { recursive: true })
  const limits = [`-max_total_time=${plan.seconds}`, `-max_len=${INPUT_MAX}`, '-timeout=10', '-rss_limit_mb=2048']
  const { status, stderr } = spawnSync(
    program,
    [...limits, `-seed=${plan.seed}`, `-artifact_prefix=${findings}/`, grown, join(CORPUS, `launcher-${part}`)],
    { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const last = (pattern: RegExp): string => stderr.match(pattern)?.at(-1) ?? ''
  plan.log(
    `launcher ${part}: ${last(/Done .*/g) || `ended with ${status}`}; ${last(/cov: \d+ ft: \d+/g)}; ` +
      `${readdirSync(grown).length} inputs reached new code`,
  )
  if (status !== 0) plan.log(`${stderr.slice(-3000)}\nthe input is below ${findings}`)
  return status === 0 ? 0 : 1
}
