// The whole path, once, for real: four plugins from a folder to a sandboxed run, an MCP client that talks to one of
// them, a registry with updates and the way back, three refusals and three limits. Every step is held to what it must do, so this is a test as well.
import { constants } from 'node:os'
import { farewell, printSummary } from './demo/epilogue.mjs'
import { canSandbox } from './demo/host.mjs'
import { journeys, keys } from './demo/journey.mjs'
import { lifecycle } from './demo/lifecycle.mjs'
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

process.once('exit', () => stage.strikeNow())
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => leave(128 + constants.signals[signal]))
// A reader that has seen enough (`npm run demo | head`) is no failure.
process.stdout.on('error', () => leave(0))

try {
  screen.say(`Everything happens in ${stage.folder}, which goes away afterwards.`)
  await canSandbox(demo)
  await keys(demo)
  await journeys(demo)
  await conversation(demo)
  await lifecycle(demo)
  await refusals(demo)
  await limits(demo)
  await farewell(demo)
} catch (error) {
  await shell.stopIfInterrupted()
  if (!(error instanceof Unexpected)) throw error
  screen.gap()
  screen.failed(error.message)
  process.exitCode ||= 1
}
printSummary(demo)
screen.gap()
const seconds = ((performance.now() - started) / 1000).toFixed(0)
const line = `${score.passed} passed, ${score.failed} failed, in ${seconds} s`
if (process.exitCode) screen.failed(`${line}; the demo ended early`)
else screen.passed(line)
await stage.strike()

async function leave(exitCode) {
  await shell.interrupt()
  await stage.strike()
  process.exit(exitCode)
}
