// The attacker's program in a compartment, and the two-sided question every test here asks: contained with all
// layers on, and not contained once the layer under test is switched off.

import assert from 'node:assert/strict'
import { compartment, compileFile, type Layer, launch, type Result, type Run } from '../../runtime/launcher/launch.ts'

let program: string | undefined

export function attackerProgram(): string {
  program ??= compileFile(import.meta.dirname, 'attack.c')
  return program
}

export type Setting = Omit<Run, 'in' | 'args'> & { readonly in?: Run['in'] }

export async function attack(args: readonly string[], setting: Setting = {}): Promise<Result> {
  return await launch({ in: compartment(attackerProgram()), ...setting, args })
}

/** `yes`, `no EPERM`, …: the attacker's own account. */
export function account(result: Result): string {
  assert.equal(result.ended?.outcome, 'exited', `the attacker did not finish: ${result.report}`)
  return result.stdout.trim()
}

/** Fails unless `contained` holds with every layer, and `loose` holds without `layers`. */
export async function holdsOnlyWith(
  layers: readonly Layer[],
  args: readonly string[],
  contained: RegExp,
  loose: RegExp,
  setting: Setting = {},
): Promise<void> {
  assert.match(account(await attack(args, setting)), contained, `with every layer: ${args.join(' ')}`)
  const off = await attack(args, { ...setting, weaker: [...(setting.weaker ?? []), ...layers] })
  // What succeeds may have brought down the sandbox with it: its word is enough.
  assert.match(off.stdout.trim(), loose, `without ${layers.join(', ')}: ${args.join(' ')}`)
}
