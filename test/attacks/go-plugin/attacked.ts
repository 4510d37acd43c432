// A host of a plugin that is out to harm it, by way of what it says and of what it puts into its own /tmp.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type GrpcHouse, grpcHouse } from '../../grpc/house.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

export const skip: string | false = cannotLaunch || (existsSync('/usr/bin/python3') ? false : 'no python3 on this host')

export function attackedHouse(t: TestContext, files: Readonly<Record<string, string>> = {}): Promise<GrpcHouse> {
  const program = readFileSync(join(import.meta.dirname, 'attacker.py'))
  return grpcHouse(t, { entry: { runtime: 'python', path: 'attacker.py' } }, { 'attacker.py': program, ...files })
}
