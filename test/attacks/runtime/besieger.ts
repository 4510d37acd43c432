// The second attacker: what the kernel counts for the whole host, and what outlives its process.

import { compartment, compileFile, launch, type Result, type Running, start } from '../../runtime/launcher/launch.ts'
import type { Setting } from '../launcher/attacker.ts'

let program: string | undefined

export function siegeProgram(): string {
  program ??= compileFile(import.meta.dirname, 'siege.c')
  return program
}

export async function siege(args: readonly string[], setting: Setting = {}): Promise<Result> {
  return await launch({ in: compartment(siegeProgram()), ...setting, args })
}

/** The attack, holding on to what it has until its standard input ends. */
export function besiege(args: readonly string[], setting: Setting = {}): Running {
  const stdio = ['pipe', 'pipe', 'pipe'] as const
  return start({ in: compartment(siegeProgram()), stdio, ...setting, args: [...args, 'hold'] })
}
