// Every attack there is.

import type { Attack } from './attack.ts'
import { FILES } from './catalogue/files.ts'
import { KERNEL } from './catalogue/kernel.ts'
import { LIMITS } from './catalogue/limits.ts'
import { NETWORK } from './catalogue/network.ts'
import { PROCESSES } from './catalogue/processes.ts'
import { RIGHTS } from './catalogue/rights.ts'

export const ATTACKS: readonly Attack[] = [...FILES, ...PROCESSES, ...NETWORK, ...KERNEL, ...RIGHTS, ...LIMITS]
