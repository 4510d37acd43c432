import { readdirSync } from 'node:fs'
import { text } from 'node:stream/consumers'

// Names come as arguments, or else one a line on standard input; a plugin's input and output are those of its caller.
const args = process.argv.slice(2)
const lines = args.length > 0 ? args : (await text(process.stdin)).split('\n')
const names = lines.map((line) => line.trim()).filter((name) => name !== '')

for (const name of names.length > 0 ? names : ['world']) console.log(`Hello, ${name}!`)

const { PLUGIN_NAME = 'a plugin', PLUGIN_VERSION = 'outside of Bulkhead' } = process.env
console.log(
  `I am ${PLUGIN_NAME} ${PLUGIN_VERSION}: user ${process.getuid()}, process ${process.pid}, in ${process.cwd()}`,
)
console.log(`All I see of the machine: ${readdirSync('/').sort().join(' ')}`)
