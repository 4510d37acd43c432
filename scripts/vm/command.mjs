import { spawnSync } from 'node:child_process'
import { Fault } from './fault.mjs'

/** Runs a program to its end and gives its standard output. A program that fails is a fault that quotes its own words. */
export function run(program, args, options = {}) {
  const done = attempt(program, args, options)
  if (done.ok) return done.output
  throw new Fault(`cannot run ${program} ${args.slice(0, 4).join(' ')}: ${done.words}`)
}

/** The same where failing is an answer. */
export function attempt(program, args, options = {}) {
  const done = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    // Debian's tools are read by machine here, so their words must not depend on the caller's language.
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    ...options,
  })
  const words = done.error?.message ?? lastLines(done.stderr, 3) ?? `status ${done.status}`
  return { ok: done.status === 0, output: done.stdout ?? '', words }
}

function lastLines(text, count) {
  return text?.trim() ? text.trim().split('\n').slice(-count).join(' / ') : undefined
}
