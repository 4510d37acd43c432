// A program of its own for the hand-over tests: it becomes the launcher and never comes back.
import { readFileSync } from 'node:fs'
import { findLauncher, handOver } from '../../../src/runtime/index.ts'

const { plan, spool, outcomeFile } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
handOver(plan, { spool, outcomeFile, binary: findLauncher() })
