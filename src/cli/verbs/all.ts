import { AUTHORS } from './authors.ts'
import { HOSTS } from './hosts.ts'
import { LIFECYCLE } from './lifecycle.ts'
import { MORE } from './more.ts'
import { OPERATORS } from './operators.ts'
import { RUNNING } from './running.ts'
import type { VerbGroup } from './verb.ts'

/** Every command, in the order help tells of them. */
export const VERBS: readonly VerbGroup[] = [AUTHORS, HOSTS, LIFECYCLE, RUNNING, OPERATORS, MORE]
