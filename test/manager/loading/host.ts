// A host application, to be killed: loads what is installed and says which processes it has.
import { openManager } from '../../../src/index.ts'

const [home = '', name = '', instances = '1'] = process.argv.slice(2)
const plugins = await openManager({ home })
const plugin = await plugins.load(name, { instances: Number(instances) })
// What a plugin has started itself must go too.
await Promise.all(Array.from({ length: Number(instances) }, () => plugin.call('fork')))
const running = (await plugin.stats()).instances
process.stdout.write(`${JSON.stringify(running.map(({ run, pid }) => ({ run, pid })))}\n`)
// Calls are under way when it is killed.
await Promise.allSettled([plugin.call('sleep'), plugin.call('sleep')])
