// A host of its own, as whoever runs it: installs the program and runs it, as `plugins run` or as a library's run.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Layout } from '../../../src/core/layout.ts'
import { openManager } from '../../../src/index.ts'
import { authority } from '../../helpers/authority.ts'
import { HELLO, manifestOf, trust, writeRelease } from '../../manager/household.ts'

const { folder, program, way, profile, weaker, manifest } = JSON.parse(process.argv[2] ?? '')
const layout = new Layout(join(folder, 'home'))
const publisher = await authority()
const manager = await openManager({ home: layout.home })
await trust(layout, publisher)
const { tarball, bundle } = publisher.publish({
  files: { 'bin/x': readFileSync(program), 'plugin.json': manifestOf(manifest) },
  executable: ['bin/x'],
})
await manager.install(writeRelease(join(folder, 'dist'), tarball, bundle), { consent: () => true })
const options = { profile, weaker, env: { GRANTED: 'secret' } }
writeFileSync(join(folder, 'plan'), JSON.stringify(await manager.plan(HELLO, options)))
if (way === 'command') await manager.execute(HELLO, options)
const run = await manager.run(HELLO, options)
run.stdout?.pipe(process.stdout)
run.stderr?.pipe(process.stderr)
const started = await run.started
if (started === null) console.error(await run.outcome)
process.stdin.on('end', () => void run.close()).resume()
await run.outcome
await manager.close()
