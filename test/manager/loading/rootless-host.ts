// A host application of an ordinary user: installs what it is given, loads it, calls it, holds one ready.
import { openManager } from '../../../src/index.ts'

const [home = '', tarball = '', key = ''] = process.argv.slice(2)
// Nobody has given this user a cgroup or a range of ids, so what these hold is gone without, by name.
const weaker = ['uid', 'memory', 'processes']
await using plugins = await openManager({ home })
await plugins.trust.add(key, { pattern: 'acme/*' })
const { name } = await plugins.install(tarball, { consent: () => true })
await using plugin = await plugins.load(name, { weaker, settings: { key: 'the-secret' } })
const told = await plugin.call<object>('config')
await using pool = await plugins.warm(name, { weaker, settings: { key: 'the-secret' } })
await using one = await pool.spawn()
one.stdin?.write('{"jsonrpc":"2.0","id":1,"method":"config"}\n')
const answer = await new Promise((resolve) => one.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString())))
process.stdout.write(JSON.stringify({ told, answer, health: (await plugin.health()).status }))
