import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ReleaseSpec } from '../../helpers/authority.ts'
import { type Household, manifestOf } from '../household.ts'

const checkout = resolve(import.meta.dirname, '../../..')
/** The author's kits as they are published. */
const NODE_KIT = readFileSync(resolve(checkout, 'dist/js/plugin.js'))
const PYTHON_KIT = readFileSync(resolve(checkout, 'dist/python/bulkhead_plugin.py'))

/** A release of acme/hello that speaks jsonrpc: `source` is an ES module that imports `./plugin.js`. */
export const nodeSpeaker = (source: string, rest: object = {}, version = '1.0.0'): ReleaseSpec => ({
  version,
  files: {
    'main.mjs': source,
    'plugin.js': NODE_KIT,
    'plugin.json': manifestOf({ version, protocol: 'jsonrpc', entry: { runtime: 'node', path: 'main.mjs' }, ...rest }),
  },
})

/** The same in Python, which starts faster: `source` may import `bulkhead_plugin`. */
export const pythonSpeaker = (source: string, rest: object = {}, version = '1.0.0'): ReleaseSpec => ({
  version,
  files: {
    'main.py': source,
    'bulkhead_plugin.py': PYTHON_KIT,
    'plugin.json': manifestOf({ version, protocol: 'jsonrpc', entry: { runtime: 'python', path: 'main.py' }, ...rest }),
  },
})

/** Answers as the kit would, line by line, until `hostile` is asked for: `body` is what it does then, with `line` and `id` at hand. */
export const hostile = (body: string): ReleaseSpec =>
  pythonSpeaker(`
import json, os, signal, sys, time
out = sys.stdout.buffer
def say(text):
    out.write(text.encode() if isinstance(text, str) else text)
    out.flush()
def answer(id, result):
    say(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}) + "\\n")
for line in sys.stdin.buffer:
    message = json.loads(line)
    id = message.get("id")
    if message.get("method") == "hostile":
${body
  .trim()
  .split('\n')
  .map((line) => `        ${line}`)
  .join('\n')}
    elif id is not None:
        answer(id, message.get("params"))
`)

export async function install(house: Household, spec: ReleaseSpec): Promise<void> {
  await house.install(spec)
}
