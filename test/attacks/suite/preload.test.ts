import { test } from 'node:test'
import { siege } from './siege.ts'

test(...siege('preload'))
