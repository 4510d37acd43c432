// The whole path, once, for real: four plugins from a folder to a sandboxed run, an MCP client that talks to one of
// them, three refusals and three limits. Every step is held to what it must do, so this is a test as well.

import { farewell, printSummary } from './demo/epilogue.mjs'
import { journeys, keys } from './demo/journey.mjs'
import { limits } from './demo/limits.mjs'
import { conversation } from './demo/mcp.mjs'
import { refusals } from './demo/refusals.mjs'
import { Score, Unexpected } from './demo/score.mjs'
import { Screen } from './demo/screen.mjs'
import { Shell } from './demo/shell.mjs'
import { Stage } from './demo/stage.mjs'

const started = performance.now()
const screen = new Screen()
const score = new Score()
const stage = new Stage()
const shell = new Shell(stage, screen, score)
const demo = { screen, score, stage, shell, summary: { plugins: [], refusals: [], limits: [] } }

process.once('exit', () => stage.strike())
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
]) {
  process.once(signal, async () => {
    await shell.interrupt()
    process.exit(128 + number)
  })
}

try {
  screen.say(`Everything happens in ${stage.folder}, which goes away afterwards.`)
  await canSandbox(demo)
  await keys(demo)
  await journeys(demo)
  await conversation(demo)
  await refusals(demo)
  await limits(demo)
  await farewell(demo)
} catch (error) {
  if (!(error instanceof Unexpected)) throw error
  screen.gap()
  screen.failed(error.message)
  process.exitCode ||= 1
}
printSummary(demo)
screen.gap()
const line = `${score.passed} passed, ${score.failed} failed, in ${((performance.now() - started) / 1000).toFixed(0)} s`
if (score.failed === 0) screen.passed(line)
else screen.failed(line)
